/** Whether all brokers are of one version and run at one level of each feature. */
import type { Check, Seen } from './check.ts';
import { some } from './check.ts';
import type { BrokerFacts, Facts } from './facts.ts';

const LEVEL_OF_THE_CLUSTER = 'metadata.version';

function told({ brokers }: Facts): BrokerFacts[] {
  return brokers.filter(({ apis }) => apis !== undefined);
}

function software(facts: Facts): Seen[] {
  const brokers = told(facts);
  const differing = new Map<string, Set<string>>();
  for (const { apis } of brokers) {
    for (const [name, range] of apis ?? []) differing.set(name, (differing.get(name) ?? new Set()).add(range));
  }
  const names = [...differing]
    .filter(([name, ranges]) => ranges.size > 1 || brokers.some(({ apis }) => apis?.has(name) === false))
    .map(([name]) => name)
    .toSorted();
  if (names.length === 0) return [];
  const groups = new Map<string, number[]>();
  for (const { id, apis } of brokers) {
    const key = names.map((name) => apis?.get(name) ?? '-').join(' ');
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  const who = [...groups.values()].map((ids) => ids.join(', ')).join(' and ');
  return [
    {
      what: `brokers are of different versions: ${who} do not speak the same versions of ${some(names)}`,
      advice: 'finish the rolling upgrade; clients meet the newer answers only on some connections until then',
      of: names,
    },
  ];
}

function levelsDiffer(facts: Facts): Seen[] {
  const names = new Set(told(facts).flatMap(({ finalized }) => [...(finalized?.keys() ?? [])]));
  return [...names].toSorted().flatMap((name): Seen[] => {
    const levels = told(facts).map(({ id, finalized }) => ({ id, level: finalized?.get(name) ?? 0 }));
    if (new Set(levels.map(({ level }) => level)).size < 2) return [];
    const each = levels.map(({ id, level }) => `${level} on broker ${id}`);
    return [
      {
        what: `${name} is at level ${some(each)}`,
        advice:
          'ask again in a moment; a broker that stays at another level does not hear of metadata any more: restart it',
      },
    ];
  });
}

function beyondBroker(facts: Facts): Seen[] {
  return told(facts).flatMap(({ id, features, finalized }): Seen[] =>
    [...(finalized ?? [])].flatMap(([name, level]) => {
      const known = features?.get(name);
      if (known === undefined || level <= known) return [];
      const advice = `upgrade broker ${id}: it cannot read what is written at that level, and will not start again`;
      return [{ what: `${name} is at level ${level}, and broker ${id} knows levels up to ${known}`, advice }];
    }),
  );
}

function mayBeRaised(facts: Facts): Seen[] {
  const brokers = told(facts);
  const known = brokers.map(({ features }) => features?.get(LEVEL_OF_THE_CLUSTER));
  const levels = brokers.map(({ finalized }) => finalized?.get(LEVEL_OF_THE_CLUSTER));
  if (known.length === 0 || [...known, ...levels].includes(undefined)) return [];
  const highest = Math.min(...known.map((level) => level ?? 0));
  const level = Math.min(...levels.map((each) => each ?? 0));
  if (level >= highest) return [];
  return [
    {
      what: `${LEVEL_OF_THE_CLUSTER} is at level ${level}, and every broker knows ${highest}`,
      advice:
        'once the upgrade has proved itself: odradek features describe, then odradek features upgrade (first with --dry-run)',
    },
  ];
}

const area = 'versions';

export const versionChecks: readonly Check[] = [
  {
    kind: 'versions-differ',
    about: 'Brokers do not speak the same APIs in the same versions.',
    area,
    severity: 'warning',
    find: software,
  },
  {
    kind: 'feature-levels-differ',
    about: 'Brokers say different levels of a feature.',
    area,
    severity: 'warning',
    find: levelsDiffer,
  },
  {
    kind: 'feature-beyond-broker',
    about: 'A feature is at a level that a broker does not know.',
    area,
    severity: 'error',
    find: beyondBroker,
  },
  {
    kind: 'feature-may-be-raised',
    about: 'Every broker knows a higher metadata.version than the cluster is at.',
    area,
    severity: 'note',
    find: mayBeRaised,
  },
];
