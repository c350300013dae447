/** Whether every partition can be written to and read, from as many copies as it should have. */
import type { Check, Seen } from './check.ts';
import { counted, together } from './check.ts';
import type { Facts, PartitionFacts, TopicFacts } from './facts.ts';

const BROKERS_FOR_COPIES = 3;

type Of = { readonly topic: TopicFacts; readonly partition: PartitionFacts };

function every({ topics }: Facts): Of[] {
  return topics.flatMap((topic) => topic.partitions.map((partition) => ({ topic, partition })));
}

function nameOf({ topic, partition }: Of): string {
  return `${topic.name}-${partition.partition}`;
}

/** As the leader counts it: more copies than there are cannot be demanded (KIP-966). */
function minIsrOf({ topic, partition }: Of): number {
  return Math.min(Number(topic.configs?.get('min.insync.replicas') ?? 1), partition.replicas.length);
}

/** One finding over all partitions of which something holds. */
function over(holds: (of: Of, facts: Facts) => boolean, tell: (count: string, named: string) => Omit<Seen, 'of'>) {
  return (facts: Facts): Seen[] => {
    const found = every(facts)
      .filter((of) => holds(of, facts))
      .map(nameOf);
    return together(found, (named) => tell(counted(found.length, 'partition'), named));
  };
}

function leaderless({ partition }: Of): boolean {
  return partition.leader === undefined;
}

function underMinIsr(of: Of): boolean {
  return !leaderless(of) && of.partition.isr.length < minIsrOf(of);
}

function underReplicated(of: Of): boolean {
  const { isr, replicas } = of.partition;
  return !leaderless(of) && !underMinIsr(of) && isr.length < replicas.length;
}

function isUp(id: number, { brokers }: Facts): boolean {
  return brokers.some((broker) => broker.id === id && !broker.isFenced);
}

/** What keeps partitions from their copies: brokers that are away, by how many partitions wait for them. */
function missingBrokers(facts: Facts): Seen[] {
  const waiting = new Map<number, number>();
  for (const { partition } of every(facts)) {
    for (const id of partition.replicas) {
      if (!facts.brokers.some((broker) => broker.id === id)) waiting.set(id, (waiting.get(id) ?? 0) + 1);
    }
  }
  return [...waiting]
    .toSorted(([left], [right]) => left - right)
    .map(([id, count]) => ({
      what: `broker ${id} is in no list of brokers, and ${counted(count, 'replica')} ${count === 1 ? 'is' : 'are'} assigned to it`,
      advice: `start broker ${id}; if it is gone for good, move its replicas to others: odradek reassign`,
    }));
}

function notPreferred({ partition }: Of, running: (id: number) => boolean): boolean {
  const { leader, replicas, isr } = partition;
  const [preferred] = replicas;
  if (leader === undefined || preferred === undefined || leader === preferred) return false;
  // What is away cannot lead; that is told elsewhere.
  return isr.includes(preferred) && running(preferred);
}

/** Each partition is counted once, for the worst; whether its preferred replica leads is another thing. */
export type PartitionCounts = {
  readonly total: number;
  readonly offline: number;
  readonly underMinIsr: number;
  readonly underReplicated: number;
  readonly notPreferred: number;
};

export function partitionCounts(topics: readonly TopicFacts[], running: ReadonlySet<number>): PartitionCounts {
  const all = topics.flatMap((topic) => topic.partitions.map((partition): Of => ({ topic, partition })));
  const count = (holds: (of: Of) => boolean): number => all.filter(holds).length;
  return {
    total: all.length,
    offline: count(leaderless),
    underMinIsr: count(underMinIsr),
    underReplicated: count(underReplicated),
    notPreferred: count((of) => notPreferred(of, (id) => running.has(id))),
  };
}

function singleCopies(isInternal: boolean, tell: (named: string) => Omit<Seen, 'of'>): Check['find'] {
  return (facts) => {
    if (facts.brokers.length < BROKERS_FOR_COPIES) return [];
    const single = facts.topics.filter(
      (topic) => topic.isInternal === isInternal && topic.partitions.some(({ replicas }) => replicas.length === 1),
    );
    return together(
      single.map(({ name }) => name),
      tell,
    );
  };
}

/** A replica that is not served though its broker runs: its directory has failed. */
function offlineReplica({ partition }: Of, facts: Facts): boolean {
  return partition.offline.some((id) => isUp(id, facts));
}

const area = 'partitions';

export const partitionChecks: readonly Check[] = [
  {
    kind: 'partition-without-leader',
    about: 'Partitions can be neither written nor read.',
    area,
    severity: 'error',
    find: over(leaderless, (count, named) => ({
      what: `${count} can be neither written nor read, because no replica in sync is up: ${named}`,
      advice:
        'start the brokers of their replicas (odradek topics describe --unavailable-partitions). Only if those in sync are lost for good: ' +
        'odradek elect-leaders --election-type unclean, which loses what the others lack',
    })),
  },
  {
    kind: 'partition-under-min-isr',
    about: 'Writes with acks=all are refused.',
    area,
    severity: 'error',
    find: over(underMinIsr, (count, named) => ({
      what: `${count} have fewer replicas in sync than min.insync.replicas: writes with acks=all are refused: ${named}`,
      advice:
        'bring the brokers of the missing replicas back, or let them catch up: odradek topics describe --under-min-isr-partitions',
    })),
  },
  {
    kind: 'partition-under-replicated',
    about: 'Replicas are missing in the ISR.',
    area,
    severity: 'warning',
    find: over(underReplicated, (count, named) => ({
      what: `${count} have replicas that are not in sync: ${named}`,
      advice:
        'look at the brokers that are missing in the ISR: away, or slower than what is written (odradek topics describe --under-replicated-partitions)',
    })),
  },
  {
    kind: 'replica-on-unknown-broker',
    about: 'Replicas are assigned to a broker that is in no list.',
    area,
    severity: 'error',
    find: missingBrokers,
  },
  {
    kind: 'replica-offline',
    about: 'A broker runs and cannot open a replica.',
    area,
    severity: 'error',
    find: over(offlineReplica, (count, named) => ({
      what: `${count} have a replica that its broker cannot open, although it runs: ${named}`,
      advice: 'the log directory has failed: mend or replace its disk and start the broker again',
    })),
  },
  {
    kind: 'leader-not-preferred',
    about: 'Another than the first replica leads, which is up and in sync.',
    area,
    severity: 'note',
    find: over(
      (of, facts) => notPreferred(of, (id) => isUp(id, facts)),
      (count, named) => ({
        what: `${count} are led by another than their first replica, which is up and in sync: ${named}`,
        advice: 'odradek elect-leaders --election-type preferred --all-topic-partitions spreads the load again',
      }),
    ),
  },
  {
    kind: 'topic-single-copy',
    about: 'Partitions with one replica, in a cluster of three brokers or more.',
    area,
    severity: 'note',
    find: singleCopies(false, (named) => ({
      what: `partitions with one copy only, in a cluster that could keep three: ${named}`,
      advice:
        'records are gone with the disk of that broker: give the topics more replicas (odradek reassign), if they matter',
    })),
  },
  {
    kind: 'internal-topic-single-copy',
    about: "The same of Kafka's own topics.",
    area,
    severity: 'warning',
    find: singleCopies(true, (named) => ({
      what: `internal topics have partitions with one copy only: ${named}`,
      advice:
        'offsets, groups or transactions stand still while that broker is away, and are lost with its disk: give them three replicas (odradek reassign)',
    })),
  },
];
