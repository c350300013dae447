import { ok, NodeConfig, refuse, silent, type Outcome } from '@odradek/base';
import { drain, SimClock } from '@odradek/base/testing';
import { MetadataImage, record, type AdminRequest, type MetadataRecord } from '@odradek/metadata';
import { ErrorCode, type AlterPartitionReassignmentsRequest } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { InternalTopics } from './internal-topics.ts';

const TOPIC_ID = 'TTTTTTTTTTTTTTTTTTTTTA';
const SETTLED_MS = 500;
const RETRIED_MS = 5_000;

/** Broker 1, and a controller that takes what it is told. */
class World {
  readonly clock = new SimClock();
  readonly image = new MetadataImage();
  readonly asked: AlterPartitionReassignmentsRequest[] = [];
  answer: Outcome<{ code: number }> = ok({ code: ErrorCode.NONE });
  readonly topics: InternalTopics;

  constructor(perRequestMax = 100) {
    this.topics = new InternalTopics({
      nodeId: 1,
      clock: this.clock,
      log: silent,
      config: () => new NodeConfig(new Map([['node.id', '1']])),
      image: () => this.image,
      admin: (request) => this.#answer(request) as never,
      perRequestMax,
    });
  }

  apply(...records: readonly MetadataRecord[]): void {
    const endOffset = this.image.endOffset + records.length;
    const delta = this.image.applyBatch({ records, endOffset, epoch: 1 });
    this.topics.changed(delta, this.image);
  }

  brokers(...ids: readonly number[]): void {
    this.apply(...ids.map(brokerRecord));
  }

  /** `__consumer_offsets` with partitions that broker 1 leads alone. */
  create(count: number): void {
    const partitions = Array.from({ length: count }, (_, partition) => partitionRecord(partition, [1]));
    this.apply(record('TopicRecord', { name: '__consumer_offsets', topicId: TOPIC_ID }), ...partitions);
  }

  async passes(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await drain();
  }

  /** How many copies were asked for, of each partition of each request. */
  get copies(): number[][] {
    return this.asked.map(({ topics }) =>
      topics.flatMap(({ partitions }) => partitions.map(({ replicas }) => replicas?.length ?? 0)),
    );
  }

  #answer(request: AdminRequest): Promise<Outcome<unknown>> {
    if (request.kind !== 'alterPartitionReassignments') throw new Error(`nobody asks for ${request.kind} here`);
    this.asked.push(request.request);
    if (!this.answer.ok) return Promise.resolve(this.answer);
    const { code } = this.answer.value;
    const responses = request.request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code, errorMessage: null })),
    }));
    if (code === ErrorCode.NONE) this.#move(request.request);
    return Promise.resolve(ok({ errorCode: ErrorCode.NONE, errorMessage: null, responses }));
  }

  #move({ topics }: AlterPartitionReassignmentsRequest): void {
    const changes = topics.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex, replicas }) => changeRecord(partitionIndex, replicas ?? [])),
    );
    this.apply(...changes);
  }
}

function brokerRecord(brokerId: number): MetadataRecord {
  return record('RegisterBrokerRecord', {
    brokerId,
    isMigratingZkBroker: false,
    incarnationId: 'IIIIIIIIIIIIIIIIIIIIIA',
    brokerEpoch: 0,
    endPoints: [],
    features: [],
    rack: null,
    fenced: false,
    inControlledShutdown: false,
    logDirs: [],
    cordonedLogDirs: null,
  });
}

const UNASSIGNED = 'AAAAAAAAAAAAAAAAAAAAAA';

function partitionRecord(partitionId: number, replicas: readonly number[]): MetadataRecord {
  return record('PartitionRecord', {
    partitionId,
    topicId: TOPIC_ID,
    replicas: [...replicas],
    isr: [...replicas],
    removingReplicas: [],
    addingReplicas: [],
    leader: replicas[0] ?? -1,
    leaderRecoveryState: 0,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: replicas.map(() => UNASSIGNED),
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

function changeRecord(partitionId: number, replicas: readonly number[]): MetadataRecord {
  return record('PartitionChangeRecord', {
    partitionId,
    topicId: TOPIC_ID,
    isr: null,
    leader: -2,
    replicas: [...replicas],
    removingReplicas: null,
    addingReplicas: replicas.filter((id) => id !== 1),
    leaderRecoveryState: -1,
    directories: replicas.map(() => UNASSIGNED),
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

test('internal topics: one that was made while a broker was alone gets the copies of its key once others have joined, in one request', async () => {
  const world = new World();
  world.brokers(1);
  world.create(3);
  await world.passes(SETTLED_MS);
  expect(world.asked).toEqual([]);
  world.brokers(2);
  await world.passes(SETTLED_MS / 2);
  world.brokers(3);
  await world.passes(SETTLED_MS);
  expect(world.copies).toEqual([[3, 3, 3]]);
  await world.passes(10 * RETRIED_MS);
  expect(world.copies).toHaveLength(1);
});

test('internal topics: a broker that joins while copies are being made gets its own, too', async () => {
  const world = new World();
  world.brokers(1, 2);
  world.create(1);
  await world.passes(SETTLED_MS);
  world.brokers(3);
  await world.passes(SETTLED_MS);
  expect(world.copies).toEqual([[2], [3]]);
});

test('internal topics: what the controller refuses, as a whole or of a partition, is asked for again', async () => {
  const world = new World();
  world.brokers(1, 2, 3);
  world.answer = refuse(ErrorCode.REQUEST_TIMED_OUT, 'no controller');
  world.create(1);
  await world.passes(SETTLED_MS);
  world.answer = ok({ code: ErrorCode.INVALID_REPLICA_ASSIGNMENT });
  await world.passes(RETRIED_MS);
  world.answer = ok({ code: ErrorCode.NONE });
  await world.passes(RETRIED_MS);
  await world.passes(10 * RETRIED_MS);
  expect(world.copies).toEqual([[3], [3], [3]]);
});

test('internal topics: a request names no more partitions than it may; the others follow', async () => {
  const world = new World(2);
  world.brokers(1, 2);
  world.create(5);
  await world.passes(SETTLED_MS);
  await world.passes(1);
  await world.passes(1);
  expect(world.copies).toEqual([[2, 2], [2, 2], [2]]);
});

test('internal topics: whoever takes the lead over asks for what its predecessor did not', async () => {
  const world = new World();
  world.brokers(1, 2);
  world.apply(
    record('TopicRecord', { name: '__consumer_offsets', topicId: TOPIC_ID }),
    partitionRecord(0, [2]),
    partitionRecord(1, [2]),
  );
  await world.passes(10 * RETRIED_MS);
  expect(world.asked).toEqual([]);
  const moved = record('PartitionChangeRecord', {
    partitionId: 0,
    topicId: TOPIC_ID,
    isr: [1],
    leader: 1,
    replicas: [1],
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: -1,
    directories: [UNASSIGNED],
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
  world.apply(moved);
  await world.passes(SETTLED_MS);
  expect(world.copies).toEqual([[2]]);
});

test('internal topics: nothing is asked for after the end', async () => {
  const world = new World();
  world.brokers(1, 2);
  world.create(1);
  world.topics.close();
  await world.passes(RETRIED_MS);
  expect(world.asked).toEqual([]);
});
