/** Groups and offsets from client bytes to the records of `__consumer_offsets`: a whole node on simulated files, network and clock. */
import { limits, Prng, UUID_ZERO } from '@odradek/base';
import type { Ports } from '@odradek/base';
import { drain, SimClock, SimFiles, SimNetwork, type SimSocket } from '@odradek/base/testing';
import { MemoryStore } from '@odradek/controller';
import {
  apiByKey,
  ConfigResourceType,
  decodeResponse,
  encodeRequest,
  ErrorCode,
  FrameSplitter,
} from '@odradek/protocol';
import type { ApiKey, RequestInput, ResponseOf } from '@odradek/protocol';
import { afterEach, expect, test } from 'vitest';
import { startTestNode } from '../testing/node.ts';
import type { TestNode } from '../testing/node.ts';

type World = { clock: SimClock; ports: Ports; network: SimNetwork; store: MemoryStore; node: TestNode; client: Client };

const open: World[] = [];
afterEach(async () => {
  for (const world of open.splice(0)) await ends(world);
});

async function ends({ node, clock }: World): Promise<void> {
  const closing = node.close();
  await clock.advance(10_000);
  await closing;
  expect(node.bugs).toEqual([]);
}

/** One connection. Calls may wait for their answers at the same time. */
class Client {
  readonly #socket: SimSocket;
  readonly #waiting: ((frame: Buffer) => void)[] = [];

  constructor(socket: SimSocket) {
    this.#socket = socket;
    const splitter = new FrameSplitter(limits.production.brokerQueuedBytesMax);
    socket.onData((bytes) => void splitter.push(bytes, (frame) => this.#waiting.shift()?.(frame)));
  }

  async call<K extends ApiKey>(
    key: K,
    body: RequestInput<K>,
    version = apiByKey(key).maxStable,
  ): Promise<ResponseOf<K>> {
    const frame = new Promise<Buffer>((resolve) => void this.#waiting.push(resolve));
    this.#socket.write(encodeRequest(key, version, { correlationId: 1, clientId: 'client' }, body));
    const decoded = decodeResponse(key, version, await frame);
    if (!decoded.ok) throw new Error(decoded.why);
    return decoded.value.body;
  }
}

async function start(config: Readonly<Record<string, string>> = {}, on?: World): Promise<World> {
  const clock = on?.clock ?? new SimClock();
  const network = new SimNetwork();
  const files = on?.ports.files ?? new SimFiles();
  const ports: Ports = { clock, random: new Prng(7), files, network };
  const store = on?.store ?? new MemoryStore();
  const starting = startTestNode({ ports, logDir: '/data', config, store });
  for (let turn = 0; turn < 20; turn += 1) await clock.advance(100);
  const node = await starting;
  const world = { clock, ports, network, store, node, client: connect(network, node) };
  open.push(world);
  return world;
}

function connect(network: SimNetwork, node: TestNode): Client {
  return new Client(network.open({ port: node.port }));
}

/** A node with topic `orders` (2 partitions) and the coordinator of `g` found. */
async function ready(config: Readonly<Record<string, string>> = {}): Promise<World & { topicId: string }> {
  const world = await start(config);
  const topic = { name: 'orders', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  const created = await world.client.call(19, { topics: [topic], timeoutMs: 1_000, validateOnly: false });
  await found(world);
  return { ...world, topicId: created.topics[0]?.topicId ?? '' };
}

async function found({ client }: World): Promise<void> {
  const answer = await client.call(10, { keyType: 0, coordinatorKeys: ['g'] });
  expect(answer.coordinators).toMatchObject([{ errorCode: 0, nodeId: 1 }]);
}

const joinBody = (change: Partial<RequestInput<11>> = {}): RequestInput<11> => ({
  groupId: 'g',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 20_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('000000000001000000000000', 'hex') }],
  ...change,
});

async function joined(world: World, version = 9, change: Partial<RequestInput<11>> = {}): Promise<ResponseOf<11>> {
  const { client, clock } = world;
  let join = client.call(11, joinBody(change), version);
  await clock.advance(0);
  const first = await join;
  if (first.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return first;
  join = client.call(11, joinBody({ ...change, memberId: first.memberId }), version);
  await clock.advance(1);
  return join;
}

const versions = (min: number, max: number): number[] => Array.from({ length: max - min + 1 }, (_, at) => min + at);

test.for(versions(0, 9))(
  'groups: a member joins, syncs, beats, is described, and leaves: JoinGroup version %i',
  async (version) => {
    const world = await ready();
    const { client } = world;
    const me = await joined(world, version);
    expect(me).toMatchObject({
      errorCode: 0,
      generationId: 1,
      leader: me.memberId,
      protocolName: 'range',
      skipAssignment: false,
    });
    expect(me.protocolType).toBe(version >= 7 ? 'consumer' : null);
    expect(me.members.map(({ memberId }) => memberId)).toEqual([me.memberId]);
    const member = { groupId: 'g', generationId: 1, memberId: me.memberId };
    const assignments = [{ memberId: me.memberId, assignment: Buffer.from('mine') }];
    const said = { protocolType: 'consumer', protocolName: 'range' };
    const synced = await client.call(14, { ...member, ...said, assignments }, Math.min(version, 5));
    expect([synced.errorCode, synced.assignment.toString()]).toEqual([0, 'mine']);
    expect((await client.call(12, member, Math.min(version, 4))).errorCode).toBe(0);
    const described = await client.call(
      15,
      { groups: ['g'], includeAuthorizedOperations: false },
      Math.min(version, 6),
    );
    expect(described.groups).toMatchObject([
      {
        errorCode: 0,
        groupState: 'Stable',
        protocolData: 'range',
        members: [{ clientId: 'client', clientHost: '/127.0.0.1' }],
      },
    ]);
    const leaving =
      version < 3 ? { groupId: 'g', memberId: me.memberId } : { groupId: 'g', members: [{ memberId: me.memberId }] };
    const left = await client.call(13, leaving, Math.min(version, 5));
    expect([left.errorCode, left.members.map(({ errorCode }) => errorCode)]).toEqual([0, version < 3 ? [] : [0]]);
    const again = await client.call(13, leaving, Math.min(version, 5));
    const unknown = ErrorCode.UNKNOWN_MEMBER_ID;
    expect([again.errorCode, again.members.map(({ errorCode }) => errorCode)]).toEqual(
      version < 3 ? [unknown, []] : [0, [unknown]],
    );
  },
);

test('groups: the old single-member LeaveGroup, refused joins and refused syncs have the shape of their version', async () => {
  const world = await ready();
  const { client } = world;
  for (const version of versions(0, 9)) {
    const refused = await client.call(11, joinBody({ sessionTimeoutMs: 1, memberId: 'm' }), version);
    const expected = { errorCode: ErrorCode.INVALID_SESSION_TIMEOUT, memberId: 'm', generationId: -1, leader: '' };
    expect(refused).toMatchObject({ ...expected, protocolName: version >= 7 ? null : '' });
  }
  const nobody = { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] };
  expect((await client.call(14, nobody, 5)).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect((await client.call(14, nobody, 4)).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('groups: a waiting join stops neither the heartbeats of its connection nor others; it ends with the rebalance timeout', async () => {
  const world = await ready();
  const { client, clock, network, node } = world;
  const me = await joined(world, 9, { sessionTimeoutMs: 60_000 });
  const member = { groupId: 'g', generationId: 1, memberId: me.memberId };
  await client.call(14, { ...member, protocolType: 'consumer', protocolName: 'range', assignments: [] });
  const other = connect(network, node);
  const required = await other.call(11, joinBody());
  let answer: ResponseOf<11> | undefined;
  const waiting = other.call(11, joinBody({ memberId: required.memberId })).then((reply) => (answer = reply));
  await drain();
  expect((await client.call(12, member)).errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  await clock.advance(19_000);
  expect(answer).toBeUndefined();
  await clock.advance(1_000);
  expect(await waiting).toMatchObject({ errorCode: 0, generationId: 2, leader: required.memberId });
});

test('groups: static members are fenced by their successor', async () => {
  const world = await ready();
  const first = await joined(world, 9, { groupInstanceId: 'i1' });
  const member = { groupId: 'g', generationId: 1, groupInstanceId: 'i1' };
  const said = { protocolType: 'consumer', protocolName: 'range', assignments: [] };
  await world.client.call(14, { ...member, ...said, memberId: first.memberId });
  const second = await joined(world, 9, { groupInstanceId: 'i1' });
  expect(second).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: true, leader: second.memberId });
  const beat = await world.client.call(12, { ...member, memberId: first.memberId });
  expect(beat.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
});

/** One commit of `offset` for partition 0, and for what does not exist: partition 5, and a topic. */
function commitBody(version: number, topicId: string, offset: number): RequestInput<8> {
  const partition = (partitionIndex: number): RequestInput<8>['topics'][number]['partitions'][number] => ({
    partitionIndex,
    committedOffset: offset,
    committedMetadata: 'note',
    ...(version >= 6 ? { committedLeaderEpoch: 4 } : {}),
  });
  const topic = (name: string, id: string): object => (version >= 10 ? { topicId: id } : { name });
  return {
    groupId: 'g',
    memberId: '',
    topics: [
      { ...topic('orders', topicId), partitions: [partition(5), partition(0)] },
      { ...topic('none', 'AAAAAAAAAAAAAAAAAAAAzz'), partitions: [partition(0)] },
    ],
  };
}

test.for(versions(2, 10))(
  'offsets: what OffsetCommit version %i stores comes back in every version of OffsetFetch',
  async (version) => {
    const { client, topicId } = await ready();
    const answer = await client.call(8, commitBody(version, topicId, 40 + version), version);
    expect(answer.topics.map(({ partitions }) => partitions)).toEqual([
      [
        { partitionIndex: 5, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
        { partitionIndex: 0, errorCode: 0 },
      ],
      [
        {
          partitionIndex: 0,
          errorCode: version >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        },
      ],
    ]);
    const leaderEpoch = version >= 6 ? 4 : -1;
    const none = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 };
    for (const fetch of versions(1, 10)) {
      const committedLeaderEpoch = fetch >= 5 ? leaderEpoch : -1;
      const stored = {
        partitionIndex: 0,
        committedOffset: 40 + version,
        committedLeaderEpoch,
        metadata: 'note',
        errorCode: 0,
      };
      const partitionIndexes = [0, 1];
      const named = fetch >= 10 ? { topicId, partitionIndexes } : { name: 'orders', partitionIndexes };
      const several = {
        groups: [
          { groupId: 'g', topics: [named] },
          { groupId: 'other', topics: [named] },
        ],
      };
      const single = { groupId: 'g', topics: [{ name: 'orders', partitionIndexes }] };
      const fetched = await client.call(9, fetch >= 8 ? several : single, fetch);
      const expected = [[stored, { partitionIndex: 1, ...none }]];
      const unknown = [partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...none }))];
      const got = (topics: readonly { partitions: unknown }[]): unknown => topics.map(({ partitions }) => partitions);
      expect(fetch >= 8 ? fetched.groups.map(({ topics }) => got(topics)) : got(fetched.topics)).toEqual(
        fetch >= 8 ? [expected, unknown] : expected,
      );
      if (fetch === 1) continue;
      const all = await client.call(
        9,
        fetch >= 8 ? { groups: [{ groupId: 'g', topics: null }] } : { groupId: 'g', topics: null },
        fetch,
      );
      expect(got((fetch >= 8 ? all.groups[0]?.topics : all.topics) ?? [])).toEqual([[stored]]);
    }
  },
);

test('offsets: the code of the whole group is in every partition of a commit, in the place of its version in a fetch', async () => {
  const { client } = await ready();
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }];
  const body = { groupId: 'g', memberId: 'm', generationIdOrMemberEpoch: 3, topics: [{ name: 'orders', partitions }] };
  const codes = [8, 9].map(
    async (version) => (await client.call(8, body, version)).topics[0]?.partitions[0]?.errorCode,
  );
  expect(await Promise.all(codes)).toEqual([ErrorCode.ILLEGAL_GENERATION, ErrorCode.GROUP_ID_NOT_FOUND]);
});

test('offsets: an id that no topic has is UNKNOWN_TOPIC_ID for its partitions alone', async () => {
  const { client, topicId } = await ready();
  await client.call(8, commitBody(10, topicId, 7), 10);
  const topics = [topicId, 'AAAAAAAAAAAAAAAAAAAAzz'].map((id) => ({ topicId: id, partitionIndexes: [0] }));
  const fetched = await client.call(9, { groups: [{ groupId: 'g', topics }] }, 10);
  expect(fetched.groups[0]?.topics.map(({ partitions }) => partitions[0]?.errorCode)).toEqual([
    0,
    ErrorCode.UNKNOWN_TOPIC_ID,
  ]);
});

test('groups: listed by state and type; described, or dead; deleted with their offsets', async () => {
  const world = await ready();
  const { client, topicId } = world;
  await client.call(8, commitBody(10, topicId, 7), 10);
  for (const version of versions(0, 5)) {
    const { groups } = await client.call(16, {}, version);
    const groupState = version >= 4 ? 'Empty' : '';
    expect(groups).toEqual([{ groupId: 'g', protocolType: '', groupState, groupType: version >= 5 ? 'classic' : '' }]);
  }
  const listed = async (statesFilter: string[], typesFilter: string[]): Promise<number> =>
    (await client.call(16, { statesFilter, typesFilter })).groups.length;
  expect([await listed(['stable'], []), await listed(['empty'], ['Classic']), await listed([], ['consumer'])]).toEqual([
    0, 1, 0,
  ]);
  const asked = { groups: ['g', 'none'], includeAuthorizedOperations: true };
  const described = await client.call(15, asked, 6);
  expect(described.groups).toMatchObject([
    { errorCode: 0, groupState: 'Empty', authorizedOperations: 3_400 },
    { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, groupState: 'Dead', errorMessage: 'group none does not exist' },
  ]);
  expect((await client.call(15, asked, 5)).groups).toMatchObject([
    { errorCode: 0 },
    { errorCode: 0, groupState: 'Dead' },
  ]);
  const me = await joined(world, 9, { groupId: 'busy' });
  expect(me.errorCode).toBe(0);
  for (const version of versions(0, 2)) {
    const { results } = await client.call(42, { groupsNames: ['busy', 'none', 'busy'] }, version);
    expect(results).toEqual([
      { groupId: 'busy', errorCode: ErrorCode.NON_EMPTY_GROUP },
      { groupId: 'none', errorCode: ErrorCode.GROUP_ID_NOT_FOUND },
    ]);
  }
  expect((await client.call(42, { groupsNames: ['g'] })).results).toEqual([{ groupId: 'g', errorCode: 0 }]);
  expect((await client.call(9, { groups: [{ groupId: 'g', topics: null }] })).groups[0]?.topics).toEqual([]);
});

test('offsets: deleted one by one; what does not exist has its own code', async () => {
  const { client, topicId } = await ready();
  await client.call(8, commitBody(10, topicId, 7), 10);
  const partitions = [{ partitionIndex: 0 }, { partitionIndex: 9 }];
  const topics = ['orders', 'none'].map((name) => ({ name, partitions }));
  const missing = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const answer = await client.call(47, { groupId: 'g', topics });
  expect([answer.errorCode, answer.topics.map((topic) => topic.partitions.map(({ errorCode }) => errorCode))]).toEqual([
    0,
    [
      [0, missing],
      [missing, missing],
    ],
  ]);
  // The group is there until the next round that looks for what has expired.
  expect((await client.call(47, { groupId: 'g', topics })).errorCode).toBe(0);
  expect((await client.call(47, { groupId: 'none', topics })).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
});

test('groups: outlive a restart with generation, members, assignments and offsets', async () => {
  const world = await ready();
  const { client, topicId } = world;
  const me = await joined(world);
  const member = { groupId: 'g', generationId: 1, memberId: me.memberId };
  const assignments = [{ memberId: me.memberId, assignment: Buffer.from('mine') }];
  await client.call(14, { ...member, protocolType: 'consumer', protocolName: 'range', assignments });
  const partitions = [{ partitionIndex: 1, committedOffset: 11, committedMetadata: 'kept' }];
  const commit = {
    groupId: 'g',
    memberId: me.memberId,
    generationIdOrMemberEpoch: 1,
    topics: [{ topicId, partitions }],
  };
  expect((await client.call(8, commit)).topics[0]?.partitions[0]?.errorCode).toBe(0);
  await ends(world);
  open.splice(0);
  const after = await start({}, world);
  await found(after);
  expect((await after.client.call(12, member)).errorCode).toBe(0);
  const described = await after.client.call(15, { groups: ['g'], includeAuthorizedOperations: false });
  expect(described.groups[0]).toMatchObject({
    groupState: 'Stable',
    members: [{ memberAssignment: Buffer.from('mine') }],
  });
  const fetched = await after.client.call(9, { groups: [{ groupId: 'g', topics: null }] });
  expect(fetched.groups[0]?.topics[0]?.partitions).toMatchObject([
    { partitionIndex: 1, committedOffset: 11, metadata: 'kept' },
  ]);
  await after.clock.advance(10_001);
  expect((await after.client.call(12, member)).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('offsets: those of a deleted topic are gone, also for a new topic of its name', async () => {
  const { client, topicId, clock } = await ready();
  await client.call(8, commitBody(10, topicId, 7), 10);
  await client.call(20, { topics: [{ name: 'orders', topicId: UUID_ZERO }], timeoutMs: 1_000 });
  await clock.advance(100);
  expect((await client.call(9, { groups: [{ groupId: 'g', topics: null }] }, 9)).groups[0]?.topics).toEqual([]);
});

test('groups: offsets.topic.segment.bytes below what a topic may have still gives a coordinator', async () => {
  const { node } = await ready({ 'offsets.topic.segment.bytes': '8192' });
  const configs = node.broker.image().configs.of(ConfigResourceType.TOPIC, '__consumer_offsets');
  expect(configs.get('segment.bytes')).toBe('1048576');
});
