/**
 * Requests about the cluster (topics, elections, reassignments, features, the quorum) as data, and the run of them against any Kafka: what
 * it answers, without what differs from run to run. `record.ts` runs them against Apache Kafka and writes the answers down,
 * `replay.test.ts` runs them against ours and compares.
 *
 * `<cluster>` and `<directory>` in a request stand for the id of the cluster and that of its controller's metadata directory.
 */
import { apiByKey, ApiKey, errorName, type RequestInput } from '@odradek/protocol';
import { UUID_ZERO } from '@odradek/base';
import { Wire } from '@odradek/testkit';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Where ours answers otherwise by choice. */
export type Chosen = { readonly because: string; readonly answer: Json };

export type Step = {
  readonly what: string;
  /** Whose listener is asked. */
  readonly of: 'broker' | 'controller';
  readonly key: ApiKey;
  readonly version: number;
  readonly body: object;
  readonly ours?: Chosen;
};

export type Told = { readonly step: string; readonly answer: Json };

/** Where a cluster of one node is reached. */
export type Place = { readonly broker: string; readonly controller: string };

/** @returns an answer for each step, `closed` where the connection was closed instead */
export async function play(place: Place, steps: readonly Step[]): Promise<Told[]> {
  const names = await namesOf(place);
  const told: Told[] = [];
  for (const step of steps) {
    const wire = await Wire.open(place[step.of]);
    try {
      const body = JSON.parse(names.filled(JSON.stringify(step.body))) as RequestInput<ApiKey>;
      const answer = await wire.call(step.key, body, step.version).then(
        (given) => names.told(given as Json),
        (error: unknown) => closedBy(error),
      );
      told.push({ step: titleOf(step), answer });
    } finally {
      wire.close();
    }
  }
  return told;
}

export function titleOf({ what, of, key, version }: Step): string {
  return `${of}: ${apiByKey(key).name} ${version}: ${what}`;
}

function closedBy(error: unknown): Json {
  if (error instanceof Error && error.message.includes('closed the connection')) return 'closed';
  throw error;
}

/** Asks the cluster for what stands in answers under a name. */
async function namesOf(place: Place): Promise<Names> {
  const wire = await Wire.open(place.broker);
  try {
    const { clusterId } = await wire.call(ApiKey.DescribeCluster, { includeClusterAuthorizedOperations: false }, 0);
    const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }];
    const quorum = await wire.call(ApiKey.DescribeQuorum, { topics }, 2);
    const [voter] = quorum.topics[0]?.partitions[0]?.currentVoters ?? [];
    return new Names(clusterId, voter?.replicaDirectoryId ?? UUID_ZERO);
  } finally {
    wire.close();
  }
}

/** Fields that differ from run to run, and what stands for a value of theirs that is one at all. */
const varying: Readonly<Record<string, string>> = {
  port: '<port>',
  logEndOffset: '<offset>',
  highWatermark: '<offset>',
  lastFetchTimestamp: '<time>',
  lastCaughtUpTimestamp: '<time>',
  leaderEpoch: '<epoch>',
  topicId: '<id>',
  leaderId: '<leader>',
  controllerId: '<leader>',
};
/** Sentences for people are each implementation's own. The settings of a new topic are compared where configuration is. */
const left = new Set(['errorMessage', 'throttleTimeMs', 'configs', 'documentation']);

class Names {
  readonly #cluster: string;
  readonly #directory: string;

  constructor(cluster: string, directory: string) {
    this.#cluster = cluster;
    this.#directory = directory;
  }

  filled(text: string): string {
    return text.replaceAll('<cluster>', this.#cluster).replaceAll('<directory>', this.#directory);
  }

  told(value: Json, name = ''): Json {
    if (isList(value)) {
      const items = value.map((item) => this.told(item, name));
      const isOrdered = items.every((item) => typeof item !== 'object');
      // In which order items are answered is nobody's promise.
      return isOrdered ? items : items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    }
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value).filter(([key]) => !left.has(key));
      return Object.fromEntries(entries.map(([key, inner]) => [key, this.told(inner, key)]));
    }
    if (name === 'errorCode') return errorName(Number(value));
    const stands = varying[name];
    if (stands !== undefined && (typeof value === 'number' ? value > 0 : value !== UUID_ZERO)) return stands;
    if (value === this.#cluster) return '<cluster>';
    return value === this.#directory && value !== UUID_ZERO ? '<directory>' : value;
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
