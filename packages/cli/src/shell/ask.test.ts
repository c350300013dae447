import { expect, test } from 'vitest';
import { ApiKey, ErrorCode, type RequestOf } from '@odradek/protocol';
import { exitCode } from '../core/refusal.ts';
import { ScriptedBroker } from '../testing/scripted-broker.ts';
import { Cluster } from './cluster.ts';
import { commitOffsets, committedOffsets, logOffsets } from './group-offsets.ts';
import { describeGroups, listGroups } from './group-queries.ts';

/** Long enough for any answer that comes. */
const PATIENT_MS = 20_000;
/** Long enough for a few tries, also on a machine that stands still now and then. */
const IMPATIENT_MS = 3_000;

type Find = RequestOf<typeof ApiKey.FindCoordinator>;
type Fetch = RequestOf<typeof ApiKey.OffsetFetch>;

const found =
  (coordinator: () => ScriptedBroker) =>
  ({ coordinatorKeys }: Find) => ({
    coordinators: coordinatorKeys.map((key) => ({
      key,
      nodeId: coordinator().port,
      host: '127.0.0.1',
      port: coordinator().port,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
    })),
  });

/** OffsetFetch with nothing committed, or a code. */
const fetched =
  (code: () => number) =>
  ({ groups }: Fetch) => ({
    groups: groups.map(({ groupId }) => ({ groupId, topics: [], errorCode: code() })),
  });

/** Each of the codes once, then the last one for ever. */
function codes(...list: number[]): () => number {
  return () => (list.length > 1 ? list.shift() : list[0]) ?? ErrorCode.NONE;
}

async function withCluster<T>(
  broker: ScriptedBroker,
  timeoutMs: number,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await Cluster.open(broker.bootstrap, timeoutMs);
  try {
    return await work(cluster);
  } finally {
    cluster.close();
  }
}

test('a coordinator that is loading is asked again until it answers', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.answers = {
    [ApiKey.FindCoordinator]: found(() => broker),
    [ApiKey.OffsetFetch]: fetched(
      codes(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NONE),
    ),
  };
  const offsets = await withCluster(broker, PATIENT_MS, (cluster) => committedOffsets(cluster, ['g']));
  expect(offsets.get('g')).toEqual({ ok: true, value: [] });
  expect(broker.count(ApiKey.OffsetFetch)).toBe(3);
});

test('a coordinator that has moved is looked up again, and only the groups that moved are asked again', async () => {
  await using first = await ScriptedBroker.listen();
  await using second = await ScriptedBroker.listen();
  let coordinator = first;
  first.answers = {
    [ApiKey.FindCoordinator]: found(() => coordinator),
    [ApiKey.OffsetFetch]: ({ groups }) => {
      coordinator = second;
      return {
        groups: groups.map(({ groupId }) => ({
          groupId,
          topics: [],
          errorCode: groupId === 'moved' ? ErrorCode.NOT_COORDINATOR : ErrorCode.NONE,
        })),
      };
    },
  };
  second.answers = { [ApiKey.OffsetFetch]: fetched(codes(ErrorCode.NONE)) };
  const offsets = await withCluster(first, PATIENT_MS, (cluster) => committedOffsets(cluster, ['moved', 'stayed']));
  expect([...offsets.values()].map(({ ok }) => ok)).toEqual([true, true]);
  expect(second.asked.find(({ key }) => key === ApiKey.OffsetFetch)?.request).toMatchObject({
    groups: [{ groupId: 'moved' }],
  });
});

test('a connection that breaks is opened again, and the question asked again', async () => {
  await using broker = await ScriptedBroker.listen();
  const answer = fetched(codes(ErrorCode.NONE));
  let broken = 0;
  broker.answers = {
    [ApiKey.FindCoordinator]: found(() => broker),
    [ApiKey.OffsetFetch]: (request) => (broken++ < 2 ? 'close' : answer(request)),
  };
  const offsets = await withCluster(broker, PATIENT_MS, (cluster) => committedOffsets(cluster, ['g']));
  expect(offsets.get('g')?.ok).toBe(true);
  expect(broken).toBe(3);
});

test('what does not get better is given up after --timeout, with the broker, the reason and what to do', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.answers = {
    [ApiKey.FindCoordinator]: found(() => broker),
    [ApiKey.OffsetFetch]: fetched(codes(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)),
  };
  const asking = withCluster(broker, IMPATIENT_MS, (cluster) => committedOffsets(cluster, ['g', 'h', 'i', 'j']));
  await expect(asking).rejects.toMatchObject({
    exitCode: exitCode.timedOut,
    message:
      `no answer about group 'g', 'h', 'i' and 1 more within ${IMPATIENT_MS} ms: COORDINATOR_LOAD_IN_PROGRESS from broker ` +
      `${broker.port} at ${broker.bootstrap} (the coordinator is still reading its groups); try again, or give it more time with --timeout`,
  });
  expect(broker.count(ApiKey.OffsetFetch)).toBeGreaterThan(1);
});

test('a refusal that will not change is taken at once', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.answers = {
    [ApiKey.FindCoordinator]: found(() => broker),
    [ApiKey.OffsetFetch]: fetched(codes(ErrorCode.GROUP_AUTHORIZATION_FAILED)),
  };
  const offsets = await withCluster(broker, PATIENT_MS, (cluster) => committedOffsets(cluster, ['g']));
  expect(offsets.get('g')).toMatchObject({ ok: false, code: ErrorCode.GROUP_AUTHORIZATION_FAILED });
  expect(broker.count(ApiKey.OffsetFetch)).toBe(1);
});

test('a commit that every partition is refused because the coordinator moved is made again at the new one', async () => {
  await using first = await ScriptedBroker.listen();
  await using second = await ScriptedBroker.listen();
  let coordinator = first;
  const committing =
    (errorCode: number) =>
    ({ topics }: RequestOf<typeof ApiKey.OffsetCommit>) => {
      coordinator = second;
      return {
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
        })),
      };
    };
  first.answers = {
    [ApiKey.FindCoordinator]: found(() => coordinator),
    [ApiKey.OffsetCommit]: committing(ErrorCode.NOT_COORDINATOR),
  };
  second.answers = { [ApiKey.OffsetCommit]: committing(ErrorCode.NONE) };
  const offsets = [0, 1].map((partition) => ({ topic: 't', partition, newOffset: 7 }));
  let done = 0;
  const outcomes = await withCluster(first, PATIENT_MS, (cluster) =>
    commitOffsets(cluster, [{ group: 'g', offsets }], (count) => (done += count)),
  );
  expect(outcomes.get('g')?.map((outcome) => outcome?.ok)).toEqual([true, true]);
  expect(done).toBe(1);
  expect(second.asked.find(({ key }) => key === ApiKey.OffsetCommit)?.request).toMatchObject({
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: [{ name: 't', partitions: [{ committedOffset: 7 }, { committedOffset: 7 }] }],
  });
});

test('leaders: a partition that moves is asked of its new leader; one without a leader or that is absent is left out', async () => {
  await using first = await ScriptedBroker.listen();
  await using second = await ScriptedBroker.listen();
  let leader = first;
  const partition = (partitionIndex: number, leaderId: number) => ({
    errorCode: ErrorCode.NONE,
    partitionIndex,
    leaderId,
    replicaNodes: [],
    isrNodes: [],
  });
  first.answers = {
    [ApiKey.Metadata]: () => ({
      brokers: [first, second].map(({ port }) => ({ nodeId: port, host: '127.0.0.1', port })),
      topics: [{ errorCode: ErrorCode.NONE, name: 't', partitions: [partition(0, leader.port), partition(1, -1)] }],
    }),
    [ApiKey.ListOffsets]: () => {
      leader = second;
      return {
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }] }],
      };
    },
  };
  second.answers = {
    [ApiKey.ListOffsets]: () => ({
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: ErrorCode.NONE, offset: 42 }] }],
    }),
  };
  const wanted = [0, 1, 2].map((number) => ({ topic: 't', partition: number }));
  const offsets = await withCluster(first, PATIENT_MS, (cluster) => logOffsets(cluster, wanted, -1));
  expect([...offsets]).toEqual([['0:t', 42]]);
});

test('brokers of years ago: one group a request, and a dead group is one that does not exist', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.newest = {
    [ApiKey.FindCoordinator]: 3,
    [ApiKey.OffsetFetch]: 7,
    [ApiKey.DescribeGroups]: 4,
    [ApiKey.ListGroups]: 2,
    [ApiKey.Metadata]: 5,
  };
  const self = { nodeId: 1, host: '127.0.0.1', port: broker.port };
  broker.answers = {
    [ApiKey.Metadata]: () => ({ brokers: [self], topics: [] }),
    [ApiKey.FindCoordinator]: () => ({ ...self, errorCode: ErrorCode.NONE, errorMessage: null }),
    [ApiKey.OffsetFetch]: ({ groupId }) => ({
      errorCode: ErrorCode.NONE,
      topics: [
        {
          name: `of-${groupId}`,
          partitions: [
            { partitionIndex: 0, committedOffset: 7, metadata: '', errorCode: ErrorCode.NONE },
            { partitionIndex: 1, committedOffset: -1, metadata: '', errorCode: ErrorCode.NONE },
          ],
        },
      ],
    }),
    [ApiKey.DescribeGroups]: ({ groups }) => ({
      groups: groups.map((groupId) => ({
        errorCode: ErrorCode.NONE,
        groupId,
        groupState: groupId === 'dead' ? 'Dead' : 'Empty',
        protocolType: groupId === 'connect' ? 'connect' : 'consumer',
        protocolData: '',
        members: [],
      })),
    }),
    [ApiKey.ListGroups]: () => ({
      errorCode: ErrorCode.NONE,
      groups: [
        { groupId: 'h', protocolType: 'consumer' },
        { groupId: 'connect', protocolType: 'connect' },
        { groupId: 'g', protocolType: '' },
      ],
    }),
  };
  await withCluster(broker, PATIENT_MS, async (cluster) => {
    const offsets = await committedOffsets(cluster, ['g', 'h']);
    expect([...offsets.values()]).toMatchObject([
      { ok: true, value: [{ topic: 'of-g', partition: 0, offset: 7, leaderEpoch: undefined }] },
      { ok: true, value: [{ topic: 'of-h' }] },
    ]);
    const groups = await describeGroups(cluster, ['g', 'dead', 'connect']);
    expect(groups.get('g')).toMatchObject({ ok: true, value: { type: 'classic', state: 'Empty', coordinator: self } });
    expect(groups.get('dead')).toMatchObject({ ok: false, code: ErrorCode.GROUP_ID_NOT_FOUND });
    expect(groups.get('connect')).toMatchObject({ ok: false, why: "it is of 'connect', not a group of consumers" });
    const listed = await listGroups(cluster, { states: [], types: ['Classic'] });
    expect(listed.map(({ groupId }) => groupId)).toEqual(['g', 'h']);
    const stated = listGroups(cluster, { states: ['Empty'], types: [] });
    await expect(stated).rejects.toThrow('does not tell states of groups; leave out --state');
  });
});
