import { afterEach, expect, test } from 'vitest';
import { UUID_ZERO, assert, randomUuid, silent } from '@odradek/base';
import type { Logger } from '@odradek/base';
import type { AdminReply, QuorumRequest } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { CONTROLLER_PORT, Controllers, create, hostOf, joined } from '../testing/controllers.ts';
import type { Controller, ControllersOptions } from '../testing/controllers.ts';
import { CLUSTER_ID, directoryOf } from '../testing/harness.ts';

const open: Controllers[] = [];
afterEach(async () => {
  for (const controllers of open.splice(0)) await controllers.close();
});

const endpointsOf = (id: number) => [{ name: 'CONTROLLER', host: hostOf(id), port: CONTROLLER_PORT }];

/** A dynamic quorum that begins with node 1. */
async function dynamic(options: ControllersOptions = {}): Promise<{ controllers: Controllers; first: Controller }> {
  const controllers = new Controllers(0, options);
  open.push(controllers);
  const directoryId = randomUuid(controllers.random);
  const voters = [{ id: 1, directoryId, endpoints: endpointsOf(1) }];
  const first = await controllers.startNode(1, { directoryId, voters });
  await controllers.active();
  return { controllers, first };
}

/** A controller that asks node 1 (or others) who the voters are. */
function observer(controllers: Controllers, id: number, properties: Readonly<Record<string, string>> = {}) {
  const servers = { 'controller.quorum.bootstrap.servers': `${hostOf(1)}:${CONTROLLER_PORT}` };
  return controllers.startNode(id, { voters: [], properties: { ...servers, ...properties } });
}

async function ask<R extends QuorumRequest>(
  controllers: Controllers,
  node: Controller,
  request: R,
): Promise<AdminReply<R>> {
  const outcome = await controllers.got(node.running.port.admin(request, 'User:ANONYMOUS'));
  assert(outcome.ok, 'it is answered', outcome);
  return outcome.value.reply as AdminReply<R>;
}

const addition = ({ id, directoryId }: Pick<Controller, 'id' | 'directoryId'>, over: object = {}) => ({
  kind: 'addRaftVoter' as const,
  request: {
    clusterId: CLUSTER_ID,
    timeoutMs: 1_000,
    voterId: id,
    voterDirectoryId: directoryId,
    listeners: endpointsOf(id),
    ackWhenCommitted: true,
    ...over,
  },
});

const removal = (id: number, directoryId: string) => ({
  kind: 'removeRaftVoter' as const,
  request: { clusterId: CLUSTER_ID, voterId: id, voterDirectoryId: directoryId },
});

const description = (topicName = '__cluster_metadata') => ({
  kind: 'describeQuorum' as const,
  request: { topics: [{ topicName, partitions: [{ partitionIndex: 0 }] }] },
});

test('describe: leader, epoch, offsets, times and endpoints of every voter and observer', async () => {
  const { controllers, first } = await dynamic();
  const second = await observer(controllers, 2);
  const brokerEpoch = await joined(controllers, first, 7);
  await controllers.pass(1_000);
  const { epoch, endpoint } = first.running.leader();
  expect(endpoint).toEqual({ host: 'host-1', port: CONTROLLER_PORT });
  const { highWatermark } = first.running.status();
  const nowMs = controllers.clock.nowMs();
  const described = await ask(controllers, first, description());
  expect(described).toMatchObject({
    errorCode: ErrorCode.NONE,
    nodes: [{ nodeId: 1, listeners: endpointsOf(1) }],
    topics: [{ topicName: '__cluster_metadata' }],
  });
  const [partition] = described.topics[0]?.partitions ?? [];
  expect(partition).toMatchObject({ errorCode: ErrorCode.NONE, leaderId: 1, leaderEpoch: epoch, highWatermark });
  expect(partition?.currentVoters).toMatchObject([
    { replicaId: 1, replicaDirectoryId: first.directoryId, logEndOffset: highWatermark, lastFetchTimestamp: nowMs },
  ]);
  expect(partition?.observers).toMatchObject([
    { replicaId: 2, replicaDirectoryId: second.directoryId, logEndOffset: highWatermark },
    { replicaId: 7, replicaDirectoryId: directoryOf(7) },
  ]);
  expect(partition?.observers[1]?.logEndOffset).toBeGreaterThan(brokerEpoch);
  expect(nowMs - (partition?.observers[0]?.lastCaughtUpTimestamp ?? 0)).toBeLessThan(1_000);
});

test('describe: another topic is unknown; a node that does not lead refuses', async () => {
  const { controllers, first } = await dynamic();
  const other = await ask(controllers, first, description('t'));
  expect(other.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const second = await observer(controllers, 2);
  const refused = await second.running.port.admin(description(), '');
  expect(refused).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
});

test('add: an observer finds the quorum by a bootstrap server, catches up, and votes from then on', async () => {
  const lines: string[] = [];
  const log = (): Logger => ({ ...silent, info: (_fields, message) => lines.push(message) });
  const { controllers, first } = await dynamic({ log });
  await joined(controllers, first, 7);
  await controllers.got(create(first, { name: 't' }));
  const second = await observer(controllers, 2);
  const third = await observer(controllers, 3);
  for (const node of [second, third])
    expect(await ask(controllers, first, addition(node))).toMatchObject({
      errorCode: ErrorCode.NONE,
      errorMessage: null,
    });
  expect(lines).toContainEqual(expect.stringContaining('this controller observes the quorum of 1: it votes once'));
  expect(first.running.status().voters.map(({ id }) => id)).toEqual([1, 2, 3]);
  await controllers.kill(1);
  const next = await controllers.active();
  expect([2, 3]).toContain(next.id);
  expect(next.running.image().topics.byName('t')).toBeDefined();
  await joined(controllers, next, 8);
  expect(await controllers.got(create(next, { name: 'u' }))).toEqual({ ok: true, value: ErrorCode.NONE });
});

test('add: the lines about a voter, and about a broker that is unregistered, have the request of the client who asked', async () => {
  type Line = { readonly fields: object; readonly message: string };
  const lines: Line[] = [];
  const keeping = (own: object): Logger => ({
    ...silent,
    info: (fields, message) => void lines.push({ fields: { ...own, ...fields }, message }),
    warn: (fields, message) => void lines.push({ fields: { ...own, ...fields }, message }),
    child: (fields) => keeping({ ...own, ...fields }),
  });
  const { controllers, first } = await dynamic({ log: () => keeping({}) });
  await joined(controllers, first, 7);
  const second = await observer(controllers, 2);
  const { port } = first.running;
  const asked = { request: 'PLAINTEXT-3-17', broker: 7 };
  expect((await controllers.got(port.admin(addition(second), 'User:a', asked))).ok).toBe(true);
  const gone = { kind: 'unregisterBroker', request: { brokerId: 7 } } as const;
  expect((await controllers.got(port.admin(gone, 'User:a', { request: 'CONTROLLER-4-9' }))).ok).toBe(true);
  const fieldsOf = (words: string): object | undefined => lines.find(({ message }) => message.includes(words))?.fields;
  expect(fieldsOf('controller 2 votes now')).toMatchObject(asked);
  expect(fieldsOf('broker 7 is fenced: it was unregistered')).toMatchObject({ request: 'CONTROLLER-4-9', brokerId: 7 });
});

test('add: what is wrong with it is told with the codes of Kafka', async () => {
  const { controllers, first } = await dynamic();
  const stranger = { id: 9, directoryId: randomUuid(controllers.random) };
  const codeOf = async (request: QuorumRequest) =>
    ((await ask(controllers, first, request)) as { errorCode: number }).errorCode;
  expect(await codeOf(addition(first))).toBe(ErrorCode.DUPLICATE_VOTER);
  expect(await codeOf(addition({ id: 1, directoryId: stranger.directoryId }))).toBe(ErrorCode.DUPLICATE_VOTER);
  expect(await codeOf(addition(stranger, { clusterId: 'other' }))).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
  expect(await codeOf(addition({ ...stranger, directoryId: UUID_ZERO }))).toBe(ErrorCode.INVALID_REQUEST);
  expect(await codeOf(addition(stranger, { listeners: [] }))).toBe(ErrorCode.INVALID_REQUEST);
  const [one, two] = [
    ask(controllers, first, addition(stranger)),
    ask(controllers, first, removal(1, first.directoryId)),
  ];
  expect(await one).toMatchObject({
    errorCode: ErrorCode.REQUEST_TIMED_OUT,
    errorMessage: expect.stringContaining('is not ready'),
  });
  expect(await two).toMatchObject({
    errorCode: ErrorCode.REQUEST_TIMED_OUT,
    errorMessage: expect.stringContaining('previous voter change'),
  });
});

test('add: without waiting for the commit it is answered once the log has taken it', async () => {
  const { controllers, first } = await dynamic();
  const second = await observer(controllers, 2);
  await controllers.pass(500);
  const release = second.disk.hold();
  const answer = await ask(controllers, first, addition(second, { ackWhenCommitted: false }));
  expect(answer.errorCode).toBe(ErrorCode.NONE);
  // The new set needs both, and one of them is slow.
  const { logEndOffset, highWatermark } = first.running.status();
  expect(highWatermark).toBeLessThan(logEndOffset);
  release();
});

test('remove: another voter goes; the leader itself goes after the commit, and the others choose', async () => {
  const { controllers, first } = await dynamic();
  const second = await observer(controllers, 2);
  const third = await observer(controllers, 3);
  for (const node of [second, third]) await ask(controllers, first, addition(node));
  const gone = await ask(controllers, first, removal(2, third.directoryId));
  expect(gone).toMatchObject({ errorCode: ErrorCode.VOTER_NOT_FOUND });
  const leaves = await ask(controllers, first, removal(1, first.directoryId));
  expect(leaves).toMatchObject({ errorCode: ErrorCode.NONE });
  await controllers.until(() => controllers.activeNow !== undefined && controllers.activeNow.id !== 1, 'another leads');
  const next = await controllers.active();
  expect(next.running.status().voters.map(({ id }) => id)).toEqual([2, 3]);
  await controllers.pass(3_000);
  expect(next.running.status().observers.map(({ id }) => id)).toEqual([1]);
  expect((await controllers.active()).id).toBe(next.id);
});

test('voters by name stay as they are: adding and removing is UNSUPPORTED_VERSION', async () => {
  const controllers = await new Controllers(1).start();
  open.push(controllers);
  const node = await controllers.active();
  const added = await ask(controllers, node, addition({ id: 2, directoryId: randomUuid(controllers.random) }));
  expect(added).toMatchObject({
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    errorMessage: "Cluster doesn't support adding voter because the kraft.version feature is 0",
  });
  const removed = await ask(controllers, node, removal(1, node.directoryId));
  expect(removed.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
});

test('update: a voter that comes back under another address tells the quorum, and is reached there', async () => {
  const { controllers, first } = await dynamic();
  const second = await observer(controllers, 2);
  await ask(controllers, first, addition(second));
  await controllers.stop(2);
  await controllers.startNode(2, {
    host: 'moved',
    voters: [],
    properties: { 'controller.quorum.bootstrap.servers': 'host-1:9093' },
  });
  await controllers.active();
  await controllers.pass(3_000);
  const leader = await controllers.active();
  const { nodes } = await ask(controllers, leader, description());
  expect(nodes.find(({ nodeId }) => nodeId === 2)?.listeners).toEqual([
    { name: 'CONTROLLER', host: 'moved', port: CONTROLLER_PORT },
  ]);
});

test('update: an old epoch, a stranger and an impossible range are refused as Kafka does', async () => {
  const { controllers, first } = await dynamic();
  const { epoch } = first.running.leader();
  const update = (over: object) => ({
    kind: 'updateRaftVoter' as const,
    request: {
      clusterId: CLUSTER_ID,
      currentLeaderEpoch: epoch,
      voterId: 1,
      voterDirectoryId: first.directoryId,
      listeners: endpointsOf(1),
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
      ...over,
    },
  });
  const codeOf = async (over: object) => (await ask(controllers, first, update(over))).errorCode;
  expect(await codeOf({ currentLeaderEpoch: epoch - 1 })).toBe(ErrorCode.FENCED_LEADER_EPOCH);
  expect(await codeOf({ currentLeaderEpoch: epoch + 1 })).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  expect(await codeOf({ clusterId: 'other' })).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
  expect(await codeOf({ voterId: 5 })).toBe(ErrorCode.VOTER_NOT_FOUND);
  expect(await codeOf({ kRaftVersionFeature: { minSupportedVersion: 2, maxSupportedVersion: 3 } })).toBe(
    ErrorCode.INVALID_REQUEST,
  );
  expect(await ask(controllers, first, update({}))).toMatchObject({
    errorCode: ErrorCode.NONE,
    currentLeader: { leaderId: 1, leaderEpoch: epoch, host: 'host-1', port: CONTROLLER_PORT },
  });
});

test('auto join: an observer that may becomes a voter by itself, and takes the place of its own lost disk', async () => {
  const lines: string[] = [];
  const log = (): Logger => ({ ...silent, info: (_fields, message) => lines.push(message) });
  const { controllers, first } = await dynamic({ log });
  const joins = { 'controller.quorum.auto.join.enable': 'true' };
  for (const id of [2, 3]) await observer(controllers, id, joins);
  await controllers.until(() => first.running.status().voters.length === 3, 'all vote');
  expect(lines).toContain('controller 2 votes now');
  await controllers.stop(3);
  const directoryId = randomUuid(controllers.random);
  const bootstrap = { 'controller.quorum.bootstrap.servers': 'host-1:9093' };
  await controllers.startNode(3, { directoryId, voters: [], properties: { ...bootstrap, ...joins } });
  await controllers.until(() => {
    const voters = controllers.activeNow?.running.status().voters ?? [];
    return voters.some((voter) => voter.id === 3 && voter.directoryId === directoryId);
  }, 'the new disk votes');
  expect((await controllers.active()).running.status().voters).toHaveLength(3);
});

test('kraft.version 1: voters by name show their directories one after the other, and others may be added', async () => {
  const controllers = await new Controllers(3).start();
  open.push(controllers);
  const active = await controllers.active();
  await controllers.until(() => [...active.running.image().cluster.controllers()].length === 3, 'all are registered');
  const update = { feature: 'kraft.version', maxVersionLevel: 1, allowDowngrade: false, upgradeType: 1 };
  const request = { timeoutMs: 1_000, featureUpdates: [update], validateOnly: false };
  const raised = await controllers.got(active.running.port.admin({ kind: 'updateFeatures', request }, ''));
  expect(raised).toMatchObject({ ok: true, value: { reply: { errorCode: ErrorCode.NONE } } });
  const directories = () => controllers.activeNow?.running.status().voters.map(({ directoryId }) => directoryId);
  const expected = [1, 2, 3].map((id) => controllers.node(id).directoryId);
  await controllers.until(() => directories()?.join() === expected.join(), 'all have shown their directories');
  const fourth = await controllers.startNode(4, {
    voters: [],
    properties: { 'controller.quorum.bootstrap.servers': 'host-1:9093' },
  });
  await controllers.pass(500);
  const leader = await controllers.active();
  expect(await ask(controllers, leader, addition(fourth))).toMatchObject({ errorCode: ErrorCode.NONE });
});

test('voters that have all moved find each other by a bootstrap server, and the one that comes last by what others tell it', async () => {
  const { controllers, first } = await dynamic();
  for (const id of [2, 3]) await ask(controllers, first, addition(await observer(controllers, id)));
  for (const id of [1, 2, 3]) await controllers.stop(id);
  const moved = (id: number) => `moved-${id}`;
  const start = (id: number, server: number) =>
    controllers.startNode(id, {
      host: moved(id),
      voters: [],
      properties: { 'controller.quorum.bootstrap.servers': `${moved(server)}:${CONTROLLER_PORT}` },
    });
  await start(1, 2);
  await start(2, 1);
  await controllers.active();
  await controllers.pass(3_000);
  // It knows the old addresses only, and asks one that may not lead.
  const standby = [1, 2].find((id) => id !== controllers.activeNow?.id) ?? 1;
  const last = await start(3, standby);
  await controllers.until(() => last.running.leader().nodeId !== null, 'it has found who leads');
  const hosts = () => last.running.voters().map(({ endpoints }) => endpoints[0]?.host);
  await controllers.until(() => hosts().join() === [1, 2, 3].map(moved).join(), 'all know where all are');
});
