/** How far groups are behind, and why they rebalanced: from client bytes to answers and metrics, on a whole simulated node. */
import { UUID_ZERO } from '@odradek/base';
import { encodeAssignment, encodeSubscription, ErrorCode } from '@odradek/protocol';
import type { ResponseOf } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Authorizer } from '../core/authorizer.ts';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimClient, SimNode, SimNodeOptions } from '../testing/sim-client.ts';

type Lag = ResponseOf<10000>['groups'][number];
type World = SimNode & { readonly client: SimClient };

const GROUP = 'g';

async function world(options: SimNodeOptions = {}): Promise<World> {
  const sim = await startSimNode(options);
  const client = await sim.connect('app');
  await createTopic(client, 'orders', { partitions: 2 });
  await client.ask(10, { keyType: 0, coordinatorKeys: [GROUP] });
  await sim.clock.advance(100);
  return { ...sim, client };
}

async function produce({ client, clock }: World, count: number, index = 0, name = 'orders'): Promise<void> {
  const topicData = [{ name, partitionData: [{ index, records: batchOf(count, {}, clock.nowMs()) }] }];
  await client.ask(0, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }, 12);
}

async function commit({ client }: World, committedOffset: number, partitionIndex = 0, name = 'orders'): Promise<void> {
  const topics = [{ name, partitions: [{ partitionIndex, committedOffset, committedMetadata: '' }] }];
  await client.ask(8, { groupId: GROUP, generationIdOrMemberEpoch: -1, memberId: '', topics }, 9);
}

async function deleteRecords({ client }: World, offset: number, partitionIndex = 0): Promise<void> {
  const topics = [{ name: 'orders', partitions: [{ partitionIndex, offset }] }];
  await client.ask(21, { topics, timeoutMs: 1_000 });
}

async function lagOf({ client }: { readonly client: SimClient }, groupId = GROUP): Promise<Lag> {
  const { groups } = await client.ask(10000, { groupIds: [groupId] });
  const [lag] = groups;
  if (lag === undefined) throw new Error('one group was asked for');
  return lag;
}

const rowsOf = (lag: Lag): Lag['topics'][number]['partitions'] => lag.topics.flatMap(({ partitions }) => partitions);

test('lag: records and their age, against the committed offset, of one instant', async () => {
  const at = await world();
  await produce(at, 5);
  const firstMs = at.clock.nowMs();
  await at.clock.advance(7_000);
  await produce(at, 3);
  await commit(at, 2);
  const committedMs = at.clock.nowMs();
  await at.clock.advance(1_000);
  expect(await lagOf(at)).toMatchObject({
    errorCode: 0,
    groupState: 'Empty',
    groupType: 'classic',
    measuredAtMs: committedMs + 1_000,
    lagRecordsSum: 6,
    lagMsMax: 8_000,
    unknownCount: 0,
    topics: [
      {
        topicName: 'orders',
        partitions: [
          {
            partitionIndex: 0,
            committedOffset: 2,
            committedAtMs: committedMs,
            logStartOffset: 0,
            highWatermark: 8,
            lastStableOffset: 8,
            lagRecords: 6,
            stableLagRecords: 6,
            lagMs: 8_000,
            behindSinceMs: firstMs,
            memberId: null,
            note: null,
          },
        ],
      },
    ],
  });
  await commit(at, 5);
  expect(rowsOf(await lagOf(at))).toMatchObject([{ lagRecords: 3, lagMs: 1_000 }]);
  await commit(at, 8);
  expect(rowsOf(await lagOf(at))).toMatchObject([{ lagRecords: 0, lagMs: 0, behindSinceMs: -1, note: null }]);
});

test('lag: what lies before the log start or beyond the high watermark is no lag, and is said', async () => {
  const at = await world();
  await produce(at, 10);
  await commit(at, 3);
  await deleteRecords(at, 8);
  const [behind] = rowsOf(await lagOf(at));
  expect(behind).toMatchObject({ committedOffset: 3, logStartOffset: 8, lagRecords: 2 });
  expect(behind?.note).toContain('5 offsets from the committed one on are deleted');
  await commit(at, 25);
  const [beyond] = rowsOf(await lagOf(at));
  expect(beyond).toMatchObject({
    committedOffset: 25,
    highWatermark: 10,
    lagRecords: 0,
    stableLagRecords: 0,
    lagMs: 0,
  });
  expect(beyond?.note).toContain('15 beyond the high watermark');
});

test('lag: a topic that was made anew under the same name has no lag from the offsets of the old one', async () => {
  const at = await world();
  await produce(at, 10);
  const { topics } = await at.client.ask(3, { topics: [{ name: 'orders', topicId: UUID_ZERO }] }, 12);
  const topicId = topics[0]?.topicId ?? '';
  const partitions = [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }];
  const commit10 = { groupId: GROUP, generationIdOrMemberEpoch: -1, memberId: '', topics: [{ topicId, partitions }] };
  await at.client.ask(8, commit10, 10);
  expect(await lagOf(at)).toMatchObject({ topics: [{ topicId, partitions: [{ lagRecords: 6 }] }] });
  await at.client.ask(20, { topics: [{ name: 'orders', topicId: UUID_ZERO }], timeoutMs: 5_000 });
  expect((await lagOf(at)).topics).toEqual([]);
});

test('lag: who owns a partition is told, also before anything is committed', async () => {
  const at = await world({ config: { 'group.initial.rebalance.delay.ms': '0' } });
  await produce(at, 4, 1);
  const me = await member(at);
  await me.sync([0, 1]);
  const { groupState, unknownCount, topics } = await lagOf(at);
  expect([groupState, unknownCount]).toEqual(['Stable', 2]);
  expect(topics[0]?.partitions).toMatchObject([
    { partitionIndex: 0, memberId: me.memberId, clientId: 'app', committedOffset: -1, lagRecords: -1, lagMs: -1 },
    { partitionIndex: 1, memberId: me.memberId, highWatermark: 4, lagRecords: -1 },
  ]);
  expect(topics[0]?.partitions[0]?.note).toContain('nothing is committed');
});

test('lag: groups that are not there or not allowed are refused, and topics that are not allowed are left out', async () => {
  const authorizer: Authorizer = {
    allows: (_principal, _host, { name, operation }) => !(operation === 'describe' && name.startsWith('secret')),
    operations: () => 0,
  } as Authorizer;
  const at = await world({ authorizer });
  await createTopic(at.client, 'secret-topic');
  await produce(at, 2);
  await produce(at, 2, 0, 'secret-topic');
  await commit(at, 1);
  await commit(at, 1, 0, 'secret-topic');
  expect(await lagOf(at)).toMatchObject({ lagRecordsSum: 1, topics: [{ topicName: 'orders' }] });
  expect((await lagOf(at)).topics.length).toBe(1);
  expect((await lagOf(at, 'nobody')).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  expect((await lagOf(at, 'secret-group')).errorCode).toBe(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  const { groups } = await at.client.ask(10001, { groupIds: ['secret-group', 'nobody'] });
  expect(groups.map(({ errorCode }) => errorCode)).toEqual([
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ErrorCode.GROUP_ID_NOT_FOUND,
  ]);
});

type Step =
  | { readonly kind: 'produce' | 'commit' | 'deleteRecords'; readonly partition: number; readonly count: number }
  | { readonly kind: 'wait'; readonly ms: number };
const partition = fc.nat(1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('produce' as const), partition, count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('commit' as const), partition, count: fc.nat(25) }),
  fc.record({ kind: fc.constant('deleteRecords' as const), partition, count: fc.nat(25) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 9_000 }) }),
);

/** What a partition is, by everything that was done to it. */
type Truth = { start: number; committed: number; readonly batches: { endOffset: number; atMs: number }[] };

test('lag: after any appends, commits, deletions and time it is exact, and never negative', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const at = await world();
      const truths: Truth[] = [0, 1].map(() => ({ start: 0, committed: -1, batches: [] }));
      for (const each of steps) {
        if (each.kind === 'wait') await at.clock.advance(each.ms);
        else await apply(at, truths, each);
        const { topics, measuredAtMs, errorCode, lagRecordsSum, lagMsMax } = await lagOf(at);
        if (errorCode === ErrorCode.GROUP_ID_NOT_FOUND) continue;
        const told = topics.flatMap(({ partitions }) => partitions);
        expect(told.map(({ partitionIndex }) => partitionIndex)).toEqual(
          truths.flatMap(({ committed }, index) => (committed < 0 ? [] : [index])),
        );
        const expected = told.map(({ partitionIndex }) => expectedOf(truths[partitionIndex], measuredAtMs));
        expect(told).toMatchObject(expected);
        expect(lagRecordsSum).toBe(expected.reduce((sum, { lagRecords }) => sum + lagRecords, 0));
        expect(lagMsMax).toBe(expected.reduce((most, { lagMs }) => Math.max(most, lagMs), 0));
      }
      await ends(at);
    }),
    { numRuns: 40 },
  );
});

async function apply(at: World, truths: readonly Truth[], each: Exclude<Step, { kind: 'wait' }>): Promise<void> {
  const truth = truths[each.partition];
  if (truth === undefined) return;
  const end = truth.batches.at(-1)?.endOffset ?? 0;
  switch (each.kind) {
    case 'produce':
      truth.batches.push({ endOffset: end + each.count, atMs: at.clock.nowMs() });
      return produce(at, each.count, each.partition);
    case 'commit':
      truth.committed = each.count;
      return commit(at, each.count, each.partition);
    case 'deleteRecords':
      if (each.count <= end) truth.start = Math.max(truth.start, each.count);
      return deleteRecords(at, each.count, each.partition);
  }
}

function expectedOf(truth: Truth | undefined, nowMs: number): { lagRecords: number; lagMs: number } {
  const { start, committed, batches } = truth ?? { start: 0, committed: -1, batches: [] };
  const end = batches.at(-1)?.endOffset ?? 0;
  const from = Math.max(start, committed);
  const lagRecords = Math.max(0, end - from);
  const next = batches.find(({ endOffset }) => endOffset > from);
  return { lagRecords, lagMs: lagRecords === 0 || next === undefined ? 0 : nowMs - next.atMs };
}

test('lag: asked while appends, commits and deletions are under way on other connections, no answer contradicts itself', async () => {
  const at = await world();
  const [writer, deleter, committer] = [await at.connect(), await at.connect(), await at.connect()];
  let highWatermark = 0;
  let answers = 0;
  for (let round = 0; round < 60; round += 1) {
    const records = batchOf(1 + (round % 3), {}, at.clock.nowMs());
    const topicData = [{ name: 'orders', partitionData: [{ index: 0, records }] }];
    writer.send(0, 12, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData });
    const partitions = [{ partitionIndex: 0, committedOffset: round * 2, committedMetadata: '' }];
    const topics = [{ name: 'orders', partitions }];
    committer.send(8, 9, { groupId: GROUP, generationIdOrMemberEpoch: -1, memberId: '', topics });
    deleter.send(21, 2, {
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: round }] }],
      timeoutMs: 1_000,
    });
    const lag = await lagOf(at);
    for (const row of rowsOf(lag)) {
      answers += 1;
      const from = Math.max(row.committedOffset, row.logStartOffset);
      expect(row.lagRecords).toBe(Math.max(0, row.highWatermark - from));
      expect(row.stableLagRecords).toBe(Math.max(0, row.lastStableOffset - from));
      expect(row.lagMs).toBeGreaterThanOrEqual(0);
      expect(row.highWatermark).toBeGreaterThanOrEqual(highWatermark);
      highWatermark = row.highWatermark;
    }
    await at.clock.advance(round % 7);
  }
  expect(answers).toBeGreaterThan(50);
  await ends(at);
});

test('lag: gauges follow within a refresh, and go with their group', async () => {
  const at = await world();
  const { metrics } = at.node;
  await produce(at, 5);
  await commit(at, 1);
  await at.clock.advance(10_000);
  const labels = { group: GROUP, topic: 'orders', partition: '0' };
  expect(metrics.value('odradek_group_lag_records', labels)).toBe(4);
  expect(metrics.value('odradek_group_total_lag_records', { group: GROUP })).toBe(4);
  expect(metrics.value('odradek_group_max_lag_seconds', { group: GROUP })).toBeCloseTo(10, 0);
  expect(metrics.value('odradek_group_lag_seconds', labels)).toBeCloseTo(10, 0);
  await commit(at, 5);
  await at.clock.advance(10_000);
  expect(metrics.value('odradek_group_lag_records', labels)).toBe(0);
  expect(metrics.value('odradek_group_lag_seconds', labels)).toBe(0);
  await at.client.ask(42, { groupsNames: [GROUP] });
  await at.clock.advance(10_000);
  for (const name of ['odradek_group_lag_records', 'odradek_group_total_lag_records'] as const)
    expect(metrics.family(name).samples).toEqual([]);
});

test('explain: who joined, who was lost and why, with how long it took; what a rebalance waits for now', async () => {
  const at = await world({ config: { 'group.initial.rebalance.delay.ms': '2000' } });
  const startedMs = at.clock.nowMs();
  const first = await member(at, 2_000);
  await first.sync([0, 1]);
  const other = await at.connect('billing');
  other.send(11, 9, joinBody(''));
  await at.clock.advance(1);
  const required = other.take(11, 9);
  other.send(11, 9, joinBody(required?.memberId ?? ''));
  await at.clock.advance(1);
  await at.clock.advance(3_000);
  const { groups } = await at.client.ask(10001, { groupIds: [GROUP], limit: -1 });
  const [ongoing, stable] = groups[0]?.rebalances ?? [];
  expect(groups[0]).toMatchObject({
    errorCode: 0,
    groupState: 'PreparingRebalance',
    groupType: 'classic',
    rebalanceCount: 2,
  });
  expect(groups[0]?.sinceMs).toBeLessThanOrEqual(startedMs);
  expect(stable).toMatchObject({
    outcome: 'stable',
    epoch: 1,
    assignor: 'range',
    tookMs: 2_000,
    membersBefore: 0,
    membersAfter: 1,
    movedPartitions: 2,
    causes: [{ memberId: first.memberId, clientId: 'app', hint: null }],
    phases: [
      { name: 'waiting for members', tookMs: 2_000, done: true },
      { tookMs: 0, done: true },
    ],
  });
  expect(ongoing).toMatchObject({
    outcome: 'ongoing',
    endedMs: -1,
    tookMs: 3_000,
    causes: [{ clientId: 'billing', memberId: required?.memberId }],
    phases: [{ name: 'waiting for members', tookMs: 3_000, done: false, memberId: first.memberId }],
  });
  expect(ongoing?.phases[0]?.detail).toContain(`waits for ${first.memberId}`);
  const limited = await at.client.ask(10001, { groupIds: [GROUP], limit: 1 });
  expect(limited.groups[0]?.rebalances.map(({ outcome }) => outcome)).toEqual(['ongoing']);
  expect(at.node.metrics.value('odradek_group_rebalance_causes_total', { cause: 'joined' })).toBe(1);
  expect(at.node.metrics.value('odradek_group_rebalances_total', {})).toBe(1);
});

async function member(
  at: World,
  waitMs = 0,
): Promise<{ readonly memberId: string; sync(partitions: readonly number[]): Promise<void> }> {
  const { client, clock } = at;
  const { memberId } = await client.ask(11, joinBody(''));
  client.send(11, 9, joinBody(memberId));
  await clock.advance(1);
  await clock.advance(waitMs);
  const joined = client.take(11, 9);
  return {
    memberId,
    async sync(partitions) {
      const assignment = encodeAssignment(0, { assignedPartitions: [{ topic: 'orders', partitions }] });
      const generationId = joined?.generationId ?? -1;
      const assignments = [{ memberId, assignment }];
      await client.ask(14, {
        groupId: GROUP,
        generationId,
        memberId,
        assignments,
        protocolType: 'consumer',
        protocolName: 'range',
      });
    },
  };
}

function joinBody(memberId: string): Parameters<typeof SimClient.prototype.ask<11>>[1] {
  return {
    groupId: GROUP,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 60_000,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: encodeSubscription(0, { topics: ['orders'] }) }],
  };
}

async function ends({ node, clock }: World): Promise<void> {
  let isClosed = false;
  const closing = node.close().then(() => (isClosed = true));
  while (!isClosed) await clock.advance(100);
  await closing;
  expect(node.bugs).toEqual([]);
}
