import { afterEach, expect, test } from 'vitest';
import { randomUuid, silent } from '@odradek/base';
import type { Logger } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { record } from '@odradek/metadata';
import type { MetadataImage } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { Controllers, ReadImage, create, joined } from '../testing/controllers.ts';
import type { Controller, ControllersOptions } from '../testing/controllers.ts';
import { Harness, SESSION_TIMEOUT_MS, creation } from '../testing/harness.ts';
import { encodeRecords } from './batch-codec.ts';

const open: Controllers[] = [];
afterEach(async () => {
  for (const controllers of open.splice(0)) await controllers.close();
});

async function started(count: number, options: ControllersOptions = {}): Promise<Controllers> {
  const controllers = await new Controllers(count, options).start();
  open.push(controllers);
  return controllers;
}

/** One node, with a broker. */
async function alone(options: ControllersOptions = {}): Promise<{ controllers: Controllers; node: Controller }> {
  const controllers = await started(1, options);
  const node = await controllers.active();
  await joined(controllers, node, 1);
  return { controllers, node };
}

const registrationOf = (id: number) => new Harness().registration(id);

test('runtime: nobody is answered, and no reader told, before the quorum has committed it', async () => {
  const { controllers, node } = await alone();
  const reader = new ReadImage(node);
  await drain();
  const before = reader.heard.length;
  const release = node.disk.hold();
  let answered = false;
  const answer = create(node, { name: 't' }).then((outcome) => {
    answered = true;
    return outcome;
  });
  await controllers.pass(50);
  expect(answered).toBe(false);
  expect(reader.heard).toHaveLength(before);
  release();
  expect(await controllers.got(answer)).toEqual({ ok: true, value: ErrorCode.NONE });
  expect(reader.image.topics.byName('t')).toBeDefined();
});

test('runtime: what waits while a batch is under way is decided together and is the next batch', async () => {
  const { controllers, node } = await alone();
  const release = node.disk.hold();
  const first = create(node, { name: 'first' });
  await drain();
  const rest = Array.from({ length: 20 }, (_, at) => create(node, { name: `t${at}` }));
  const end = node.running.status().logEndOffset;
  await drain();
  expect(node.running.status().logEndOffset).toBe(end);
  const before = node.disk.persistCount;
  release();
  for (const outcome of await controllers.got(Promise.all([first, ...rest]))) expect(outcome.ok).toBe(true);
  expect(node.disk.persistCount - before).toBeLessThanOrEqual(2);
});

test('runtime: the next operation sees what the one before decided, within one batch too', async () => {
  const { controllers, node } = await alone();
  const outcomes = await controllers.got(Promise.all([create(node, { name: 't' }), create(node, { name: 't' })]));
  expect(outcomes.map((outcome) => outcome.ok && outcome.value)).toEqual([
    ErrorCode.NONE,
    ErrorCode.TOPIC_ALREADY_EXISTS,
  ]);
});

test('runtime: a reader that comes late gets one snapshot and then every batch after it, and none once it has gone', async () => {
  const { controllers, node } = await alone();
  const reader = new ReadImage(node);
  await controllers.got(create(node, { name: 'a' }));
  reader.handle.close();
  await controllers.got(create(node, { name: 'b' }));
  expect(reader.heard.map((word) => word.split(' ')[0])).toEqual(['snapshot', 'committed']);
  expect(reader.image.topics.byName('a')).toBeDefined();
  expect(reader.image.topics.byName('b')).toBeUndefined();
});

test('runtime: a reader goes on from where it was; from a place that this log does not have it gets a snapshot', async () => {
  const { controllers, node } = await alone();
  const reader = new ReadImage(node);
  await controllers.got(create(node, { name: 'a' }));
  reader.handle.close();
  const { endOffset, epoch } = reader.image;
  await controllers.got(create(node, { name: 'b' }));
  const words = (from: { endOffset: number; epoch: number }) => {
    const again = new ReadImage(node, from);
    again.image = reader.image;
    return again;
  };
  const again = words({ endOffset, epoch });
  await drain();
  expect(again.heard).toEqual([`committed ${node.running.status().highWatermark}`]);
  expect(again.image.topics.byName('b')).toBeDefined();
  const stranger = words({ endOffset, epoch: epoch + 7 });
  await drain();
  expect(stranger.heard).toEqual([`snapshot ${node.running.status().highWatermark}`]);
});

test('runtime: a reader that says it is ahead of what is committed gets a snapshot of what is, and the next batch', async () => {
  const { controllers, node } = await alone();
  const release = node.disk.hold();
  const made = create(node, { name: 'a' });
  await drain();
  const { logEndOffset, highWatermark } = node.running.status();
  expect(logEndOffset).toBeGreaterThan(highWatermark);
  const reader = new ReadImage(node, { endOffset: logEndOffset, epoch: node.running.leader().epoch });
  await drain();
  expect(reader.heard).toEqual([]);
  release();
  await controllers.got(made);
  await controllers.got(create(node, { name: 'b' }));
  expect(reader.heard).toEqual([`snapshot ${logEndOffset}`, `committed ${node.running.status().highWatermark}`]);
});

test('runtime: a snapshot for a reader comes in parts, each waits for the one before, and what is committed meanwhile follows', async () => {
  const { controllers, node } = await alone({ limits: { controllerSnapshotPartBytes: 200 } });
  await controllers.got(create(node, { name: 'many', partitions: 20 }));
  const parts: number[] = [];
  const after: number[] = [];
  let release: (() => void) | undefined;
  node.running.port.read(
    { endOffset: 0, epoch: 0 },
    {
      snapshot: ({ endOffset }) => {
        parts.push(endOffset);
        return new Promise<void>((resolve) => (release = resolve));
      },
      committed: ({ endOffset }) => void after.push(endOffset),
      ended: () => undefined,
    },
  );
  await drain();
  expect(parts).toHaveLength(1);
  await controllers.got(create(node, { name: 'later' }));
  for (let turn = 0; turn < 40; turn += 1) {
    release?.();
    await drain();
  }
  expect(parts.length).toBeGreaterThan(4);
  expect(new Set(parts).size).toBe(1);
  expect(after.at(-1)).toBe(node.running.status().highWatermark);
});

test('runtime: beyond its bound of waiting operations it refuses, and says how many it takes', async () => {
  const { controllers, node } = await alone({ limits: { controllerQueuedOpsMax: 2 } });
  const release = node.disk.hold();
  const first = create(node, { name: 'first' });
  await drain();
  const waiting = [create(node, { name: 'a' }), create(node, { name: 'b' })];
  const refused = await create(node, { name: 'c' });
  expect(refused).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT, why: expect.stringContaining('2 ') });
  release();
  for (const outcome of await controllers.got(Promise.all([first, ...waiting]))) expect(outcome.ok).toBe(true);
});

test('runtime: however many requests wait, what is said of brokers is heard', async () => {
  const { controllers, node } = await alone({ limits: { controllerQueuedOpsMax: 2 } });
  const release = node.disk.hold();
  const asked = [create(node, { name: 'first' })];
  await drain();
  asked.push(create(node, { name: 'a' }), create(node, { name: 'b' }));
  expect(await create(node, { name: 'c' })).toMatchObject({ ok: false });
  const beat = { brokerId: 7, brokerEpoch: 1, metadataOffset: 0, wantFence: false, wantShutDown: false };
  const told: string[] = [];
  const heard = node.running.port.heartbeat(beat);
  void heard.then(() => told.push('the broker'));
  for (const each of asked.slice(1)) void each.then(() => told.push('a request'));
  release();
  await controllers.got(Promise.all(asked));
  expect(told[0]).toBe('the broker');
  // An opinion of the machine's, and not of the queue.
  expect(await controllers.got(heard)).toMatchObject({ ok: false, code: ErrorCode.STALE_BROKER_EPOCH });
});

test('runtime: a disk that fails stops the controller loudly: nobody is told yes, nothing more is taken', async () => {
  const { controllers, node } = await alone();
  const reader = new ReadImage(node);
  await drain();
  node.disk.failWith('no space left on device');
  const outcomes = await controllers.got(Promise.all([create(node, { name: 'a' }), create(node, { name: 'b' })]));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
  expect(node.faults.map(({ message }) => message)).toEqual([expect.stringMatching(/no space left/)]);
  expect(reader.endedWhy).toMatch(/failed/);
  expect(await create(node, { name: 'c' })).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
});

test('runtime: people are told of topics by name, once they are there', async () => {
  const lines: string[] = [];
  const log: Logger = { ...silent, info: (_fields, message) => lines.push(message) };
  const { controllers, node } = await alone({ log: () => log });
  const release = node.disk.hold();
  const made = create(node, { name: 'orders' });
  await drain();
  expect(lines.filter((line) => line.includes('topic'))).toEqual([]);
  release();
  await controllers.got(made);
  const names = { topics: [], topicNames: ['orders'], timeoutMs: 1 };
  await controllers.got(node.running.port.admin({ kind: 'deleteTopics', request: names }, ''));
  expect(lines.filter((line) => line.includes('topic'))).toEqual(['created topic orders', 'deleted topic orders']);
});

test('runtime: closing answers what was waiting, and refuses what comes later', async () => {
  const { controllers, node } = await alone();
  const waiting = create(node, { name: 't' });
  await controllers.got(node.running.close());
  expect(await waiting).toEqual({ ok: true, value: ErrorCode.NONE });
  expect(await create(node, { name: 'u' })).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
  await controllers.got(node.running.close());
});

test('runtime: a silent broker is fenced when its session is over, without anybody asking, and its session is told', async () => {
  const { controllers, node } = await alone();
  const fenced: number[] = [];
  node.running.port.onFenced(({ brokerId }) => fenced.push(brokerId));
  const reader = new ReadImage(node);
  await controllers.pass(SESSION_TIMEOUT_MS - 100);
  expect(reader.image.cluster.isAlive(1)).toBe(true);
  await controllers.pass(200);
  expect(reader.image.cluster.isAlive(1)).toBe(false);
  expect(fenced).toEqual([1]);
});

test('runtime: one that stood still hears what its brokers have said meanwhile before it fences any', async () => {
  const controllers = await started(1);
  const node = await controllers.active();
  const brokerEpoch = await joined(controllers, node, 1);
  const fenced: number[] = [];
  node.running.port.onFenced(({ brokerId }) => fenced.push(brokerId));
  const stillMs = 2 * SESSION_TIMEOUT_MS;
  node.life.stillUntilMs = controllers.clock.monotonicMs() + stillMs;
  // It lies in the socket while the process stands still, and is read when the timers that are due have fired.
  const metadataOffset = node.running.status().highWatermark;
  const beat = {
    brokerId: 1,
    brokerEpoch,
    metadataOffset,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [],
    cordonedLogDirs: [],
  };
  controllers.clock.after(stillMs + 1, () => void node.running.port.heartbeat(beat));
  await controllers.pass(stillMs + 500);
  expect(fenced).toEqual([]);
  await controllers.pass(SESSION_TIMEOUT_MS);
  expect(fenced).toEqual([1]);
});

test('runtime: who has said nothing while it stood still is fenced soon after', async () => {
  const { controllers, node } = await alone();
  const reader = new ReadImage(node);
  node.life.stillUntilMs = controllers.clock.monotonicMs() + 2 * SESSION_TIMEOUT_MS;
  await controllers.pass(2 * SESSION_TIMEOUT_MS + 200);
  expect(reader.image.cluster.isAlive(1)).toBe(false);
});

test('runtime: after enough bytes the log is replaced by a snapshot, from which the same state is loaded', async () => {
  const properties = { 'metadata.log.max.record.bytes.between.snapshots': '2000' };
  const controllers = await started(1, { properties });
  const node = await controllers.active();
  for (let id = 1; id <= 40; id += 1) await controllers.got(node.running.port.register(registrationOf(id)));
  const { image } = await read(controllers, node);
  expect(controllers.diskOf(1).bytesSinceSnapshot).toBeLessThan(4_000);
  await controllers.stop(1);
  const { snapshot } = await controllers.diskOf(1).load();
  expect(snapshot.offset).toBeGreaterThan(10);
  const again = await controllers.startNode(1);
  // The next life of the controller registers itself, under another incarnation.
  const others = (from: MetadataImage) => from.toRecords().filter(({ type }) => type !== 'RegisterControllerRecord');
  expect(others((await read(controllers, again)).image)).toEqual(others(image));
});

test('runtime: what a start must replay stays in proportion to what there is', async () => {
  const controllers = await started(1, { limits: { metadataReplayRecords: 20 } });
  const node = await controllers.active();
  for (let round = 0; round < 100; round += 1) await controllers.got(node.running.port.register(registrationOf(1)));
  await controllers.got(node.running.close());
  const { snapshot, entries } = await controllers.diskOf(1).load();
  expect(snapshot.offset).toBeGreaterThan(50);
  expect(entries.length).toBeLessThanOrEqual(22);
});

async function read(controllers: Controllers, node: Controller): Promise<ReadImage> {
  const reader = new ReadImage(node);
  await controllers.settle();
  reader.handle.close();
  return reader;
}

test('runtime: metadata of a newer version stops a node that is alone at its start, with the feature', async () => {
  const controllers = new Controllers(1);
  const data = encodeRecords([record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 99 })], 1);
  const hardState = { epoch: 1, votedFor: null, recoverTo: 0 };
  const entry = { kind: 'data', offset: 0, endOffset: 1, epoch: 1, data } as const;
  await controllers.diskOf(1).persist([{ kind: 'persist', seq: 1, hardState, truncate: null, entries: [entry] }]);
  await expect(controllers.got(controllers.startNode(1))).rejects.toThrow(/metadata.version is finalized at level 99/);
});

test('quorum: three controllers choose one; what it commits is on all of them, and a standby refuses with who leads', async () => {
  const controllers = await started(3);
  const active = await controllers.active();
  await joined(controllers, active, 1);
  expect(await controllers.got(create(active, { name: 't' }))).toEqual({ ok: true, value: ErrorCode.NONE });
  const [standby] = controllers.others(active);
  if (standby === undefined) throw new Error('there are three');
  expect(standby.running.leader()).toMatchObject({
    nodeId: active.id,
    endpoint: { host: `host-${active.id}`, port: 9093 },
  });
  expect(await create(standby, { name: 'u' })).toMatchObject({
    code: ErrorCode.NOT_CONTROLLER,
    why: `Node ${standby.id} is not the active controller: node ${active.id} is.`,
  });
  const reader = new ReadImage(standby);
  await drain();
  expect(reader.endedWhy).toContain('is not the active controller');
});

test('quorum: when the active controller dies, another goes on with all that was acknowledged, and its brokers keep their epochs', async () => {
  const controllers = await started(3);
  const active = await controllers.active();
  const brokerEpoch = await joined(controllers, active, 1);
  for (let at = 0; at < 10; at += 1) await controllers.got(create(active, { name: `t${at}` }));
  await controllers.kill(active.id);
  const next = await controllers.active();
  expect(next.id).not.toBe(active.id);
  const reader = new ReadImage(next);
  await controllers.pass(50);
  for (let at = 0; at < 10; at += 1) expect(reader.image.topics.byName(`t${at}`)).toBeDefined();
  const metadataOffset = next.running.status().highWatermark;
  const beat = {
    brokerId: 1,
    brokerEpoch,
    metadataOffset,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [],
    cordonedLogDirs: [],
  };
  expect(await controllers.got(next.running.port.heartbeat(beat))).toMatchObject({
    ok: true,
    value: { fenced: false },
  });
  await controllers.startNode(active.id);
  await controllers.pass(2_000);
  const last = await controllers.active();
  expect(await controllers.got(create(last, { name: 'after' }))).toEqual({ ok: true, value: ErrorCode.NONE });
});

test('quorum: a controller that is cut off with a decision under way forgets it: the majority never heard it', async () => {
  const controllers = await started(3);
  const active = await controllers.active();
  await joined(controllers, active, 1);
  await controllers.pass(1_000);
  controllers.isolate(active.id);
  const lost = create(active, { name: 'lost' });
  const behind = create(active, { name: 'behind' });
  await drain();
  const later = create(active, { name: 'later' });
  expect(await controllers.got(lost)).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
  expect(await controllers.got(behind)).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
  expect(await controllers.got(later)).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
  await controllers.until(() => controllers.activeNow?.id !== active.id, 'another leads');
  const next = await controllers.active();
  await controllers.got(create(next, { name: 'kept' }));
  controllers.heal();
  await controllers.pass(1_000);
  await handOverTo(controllers, active.id);
  const reader = new ReadImage(active);
  await controllers.pass(50);
  expect([...reader.image.topics.all()].map(({ name }) => name)).toEqual(['kept']);
});

test('quorum: a decision that reached the others is there although the one who made it was cut off, and is not made twice', async () => {
  const controllers = await started(3);
  const active = await controllers.active();
  await joined(controllers, active, 1);
  const others = controllers.others(active);
  const ends = others.map(({ running }) => running.status().logEndOffset);
  // Both have it, and are slow to say so.
  const releases = others.map(({ disk }) => disk.hold());
  const made = create(active, { name: 'made' });
  await controllers.until(
    () => others.every(({ running }, at) => running.status().logEndOffset > (ends[at] ?? 0)),
    'it has reached the others',
  );
  controllers.isolate(active.id);
  for (const release of releases) release();
  expect(await controllers.got(made)).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
  await controllers.until(() => controllers.activeNow?.id !== active.id, 'another leads');
  controllers.heal();
  await controllers.pass(1_500);
  await handOverTo(controllers, active.id);
  expect(await controllers.got(create(active, { name: 'made' }))).toEqual({
    ok: true,
    value: ErrorCode.TOPIC_ALREADY_EXISTS,
  });
});

async function handOverTo(controllers: Controllers, id: number): Promise<void> {
  for (let attempt = 0; controllers.activeNow?.id !== id; attempt += 1) {
    expect(attempt).toBeLessThan(20);
    const leader = await controllers.active();
    await controllers.got(leader.running.handOver(2_000, id));
    await controllers.pass(300);
  }
}

test('quorum: an orderly hand-over loses nothing that was asked: it is answered, or refused with nothing done', async () => {
  const controllers = await started(3);
  const active = await controllers.active();
  await joined(controllers, active, 1);
  const asked = Array.from({ length: 30 }, (_, at) => create(active, { name: `t${at}` }));
  const handing = active.running.handOver(2_000);
  const outcomes = await controllers.got(Promise.all(asked));
  await controllers.got(handing);
  const next = await controllers.active();
  expect(next.id).not.toBe(active.id);
  const reader = new ReadImage(next);
  await controllers.pass(50);
  for (const [at, outcome] of outcomes.entries()) {
    if (!outcome.ok) expect(outcome.code).toBe(ErrorCode.NOT_CONTROLLER);
    expect(reader.image.topics.byName(`t${at}`) !== undefined).toBe(outcome.ok);
  }
});

test('quorum: a node that was down for long comes back by snapshot with the state of the others', async () => {
  const properties = { 'metadata.log.max.record.bytes.between.snapshots': '2000' };
  const controllers = await started(3, { properties, limits: { raftKeptBytesMax: 0 } });
  const active = await controllers.active();
  const [away] = controllers.others(active);
  if (away === undefined) throw new Error('there are three');
  await controllers.kill(away.id);
  for (let id = 1; id <= 40; id += 1) {
    const now = await controllers.active();
    await controllers.got(now.running.port.register(registrationOf(id)));
  }
  await controllers.startNode(away.id);
  await controllers.pass(2_000);
  const { image } = await read(controllers, await controllers.active());
  await handOverTo(controllers, away.id);
  expect((await read(controllers, controllers.node(away.id))).image.toRecords()).toEqual(image.toRecords());
});

test('quorum: a controller that comes back with an empty disk gets the snapshot, and leads with the state of the others', async () => {
  const properties = { 'metadata.log.max.record.bytes.between.snapshots': '2000' };
  const controllers = await started(3, { properties, limits: { raftKeptBytesMax: 0 } });
  const active = await controllers.active();
  for (let id = 1; id <= 40; id += 1) await controllers.got(active.running.port.register(registrationOf(id)));
  const [lost] = controllers.others(active);
  if (lost === undefined) throw new Error('there are three');
  await controllers.kill(lost.id);
  const back = await controllers.startNode(lost.id, { directoryId: randomUuid(controllers.random) });
  await controllers.until(() => {
    const seen = active.running.status().voters.find(({ directoryId }) => directoryId === back.directoryId);
    return seen?.isRecovering === false && seen.logEndOffset === active.running.status().logEndOffset;
  }, 'it has recovered');
  expect((await controllers.diskOf(back.id).load()).snapshot.offset).toBeGreaterThan(10);
  const { image } = await read(controllers, active);
  await handOverTo(controllers, back.id);
  expect((await read(controllers, back)).image.cluster.broker(40)?.epoch).toBe(image.cluster.broker(40)?.epoch);
});

test('runtime: whatever the time between, a request that was asked is decided once', async () => {
  const { controllers, node } = await alone();
  const request = creation([{ name: 'once' }]);
  const outcomes = await controllers.got(
    Promise.all([1, 2, 3].map(() => node.running.port.admin({ kind: 'createTopics', request }, ''))),
  );
  const codes = outcomes.map(
    (outcome) => outcome.ok && 'topics' in outcome.value.reply && outcome.value.reply.topics[0],
  );
  expect(
    codes.filter((topic) => topic !== false && topic !== undefined && 'errorCode' in topic && topic.errorCode === 0),
  ).toHaveLength(1);
});
