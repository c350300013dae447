/** The requests of the lists, each with what most of them say. */
import { type ApiKey, ConfigResourceType, type RequestInput } from '@odradek/protocol';
import type { Step } from './steps.ts';

type Of = Step['of'];

const both: readonly Of[] = ['broker', 'controller'];

export function step<K extends ApiKey>(
  of: Of,
  [key, version]: readonly [K, number],
  what: string,
  body: RequestInput<K>,
): Step {
  return { of, key, version, what, body };
}

/** The same asked in several versions, of brokers and controllers. */
export function each<K extends ApiKey>(
  key: K,
  versions: readonly number[],
  what: string,
  body: RequestInput<K>,
): Step[] {
  return both.flatMap((of) => versions.map((version) => step(of, [key, version], what, body)));
}

/** A directory of no controller. */
export const ELSEWHERE = 'AQEBAQEBAQEBAQEBAQEBAQ';

export const METADATA = '__cluster_metadata';

export const listener = { name: 'CONTROLLER', host: '127.0.0.1', port: 9093 };

type Voter = Partial<RequestInput<80>>;

export const voter = (change: Voter = {}): RequestInput<80> => ({
  clusterId: '<cluster>',
  timeoutMs: 2_000,
  voterId: 9,
  voterDirectoryId: ELSEWHERE,
  listeners: [listener],
  ...change,
});

export const gone = (change: Partial<RequestInput<81>> = {}): RequestInput<81> => ({
  clusterId: '<cluster>',
  voterId: 9,
  voterDirectoryId: ELSEWHERE,
  ...change,
});

export const made = (name: string, change: object = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...change,
});

export const created = (...topics: ReturnType<typeof made>[]): RequestInput<19> => ({
  topics,
  timeoutMs: 5_000,
  validateOnly: false,
});

export const grown = (...topics: RequestInput<37>['topics']): RequestInput<37> => ({
  topics,
  timeoutMs: 5_000,
  validateOnly: false,
});

export const { BROKER, TOPIC, GROUP } = ConfigResourceType;

export const described = (resourceType: number, resourceName: string) => ({
  resources: [{ resourceType, resourceName, configurationKeys: ['retention.ms'] }],
  includeSynonyms: false,
  includeDocumentation: false,
});

export const changed = (resourceType: number, resourceName: string, name: string, value: string): RequestInput<44> => ({
  resources: [{ resourceType, resourceName, configs: [{ name, configOperation: 0, value }] }],
  validateOnly: false,
});

export const elected = (
  electionType: number | undefined,
  ...named: (readonly [string, number[]])[]
): RequestInput<43> => ({
  ...(electionType === undefined ? {} : { electionType }),
  topicPartitions: named.map(([topic, partitions]) => ({ topic, partitions })),
  timeoutMs: 5_000,
});

type Moved = readonly [partitionIndex: number, replicas: number[] | null];

export const moved = (name: string, ...partitions: Moved[]) => ({
  name,
  partitions: partitions.map(([partitionIndex, replicas]) => ({ partitionIndex, replicas })),
});

export const reassigned = (...moves: ReturnType<typeof moved>[]): RequestInput<45> => ({
  timeoutMs: 5_000,
  topics: moves,
});

type Level = {
  readonly feature: string;
  readonly maxVersionLevel: number;
  readonly allowDowngrade?: boolean;
  readonly upgradeType?: number;
};

export const levels = (...featureUpdates: Level[]): RequestInput<57> => ({ timeoutMs: 5_000, featureUpdates });
