/** What a client may say to groups that no honest one says, on a whole simulated node: it is answered, and harms nobody else. */
import { limits } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { afterEach, expect, test } from 'vitest';
import { beatBody, GROUP, join, joinBody, startGroupWorld } from '../testing/consumer-groups.ts';
import type { GroupWorld } from '../testing/consumer-groups.ts';

const open: GroupWorld[] = [];
afterEach(async () => {
  for (const world of open.splice(0)) await ends(world);
});

async function started(): Promise<GroupWorld> {
  const world = await startGroupWorld();
  open.push(world);
  return world;
}

async function ends({ node, clock }: GroupWorld): Promise<void> {
  const closing = node.close();
  await clock.advance(10_000);
  await closing;
  expect(node.bugs).toEqual([]);
}

/** The longest that a string of the protocol may be. */
const LONG = 'x'.repeat(32_767);

test('hostile: texts as long as they may be are served, and a refusal that quotes one has its own code', async () => {
  const world = await started();
  const { client } = world;
  await join(world, { groupId: LONG, memberId: LONG, instanceId: LONG, rackId: LONG });
  const refused = [
    await client.ask(68, joinBody({ serverAssignor: LONG })),
    await client.ask(68, beatBody(5, { groupId: LONG, memberId: 'nobody' })),
    await client.ask(68, beatBody(5, { memberId: LONG })),
  ];
  const { UNSUPPORTED_ASSIGNOR, UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND } = ErrorCode;
  expect(refused.map(({ errorCode }) => errorCode)).toEqual([
    UNSUPPORTED_ASSIGNOR,
    UNKNOWN_MEMBER_ID,
    GROUP_ID_NOT_FOUND,
  ]);
  const { groups } = await client.ask(16, { statesFilter: [], typesFilter: [] });
  expect(groups.map(({ groupId }) => groupId)).toEqual([LONG]);
});

test('hostile: a client that calls itself by the longest name there is joins, is described, and is gone with its session', async () => {
  const { node, clock, ...world } = await started();
  const client = await world.connect(LONG);
  client.send(11, 3, {
    groupId: 'long',
    memberId: '',
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 6_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  });
  await clock.advance(5_000);
  const joined = client.take(11, 3);
  expect([joined?.errorCode, joined?.generationId]).toEqual([ErrorCode.NONE, 1]);
  const { groups } = await client.ask(15, { groups: ['long'], includeAuthorizedOperations: false });
  expect(groups[0]?.members.map(({ memberId }) => memberId)).toEqual([joined?.memberId]);
  await clock.advance(30_000);
  const left = await client.ask(15, { groups: ['long'], includeAuthorizedOperations: false });
  expect(left.groups[0]).toMatchObject({ groupState: 'Empty', members: [] });
  expect(node.bugs).toEqual([]);
});

test('hostile: a commit that is to be kept for ever is', async () => {
  const { client } = await started();
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }];
  const commit = { memberId: '', generationIdOrMemberEpoch: -1, topics: [{ name: 'orders', partitions }] };
  const retentionTimeMs = Number.MAX_SAFE_INTEGER;
  const { topics } = await client.ask(8, { groupId: 'kept', retentionTimeMs, ...commit }, 4);
  expect(topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.NONE);
});

test('hostile: a group that is named again and again is told once, by every API that tells of several', async () => {
  const world = await started();
  const { client } = world;
  await join(world);
  const names = Array.from({ length: 50_000 }, () => GROUP);
  const everything = names.map((groupId) => ({ groupId, memberId: null, memberEpoch: -1, topics: null }));
  const described = await client.ask(69, { groupIds: names, includeAuthorizedOperations: true });
  const classic = await client.ask(15, { groups: names, includeAuthorizedOperations: true });
  const fetched = await client.ask(9, { groups: everything, requireStable: false });
  const lag = await client.ask(10000, { groupIds: names });
  const explained = await client.ask(10001, { groupIds: names });
  for (const { groups } of [described, classic, fetched, lag, explained]) expect(groups).toHaveLength(1);
});

test('hostile: a request that names ever so many groups is answered whole and in order, and as few ops as allowed wait at once', async () => {
  // A shard has room for fewer than are named.
  const small = { ...limits.production, requestGroupsAtOnceMax: 8, coordinatorQueuedOpsMax: 8 };
  const world = await startGroupWorld({ limits: small });
  open.push(world);
  const { client } = world;
  await join(world);
  const names = Array.from({ length: 1_000 }, (_, at) => (at === 700 ? GROUP : `group-${at}`));
  const { GROUP_ID_NOT_FOUND: notFound, NON_EMPTY_GROUP: nonEmpty, NONE: none } = ErrorCode;
  const codes = (of: number): [string, number][] => names.map((name, at) => [name, at === 700 ? of : notFound]);
  const { results } = await client.ask(42, { groupsNames: names });
  expect(results.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual(codes(nonEmpty));
  const everything = names.map((groupId) => ({ groupId, memberId: null, memberEpoch: -1, topics: null }));
  const fetched = await client.ask(9, { groups: everything, requireStable: false });
  expect(fetched.groups.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual(
    names.map((name) => [name, none]),
  );
  const described = await client.ask(69, { groupIds: names, includeAuthorizedOperations: true });
  const lag = await client.ask(10000, { groupIds: names });
  const explained = await client.ask(10001, { groupIds: names });
  for (const { groups } of [described, lag, explained])
    expect(groups.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual(codes(none));
  const classic = await client.ask(15, { groups: names, includeAuthorizedOperations: true });
  expect(classic.groups.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual(codes(notFound));
});
