import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { brokerKeys } from './broker.ts';
import { odradekKeys } from './broker/odradek.ts';
import { LONG_MAX, noEffectReasons } from './declare.ts';
import type { OverrideSpec, Spec, Table } from './declare.ts';
import { groupKeys } from './group.ts';
import { topicKeys } from './topic.ts';
import { allowedText, formatValue, parseValue } from './values.ts';

type Fact = {
  readonly name: string;
  readonly type: string;
  readonly default: unknown;
  readonly valid?: string;
  readonly importance: string;
  readonly update?: string;
  readonly internal?: boolean;
  readonly serverDefault?: string;
  readonly emptyAllowed?: boolean;
};

/** Taken from Apache Kafka 4.3.1 by reflection. */
const facts = JSON.parse(
  readFileSync(new URL('./test-data/kafka-4.3.1-configs.json', import.meta.url), 'utf8'),
) as Readonly<Record<'broker' | 'topic' | 'group', readonly Fact[]>>;

const tables: readonly (readonly ['broker' | 'topic' | 'group', Table])[] = [
  ['broker', brokerKeys],
  ['topic', topicKeys],
  ['group', groupKeys],
];
const rows = tables.flatMap(([kind, table]) =>
  Object.entries(table).map(([name, spec]): [string, string, OverrideSpec] => [kind, name, spec]),
);

describe.each(tables)('%s keys', (kind, table) => {
  test('are those of Kafka 4.3.1, and ours', () => {
    const ours = kind === 'broker' ? Object.keys(odradekKeys) : [];
    expect(Object.keys(table).toSorted()).toEqual([...facts[kind].map(({ name }) => name), ...ours].toSorted());
  });

  test('have its types, importance, update classes and bounds', () => {
    for (const fact of facts[kind]) {
      const spec = table[fact.name] as OverrideSpec;
      const told = {
        type: spec.type,
        update: kind === 'broker' ? (spec.reload ?? 'read-only') : undefined,
        importance: spec.importance ?? 'medium',
        internal: spec.internal ?? false,
        brokerKey: spec.brokerKey,
      };
      const want = {
        type: fact.type,
        update: kind === 'broker' ? fact.update : undefined,
        importance: fact.importance,
        internal: fact.internal ?? false,
        brokerKey: fact.serverDefault,
      };
      expect(told, fact.name).toEqual(want);
      expect(boundsOf(spec), fact.name).toEqual(boundsOfFact(fact));
    }
  });

  test("have its defaults, or say in the row what Kafka's is", () => {
    for (const fact of facts[kind]) {
      const spec = table[fact.name] as OverrideSpec;
      const kafkas = 'kafkaDefault' in spec ? spec.kafkaDefault : spec.default;
      expect(kafkas === LONG_MAX ? '9223372036854775807' : kafkas, fact.name).toEqual(fact.default);
    }
  });
});

function boundsOf(spec: Spec): unknown {
  return [spec.min, spec.max, spec.oneOf, spec.type === 'list' ? spec.nonEmpty === true : undefined];
}

function boundsOfFact(fact: Fact): unknown {
  const valid = fact.valid ?? '';
  const range = /^\[(-?[\d.]+),\.\.\.(?:,(-?[\d.]+))?\]/.exec(valid);
  const names = /^(?:\(case insensitive\) )?\[([A-Za-z][A-Za-z0-9_-]*(?:, [A-Za-z0-9_-]+)*)\]$/.exec(valid);
  const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  return [
    numberOf(range?.[1]),
    numberOf(range?.[2]),
    names?.[1]?.split(', '),
    fact.type === 'list' ? fact.emptyAllowed === false : undefined,
  ];
}

test('every default passes its own check and survives being written and read', () => {
  for (const [kind, name, spec] of rows.filter(([, , each]) => each.default !== null)) {
    const text = formatValue(spec, spec.default) ?? '';
    expect(parseValue(spec, text), `${kind} ${name}`).toEqual({ ok: true, value: spec.default });
  }
});

test('every key says in whole sentences what it does and what it takes, and why when it does nothing', () => {
  for (const [kind, name, spec] of rows) {
    expect(spec.doc, `${kind} ${name}`).toMatch(/^[A-Z_a-z].{15,}\.$/);
    expect(allowedText(spec).length, name).toBeGreaterThan(3);
    expect(spec.noEffect === undefined || noEffectReasons[spec.noEffect] !== undefined, name).toBe(true);
  }
});

test('every fallback and every broker key exists and is of a kind that fits', () => {
  const broker: Table = brokerKeys;
  for (const [, name, spec] of rows) {
    for (const fallback of spec.fallback ?? []) {
      expect(broker[fallback.name], name).toBeDefined();
      expect(broker[fallback.name]?.type === 'list', name).toBe(spec.type === 'list');
    }
    expect(spec.brokerKey === undefined ? spec.type : broker[spec.brokerKey]?.type, name).toBe(spec.type);
  }
});
