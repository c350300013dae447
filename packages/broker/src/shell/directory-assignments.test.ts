import { limits, ok, refuse, silent, type Outcome } from '@odradek/base';
import { SimClock, drain } from '@odradek/base/testing';
import {
  DIRECTORY_UNASSIGNED,
  MetadataImage,
  NO_LEADER_CHANGE,
  NO_RECOVERY_CHANGE,
  record,
  type MetadataRecord,
} from '@odradek/metadata';
import {
  ApiKey,
  ErrorCode,
  type AssignReplicasToDirsRequest,
  type AssignReplicasToDirsResponse,
} from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startSimNode } from '../testing/node.ts';
import { DirectoryAssignments } from './directory-assignments.ts';

const TOPIC_ID = 'TTTTTTTTTTTTTTTTTTTTTA';
const [ONE, TWO] = ['DDDDDDDDDDDDDDDDDDDDDA', 'EEEEEEEEEEEEEEEEEEEEEA'];

/** A broker 1 whose replicas lie by turns in two directories, and a controller that takes what it is told. */
class World {
  readonly clock = new SimClock();
  readonly image = new MetadataImage();
  readonly asked: AssignReplicasToDirsRequest[] = [];
  answer: Outcome<AssignReplicasToDirsResponse> | undefined;
  readonly failed = new Set<string>();
  readonly assignments = new DirectoryAssignments({
    nodeId: 1,
    clock: this.clock,
    log: silent,
    places: this,
    brokerEpoch: () => 7,
    ask: ({ request }) => {
      this.asked.push(request);
      const answered = this.answer ?? ok({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, directories: [] });
      return Promise.resolve(answered);
    },
    perRequestMax: 3,
  });

  directoryOf(_topic: string, partition: number): string | undefined {
    const id = partition % 2 === 0 ? ONE : TWO;
    return this.failed.has(id) ? undefined : id;
  }

  failedDirectoryOf(_topic: string, partition: number): string | undefined {
    const id = partition % 2 === 0 ? ONE : TWO;
    return this.failed.has(id) ? id : undefined;
  }

  online(): string[] {
    return [ONE, TWO].filter((id) => !this.failed.has(id));
  }

  idOf(logDirectory: string): string | undefined {
    return { '/one': ONE, '/two': TWO }[logDirectory];
  }

  create(count: number, replicas: readonly number[]): void {
    const partitions = Array.from({ length: count }, (_, partitionId) => partitionOf(partitionId, replicas));
    this.apply(record('TopicRecord', { name: 't', topicId: TOPIC_ID }), ...partitions);
  }

  apply(...records: readonly MetadataRecord[]): void {
    this.assignments.changed(
      this.image.applyBatch({ records, endOffset: this.image.endOffset + records.length, epoch: 1 }),
      this.image,
    );
  }

  /** What was told in each request, by directory. */
  get told(): unknown[] {
    return this.asked.map(({ directories }) =>
      directories.map(({ id, topics }) => [
        id,
        topics.flatMap(({ partitions }) => partitions.map((each) => each.partitionIndex)),
      ]),
    );
  }
}

function partitionOf(partitionId: number, replicas: readonly number[]): MetadataRecord {
  return record('PartitionRecord', {
    partitionId,
    topicId: TOPIC_ID,
    replicas,
    isr: replicas,
    removingReplicas: [],
    addingReplicas: [],
    leader: replicas[0] ?? -1,
    leaderRecoveryState: 0,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: replicas.map(() => DIRECTORY_UNASSIGNED),
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

/** The controller has taken what it was told of a partition with one replica. */
function placed(partitionId: number, directory: string): MetadataRecord {
  return record('PartitionChangeRecord', {
    partitionId,
    topicId: TOPIC_ID,
    isr: null,
    leader: NO_LEADER_CHANGE,
    replicas: null,
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: NO_RECOVERY_CHANGE,
    directories: [directory],
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

test('directories: what lies here is told, so many partitions a request, and only once', async () => {
  const world = new World();
  world.create(4, [2, 1]);
  await drain();
  expect(world.told).toEqual([
    [
      [ONE, [0, 2]],
      [TWO, [1]],
    ],
    [[TWO, [3]]],
  ]);
  expect(world.asked[0]).toMatchObject({ brokerId: 1, brokerEpoch: 7 });
});

test('directories: replicas of other brokers are not told', async () => {
  const world = new World();
  world.create(4, [2, 3]);
  await drain();
  expect(world.told).toEqual([]);
});

test('directories: what a controller did not take is told again after a while, unless the topic is gone', async () => {
  const world = new World();
  world.answer = refuse(ErrorCode.NOT_CONTROLLER, 'nobody leads');
  world.create(1, [1]);
  await drain();
  world.answer = ok({ throttleTimeMs: 0, errorCode: ErrorCode.STALE_BROKER_EPOCH, directories: [] });
  await world.clock.advance(500);
  await drain();
  expect(world.told).toEqual([[[ONE, [0]]], [[ONE, [0]]]]);
  world.apply(record('RemoveTopicRecord', { topicId: TOPIC_ID }));
  await world.clock.advance(5_000);
  await drain();
  expect(world.told.length).toBe(2);
});

test('directories: the controller of a broker with several knows where each of its replicas lies', async () => {
  const node = await startSimNode({ config: { 'log.dirs': '/one,/two' }, limits: { ...limits.production } });
  const topic = { name: 't', numPartitions: 4, replicationFactor: 1, assignments: [], configs: [] };
  await node.connect().request(ApiKey.CreateTopics, 7, { topics: [topic], timeoutMs: 1_000, validateOnly: false });
  const told = (): Set<string> =>
    new Set(
      node.broker
        .image()
        .topics.byName('t')
        ?.partitions.flatMap(({ directories }) => directories),
    );
  for (let tries = 0; told().has(DIRECTORY_UNASSIGNED); tries += 1) {
    expect(tries, 'it is told soon').toBeLessThan(100);
    await node.clock.advance(10);
  }
  expect([...told()].sort()).toEqual([...(node.broker.image().cluster.broker(1)?.logDirs ?? [])].sort());
  await node.close();
});

test('directories: one whose directory has failed is told of when the controller believes that it works, else not', async () => {
  const world = new World();
  world.create(3, [1]);
  await drain();
  world.apply(placed(0, ONE), placed(2, ONE));
  world.asked.length = 0;
  world.failed.add(TWO);
  world.assignments.placesChanged();
  await drain();
  // Nobody had said where partition 1 lies; where 0 and 2 lie is known, and works.
  expect(world.told).toEqual([[[TWO, [1]]]]);
  world.apply(placed(1, TWO));
  world.asked.length = 0;
  world.assignments.placesChanged();
  await drain();
  expect(world.told).toEqual([]);
});

test('directories: a replica that moves is told to lie where it goes until the move is settled', async () => {
  const world = new World();
  world.create(1, [1]);
  await drain();
  world.apply(placed(0, ONE));
  world.asked.length = 0;
  const moved = world.assignments.moving('t', 0, '/two');
  await drain();
  expect(world.told).toEqual([[[TWO, [0]]]]);
  world.apply(placed(0, TWO));
  expect(await moved).toBe(true);
  // Given up: it still lies in the first one.
  world.asked.length = 0;
  world.assignments.settled('t', 0);
  await drain();
  expect(world.told).toEqual([[[ONE, [0]]]]);
  world.apply(placed(0, ONE));
  const again = world.assignments.moving('t', 0, '/two');
  world.apply(record('RemoveTopicRecord', { topicId: TOPIC_ID }));
  expect(await again).toBe(false);
  expect(await world.assignments.moving('t', 0, '/two')).toBe(false);
});
