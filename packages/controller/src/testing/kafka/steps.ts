/** The steps of scenarios in few words. */
import type { AdminStep, Json, Scenario, Step } from './scenario.ts';

export const register = (broker: number, rack?: string): Step =>
  rack === undefined ? { do: 'register', broker } : { do: 'register', broker, rack };
export const beat = (broker: number): Step => ({ do: 'beat', broker });
/** Registered and unfenced. */
export const up = (...brokers: readonly number[]): Step[] =>
  brokers.flatMap((broker) => [register(broker), beat(broker)]);
export const fence = (broker: number): Step => ({ do: 'beat', broker, fence: true });
export const stop = (broker: number): Step => ({ do: 'beat', broker, stop: true });
export const isr = (topic: string, members: readonly number[], partition = 0): Step => ({
  do: 'isr',
  topic,
  partition,
  isr: members,
});

export const admin = (kind: AdminStep['kind'], request: Json): AdminStep => ({ do: 'admin', kind, request });

type Topic = {
  readonly name: string;
  readonly replicas?: readonly (readonly number[])[];
  readonly partitions?: number;
  readonly factor?: number;
  readonly assignments?: Json;
  readonly configs?: Readonly<Record<string, string | null>>;
};

export function create(topics: readonly Topic[], validateOnly = false): Step {
  return admin('createTopics', {
    topics: topics.map((topic) => {
      const given = (topic.replicas ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
      const isGiven = topic.replicas !== undefined || topic.assignments !== undefined;
      return {
        name: topic.name,
        numPartitions: topic.partitions ?? (isGiven ? -1 : 1),
        replicationFactor: topic.factor ?? (isGiven ? -1 : 1),
        assignments: topic.assignments ?? given,
        configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
      };
    }),
    timeoutMs: 10_000,
    validateOnly,
  });
}

/** One partition, or several, on given replicas. */
export const place = (name: string, ...replicas: readonly (readonly number[])[]): Step => create([{ name, replicas }]);

type Grown = { readonly name: string; readonly count: number; readonly replicas?: readonly (readonly number[])[] };

export const grow = (topics: readonly Grown[], validateOnly = false): Step =>
  admin('createPartitions', {
    topics: topics.map(({ name, count, replicas }) => ({
      name,
      count,
      assignments: replicas === undefined ? null : replicas.map((brokerIds) => ({ brokerIds })),
    })),
    timeoutMs: 10_000,
    validateOnly,
  });

/** By partition; null cancels. */
export const reassign = (
  name: string,
  partitions: Readonly<Record<number, readonly number[] | null>>,
  allowReplicationFactorChange = true,
): Step =>
  admin('alterPartitionReassignments', {
    timeoutMs: 10_000,
    allowReplicationFactorChange,
    topics: [{ name, partitions: partitionsOf(partitions) }],
  });

const partitionsOf = (partitions: Readonly<Record<number, readonly number[] | null>>): Json =>
  Object.entries(partitions).map(([index, replicas]) => ({ partitionIndex: Number(index), replicas }));

/** null: all that are under way. */
export const list = (topics: Readonly<Record<string, readonly number[]>> | null = null): Step =>
  admin('listPartitionReassignments', {
    timeoutMs: 10_000,
    topics:
      topics === null ? null : Object.entries(topics).map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
  });

export const elect = (electionType: number, topics: Readonly<Record<string, readonly number[]>> | null): Step =>
  admin('electLeaders', {
    electionType,
    topicPartitions:
      topics === null ? null : Object.entries(topics).map(([topic, partitions]) => ({ topic, partitions })),
    timeoutMs: 10_000,
  });

export const unregister = (brokerId: number): Step => admin('unregisterBroker', { brokerId });

/** By name, or by `<name>` as id. */
export const remove = (...names: readonly string[]): Step =>
  admin('deleteTopics', {
    topics: names.map((name) =>
      name.startsWith('<') ? { name: null, topicId: name } : { name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
    ),
    topicNames: [],
    timeoutMs: 10_000,
  });

type Entry = readonly [name: string, operation: number, value: string | null];
type Resource = readonly [type: number, name: string, ...entries: readonly Entry[]];

export const configure = (resources: readonly Resource[], validateOnly = false): Step =>
  admin('incrementalAlterConfigs', {
    resources: resources.map(([resourceType, resourceName, ...entries]) => ({
      resourceType,
      resourceName,
      configs: entries.map(([name, configOperation, value]) => ({ name, configOperation, value })),
    })),
    validateOnly,
  });

type Whole = readonly [type: number, name: string, entries: Readonly<Record<string, string | null>>];

export const configureWhole = (resources: readonly Whole[], validateOnly = false): Step =>
  admin('alterConfigs', {
    resources: resources.map(([resourceType, resourceName, entries]) => ({
      resourceType,
      resourceName,
      configs: Object.entries(entries).map(([name, value]) => ({ name, value })),
    })),
    validateOnly,
  });

export const plain = (name: string, steps: readonly Step[]): Scenario[] => [{ name, elr: false, steps }];

/** The same without ELR and with it. */
export const both = (name: string, steps: readonly Step[]): Scenario[] => [
  { name, elr: false, steps },
  { name: `${name} (ELR)`, elr: true, steps },
];
