import { expect, test } from 'vitest';
import { ApiKey, EndpointType, ErrorCode, type RequestOf } from '@odradek/protocol';
import { exitCode } from '../core/refusal.ts';
import { ScriptedBroker } from '../testing/scripted-broker.ts';
import { ClusterAdmin } from './cluster-admin.ts';

/** Long enough for any answer that comes. */
const PATIENT_MS = 20_000;
/** Long enough for a few tries, also on a machine that stands still now and then. */
const IMPATIENT_MS = 3_000;

/** Each of the codes once, then the last one for ever. */
function codes(...list: number[]): () => number {
  return () => (list.length > 1 ? list.shift() : list[0]) ?? ErrorCode.NONE;
}

const unregistered = (code: () => number) => () => ({ throttleTimeMs: 0, errorCode: code(), errorMessage: null });

/** A controller that knows itself and others, and who of them is active. */
const described =
  (active: () => ScriptedBroker | undefined, ...all: readonly ScriptedBroker[]) =>
  ({ endpointType }: RequestOf<typeof ApiKey.DescribeCluster>) => {
    const wrong = endpointType !== EndpointType.CONTROLLER;
    return {
      throttleTimeMs: 0,
      errorCode: wrong ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.NONE,
      errorMessage: null,
      clusterId: 'c',
      controllerId: active()?.port ?? -1,
      brokers: all.map(({ port }) => ({ brokerId: port, host: '127.0.0.1', port, rack: null })),
    };
  };

async function through<T>(
  target: Parameters<typeof ClusterAdmin.connect>[0],
  timeoutMs: number,
  work: (admin: ClusterAdmin) => Promise<T>,
): Promise<T> {
  const admin = await ClusterAdmin.connect(target, timeoutMs);
  try {
    return await work(admin);
  } finally {
    admin.close();
  }
}

const unregister = (admin: ClusterAdmin) => admin.decide(ApiKey.UnregisterBroker, { brokerId: 7 });

test('a request that another controller has to decide is made again until one does, and no more often', async () => {
  await using broker = await ScriptedBroker.listen();
  const { NOT_CONTROLLER, NONE } = ErrorCode;
  broker.answers = { [ApiKey.UnregisterBroker]: unregistered(codes(NOT_CONTROLLER, NOT_CONTROLLER, NONE)) };
  const answer = await through({ of: 'brokers', bootstrap: broker.bootstrap }, PATIENT_MS, unregister);
  expect([answer.errorCode, broker.count(ApiKey.UnregisterBroker)]).toEqual([NONE, 3]);
});

test.each([ErrorCode.REQUEST_TIMED_OUT, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_SERVER_ERROR])(
  'a change that is answered with %i may have been made, so it is not made again',
  async (code) => {
    await using broker = await ScriptedBroker.listen();
    broker.answers = { [ApiKey.UnregisterBroker]: unregistered(() => code) };
    const answer = await through({ of: 'brokers', bootstrap: broker.bootstrap }, PATIENT_MS, unregister);
    expect([answer.errorCode, broker.count(ApiKey.UnregisterBroker)]).toEqual([code, 1]);
  },
);

test('a connection that breaks under a change ends the command, and the change is not made again', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.answers = { [ApiKey.UnregisterBroker]: () => 'close' };
  const asked = through({ of: 'brokers', bootstrap: broker.bootstrap }, PATIENT_MS, unregister);
  await expect(asked).rejects.toMatchObject({ exitCode: exitCode.unreachable });
  expect(broker.count(ApiKey.UnregisterBroker)).toBe(1);
});

test('asked of controllers, the active one decides, whoever was named', async () => {
  await using standby = await ScriptedBroker.listen();
  await using active = await ScriptedBroker.listen();
  const knows = described(() => active, standby, active);
  standby.answers = { [ApiKey.DescribeCluster]: knows };
  active.answers = { [ApiKey.DescribeCluster]: knows, [ApiKey.UnregisterBroker]: unregistered(() => ErrorCode.NONE) };
  await through({ of: 'controllers', bootstrap: standby.bootstrap }, PATIENT_MS, unregister);
  expect([standby.count(ApiKey.UnregisterBroker), active.count(ApiKey.UnregisterBroker)]).toEqual([0, 1]);
});

test('a controller that is active no more is left for the next one', async () => {
  await using first = await ScriptedBroker.listen();
  await using second = await ScriptedBroker.listen();
  let active = first;
  const knows = described(() => active, first, second);
  const resigned = (): number => {
    active = second;
    return ErrorCode.NOT_CONTROLLER;
  };
  first.answers = { [ApiKey.DescribeCluster]: knows, [ApiKey.UnregisterBroker]: unregistered(resigned) };
  second.answers = { [ApiKey.DescribeCluster]: knows, [ApiKey.UnregisterBroker]: unregistered(() => ErrorCode.NONE) };
  const answer = await through({ of: 'controllers', bootstrap: first.bootstrap }, PATIENT_MS, unregister);
  expect(answer.errorCode).toBe(ErrorCode.NONE);
  expect([first.count(ApiKey.UnregisterBroker), second.count(ApiKey.UnregisterBroker)]).toEqual([1, 1]);
});

test('about the quorum, NOT_LEADER_OR_FOLLOWER says at any depth that another one has to be asked', async () => {
  await using broker = await ScriptedBroker.listen();
  const code = codes(ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NONE);
  const nobody = { leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] };
  broker.answers = {
    [ApiKey.DescribeQuorum]: () => ({
      errorCode: ErrorCode.NONE,
      errorMessage: '',
      topics: [{ topicName: 'm', partitions: [{ partitionIndex: 0, errorCode: code(), errorMessage: '', ...nobody }] }],
      nodes: [],
    }),
  };
  await through({ of: 'brokers', bootstrap: broker.bootstrap }, PATIENT_MS, (admin) =>
    admin.decide(ApiKey.DescribeQuorum, { topics: [] }),
  );
  expect(broker.count(ApiKey.DescribeQuorum)).toBe(2);
});

test('without an active controller the command ends when its time is over, and says so', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.answers = { [ApiKey.UnregisterBroker]: unregistered(() => ErrorCode.NOT_CONTROLLER) };
  const asked = through({ of: 'brokers', bootstrap: broker.bootstrap }, IMPATIENT_MS, unregister);
  await expect(asked).rejects.toMatchObject({
    exitCode: exitCode.timedOut,
    message: expect.stringContaining(`no controller was active within ${IMPATIENT_MS} ms`) as string,
  });
  await using controller = await ScriptedBroker.listen();
  controller.answers = { [ApiKey.DescribeCluster]: described(() => undefined, controller) };
  const none = through({ of: 'controllers', bootstrap: controller.bootstrap }, IMPATIENT_MS, unregister);
  await expect(none).rejects.toMatchObject({ exitCode: exitCode.timedOut });
});

test('fenced brokers are not asked of a broker that is too old to tell of them', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.newest = { [ApiKey.DescribeCluster]: 1 };
  const asked = through({ of: 'brokers', bootstrap: broker.bootstrap }, PATIENT_MS, (admin) => admin.describe(true));
  await expect(asked).rejects.toThrow('too old to tell of fenced brokers');
});
