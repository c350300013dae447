import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ApiKey, buildBatch, encodeAssignment, ErrorCode } from '@odradek/protocol';
import { startKafka, Wire, type Kafka } from './index.ts';

const WITHIN_MS = 30_000;

async function produce(cluster: Kafka, topic: string, values: readonly string[]): Promise<void> {
  using wire = await Wire.open(cluster.bootstrap);
  const records = buildBatch(
    {},
    values.map((value) => ({ timestampMs: Date.now(), value: Buffer.from(value) })),
  );
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  const { responses } = await wire.call(ApiKey.Produce, { acks: -1, timeoutMs: 20_000, topicData }, 12);
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
}

test('startKafka: a broker on a free port of TCP takes records, in memory by default', async () => {
  await using cluster = await startKafka();
  expect(cluster.bootstrap).toMatch(/^localhost:\d+$/);
  expect(cluster.brokers).toEqual([{ id: 1, host: 'localhost', port: Number(cluster.bootstrap.split(':')[1]) }]);
  expect(cluster.directory).toBeUndefined();
  await cluster.createTopic('orders', { partitions: 3, config: { 'retention.ms': 60_000 } });
  await produce(cluster, 'orders', ['a', 'b']);
  await cluster.waitForOffset('orders', 0, 2);
  expect(await cluster.endOffset('orders')).toBe(2);
  expect(await cluster.endOffset('orders', 2)).toBe(0);
});

test('startKafka: many run side by side, each with its own topics', async () => {
  const clusters = await Promise.all(Array.from({ length: 8 }, () => startKafka()));
  expect(new Set(clusters.map(({ bootstrap }) => bootstrap)).size).toBe(8);
  await Promise.all(clusters.map((cluster) => cluster.createTopic('same-name')));
  await clusters[0]?.createTopic('only-here');
  await expect(clusters[1]?.endOffset('only-here')).rejects.toThrow('UNKNOWN_TOPIC_OR_PARTITION');
  await Promise.all(clusters.map((cluster) => cluster.stop()));
});

test('startKafka: the end of the scope closes the port and removes a temporary directory', async () => {
  let left: Kafka;
  {
    await using cluster = await startKafka({ storage: 'directory' });
    left = cluster;
    await cluster.createTopic('files');
    expect(existsSync(`${cluster.directory}/files-0`)).toBe(true);
  }
  expect(existsSync(left.directory ?? '/')).toBe(false);
  await expect(Wire.open(left.bootstrap)).rejects.toThrow(/ECONNREFUSED/);
});

test('startKafka: what is wrong is told when it is asked for', async () => {
  await expect(startKafka({ nodes: 0 })).rejects.toThrow('nodes: 0: it must be a whole number from 1 to 9');
  await expect(startKafka({ nodes: 3, clock: 'virtual' })).rejects.toThrow('use nodes: 1');
  await expect(startKafka({ config: { 'num.partitions': 'many' } })).rejects.toThrow(/num\.partitions/);
  await using cluster = await startKafka();
  await expect(cluster.createTopic('bad/name')).rejects.toThrow(/INVALID_TOPIC_EXCEPTION/);
  await expect(cluster.waitForTopic('absent', 50)).rejects.toThrow("not within 50 ms: topic 'absent' has leaders");
});

test('startKafka: a directory is found again by the next start', async () => {
  await using first = await startKafka({ storage: 'directory' });
  const { directory } = first;
  await using second = await startKafka({ directory: `${directory}/inner` });
  await second.createTopic('kept');
  await produce(second, 'kept', ['x']);
  await second.stop();
  await using third = await startKafka({ directory: `${directory}/inner` });
  expect(await third.endOffset('kept')).toBe(1);
});

const member = {
  groupInstanceId: null,
  protocolType: 'consumer',
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 60_000,
};

/** A member of a classic group, joined and with its assignment; JoinGroup 3 takes it in at once. */
async function joined(wire: Wire, groupId: string): Promise<{ memberId: string; generationId: number }> {
  const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }];
  const join = await wire.call(ApiKey.JoinGroup, { ...member, groupId, memberId: '', protocols }, 3);
  expect(join.errorCode).toBe(ErrorCode.NONE);
  const { memberId, generationId } = join;
  const assignment = encodeAssignment(0, { assignedPartitions: [{ topic: 'orders', partitions: [0, 1] }] });
  const assignments = [{ memberId, assignment }];
  const sync = await wire.call(ApiKey.SyncGroup, { groupId, memberId, generationId, assignments }, 3);
  expect(sync.errorCode).toBe(ErrorCode.NONE);
  return { memberId, generationId };
}

async function groupsReady(cluster: Kafka): Promise<void> {
  using wire = await Wire.open(cluster.bootstrap);
  await cluster.waitFor('groups are served', WITHIN_MS, async () => {
    const { coordinators } = await wire.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: ['any'] });
    if (coordinators[0]?.errorCode !== ErrorCode.NONE) return false;
    const { errorCode } = await wire.call(ApiKey.ListGroups, { statesFilter: [], typesFilter: [] });
    return errorCode === ErrorCode.NONE;
  });
}

async function committed(wire: Wire, groupId: string): Promise<number | undefined> {
  const groups = [{ groupId, topics: [{ name: 'orders', partitionIndexes: [0] }] }];
  const answer = await wire.call(ApiKey.OffsetFetch, { groups }, 9);
  return answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset;
}

async function commit(wire: Wire, groupId: string, who: { memberId: string; generationId: number }): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }];
  const { memberId, generationId: generationIdOrMemberEpoch } = who;
  const request = { groupId, memberId, generationIdOrMemberEpoch, topics: [{ name: 'orders', partitions }] };
  const { topics } = await wire.call(ApiKey.OffsetCommit, request, 8);
  expect(topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.NONE);
}

test('waitForGroup: tells who owns what once the group is as wanted, and what it saw when it never is', async () => {
  await using cluster = await startKafka();
  await cluster.createTopic('orders', { partitions: 2 });
  const waiting = cluster.waitForGroup('billing', { members: 1 });
  await groupsReady(cluster);
  using wire = await Wire.open(cluster.bootstrap);
  const { memberId, generationId } = await joined(wire, 'billing');
  const assignment = [{ topic: 'orders', partitions: [0, 1] }];
  const members = [{ memberId, groupInstanceId: null, clientId: 'wire', assignment }];
  expect(await waiting).toEqual({ groupId: 'billing', type: 'classic', state: 'Stable', members });
  const late = cluster.waitForGroup('billing', { members: 2, timeoutMs: 30 });
  await expect(late).rejects.toThrow(
    "not within 30 ms: group 'billing' is Stable with 2 members; it is Stable with 1 members",
  );
  await expect(cluster.waitForGroup('absent', { timeoutMs: 30 })).rejects.toThrow('it is no such group');
  await wire.call(ApiKey.LeaveGroup, { groupId: 'billing', members: [{ memberId }] });
  expect((await cluster.waitForGroup('billing', { members: 0 })).state).toBe('Empty');
  expect(generationId).toBe(1);
});

test('a virtual clock: a member is out when its session has passed, and kept by a heartbeat in between', async () => {
  await using cluster = await startKafka({ clock: 'virtual' });
  await groupsReady(cluster);
  using wire = await Wire.open(cluster.bootstrap);
  const who = { groupId: 'billing', ...(await joined(wire, 'billing')) };
  const beat = async (): Promise<number> => (await wire.call(ApiKey.Heartbeat, who)).errorCode;
  for (let round = 0; round < 10; round += 1) {
    await cluster.clock.advance('30s');
    expect(await beat()).toBe(ErrorCode.NONE);
  }
  await cluster.clock.advance('46s');
  expect(await beat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  await cluster.waitForGroup('billing', { members: 0 });
});

test('a virtual clock: a member of the consumer protocol is seen with what it owns, and is out when its session has passed', async () => {
  await using cluster = await startKafka({ clock: 'virtual' });
  await cluster.createTopic('orders', { partitions: 2 });
  await groupsReady(cluster);
  using wire = await Wire.open(cluster.bootstrap);
  const who = { groupId: 'billing', memberId: 'one', rebalanceTimeoutMs: 60_000 };
  const joining = { ...who, memberEpoch: 0, subscribedTopicNames: ['orders'], topicPartitions: [] };
  const { memberEpoch, assignment } = await wire.call(ApiKey.ConsumerGroupHeartbeat, joining);
  const taken = { ...who, memberEpoch, topicPartitions: assignment?.topicPartitions ?? [] };
  expect((await wire.call(ApiKey.ConsumerGroupHeartbeat, taken)).errorCode).toBe(ErrorCode.NONE);
  const group = await cluster.waitForGroup('billing', { members: 1 });
  expect(group.type).toBe('consumer');
  expect(group.members).toEqual([
    { memberId: 'one', groupInstanceId: null, clientId: 'wire', assignment: [{ topic: 'orders', partitions: [0, 1] }] },
  ]);
  await cluster.clock.advance('46s');
  expect((await cluster.waitForGroup('billing', { members: 0 })).state).toBe('Empty');
});

test('a virtual clock: offsets go when their group was empty for offsets.retention.minutes, and not before', async () => {
  await using cluster = await startKafka({ clock: 'virtual' });
  await cluster.createTopic('orders', { partitions: 2 });
  await groupsReady(cluster);
  using wire = await Wire.open(cluster.bootstrap);
  await commit(wire, 'billing', await joined(wire, 'billing'));
  const from = cluster.clock.nowMs();
  await cluster.clock.advance('6d');
  expect(await committed(wire, 'billing')).toBe(7);
  await cluster.clock.advance('2d');
  expect(await committed(wire, 'billing')).toBe(-1);
  expect(cluster.clock.nowMs() - from).toBeGreaterThanOrEqual(8 * 86_400_000);
  await commit(wire, 'billing', await joined(wire, 'billing'));
  expect(await committed(wire, 'billing')).toBe(7);
});

test('a virtual clock: records go when their retention has passed, and the topic takes new ones', async () => {
  await using cluster = await startKafka({ clock: 'virtual' });
  await cluster.createTopic('orders', { config: { 'retention.ms': 3_600_000 } });
  const startOffset = async (): Promise<number> => {
    using wire = await Wire.open(cluster.bootstrap);
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -2 }] }];
    const answer = await wire.call(ApiKey.ListOffsets, { replicaId: -1, isolationLevel: 0, topics });
    return answer.topics[0]?.partitions[0]?.offset ?? -1;
  };
  await produce(cluster, 'orders', ['a', 'b']);
  await cluster.clock.advance('50m');
  expect(await startOffset()).toBe(0);
  await cluster.clock.advance('30m');
  await cluster.waitFor('the records are gone', WITHIN_MS, async () => (await startOffset()) === 2);
  await produce(cluster, 'orders', ['c']);
  expect(await cluster.endOffset('orders')).toBe(3);
});

test('a virtual clock: the node works on after ten years, and the machine clock cannot be moved', async () => {
  await using cluster = await startKafka({ clock: 'virtual', storage: 'directory' });
  await cluster.createTopic('orders');
  await cluster.clock.advance('3650d');
  await produce(cluster, 'orders', ['a']);
  await cluster.createTopic('more');
  expect(await cluster.endOffset('orders')).toBe(1);
  await using real = await startKafka();
  expect(Math.abs(real.clock.nowMs() - Date.now())).toBeLessThan(60_000);
  await expect(real.clock.advance('1s')).rejects.toThrow("startKafka({ clock: 'virtual' })");
});
