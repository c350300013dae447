import { expect, test } from 'vitest';
import { limits, silent, type Limits, type Logger } from '@odradek/base';
import { MetadataImage } from '@odradek/metadata';
import type { CommittedRecords, MetadataObserver } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { Harness, ManualClock, creation, SESSION_TIMEOUT_MS } from '../testing/harness.ts';
import type { ControllerOp } from '../core/controller.ts';
import { bootstrapRecords } from '../core/features.ts';
import { MoodyStore } from '../testing/moody-store.ts';
import { ControllerRuntime } from './runtime.ts';

/** What a new controller writes before anything else. */
const BOOTSTRAP_COUNT = bootstrapRecords(new MetadataImage()).length;

function running(over: { limits?: Partial<Limits>; snapshotBytes?: number; log?: Logger } = {}) {
  const harness = new Harness();
  const store = new MoodyStore();
  const clock = new ManualClock();
  const faults: Error[] = [];
  const runtime = new ControllerRuntime({
    controller: harness.controller,
    store,
    clock,
    limits: { ...limits.production, ...over.limits },
    log: over.log ?? silent,
    snapshotBytes: over.snapshotBytes ?? 1_000_000,
    snapshotIntervalMs: 0,
    loaded: { snapshotRecords: 0, replayedRecords: 0 },
    onFault: (fault) => faults.push(fault),
  });
  return { runtime, store, clock, harness, faults };
}

/** The store begins with what the machine's activation committed. */
async function started(over: Parameters<typeof running>[0] = {}) {
  const parts = running(over);
  for (const batch of parts.harness.batches) await parts.store.append(batch);
  parts.store.appendCount = 0;
  return parts;
}

const create = (name: string): ControllerOp => ({
  kind: 'admin',
  request: { kind: 'createTopics', request: creation([{ name }]) },
});
const registerOne = (harness: Harness): ControllerOp => ({ kind: 'registered', registration: harness.registration(1) });

function recorder() {
  const heard: ['snapshot' | 'committed', number][] = [];
  const observer: MetadataObserver = {
    snapshot: (state: CommittedRecords) => heard.push(['snapshot', state.endOffset]),
    committed: (batch: CommittedRecords) => heard.push(['committed', batch.endOffset]),
  };
  return { heard, observer };
}

test('runtime: nobody is answered, and no observer told, before the store says that it is durable', async () => {
  const { runtime, store, harness } = await started();
  const { heard, observer } = recorder();
  runtime.subscribe(observer);
  const release = store.hold();
  let answered = false;
  const answer = runtime.submit(registerOne(harness)).then(() => (answered = true));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(answered).toBe(false);
  expect(heard).toEqual([['snapshot', BOOTSTRAP_COUNT]]);
  release();
  await answer;
  expect(heard).toEqual([
    ['snapshot', BOOTSTRAP_COUNT],
    ['committed', BOOTSTRAP_COUNT + 1],
  ]);
});

test('runtime: what waits while a batch is written is decided together and shares the next write', async () => {
  const { runtime, store, harness } = await started();
  const release = store.hold();
  const first = runtime.submit(registerOne(harness));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  const rest = Array.from({ length: 20 }, (_, at) =>
    runtime.submit({ kind: 'registered', registration: harness.registration(at + 2) }),
  );
  release();
  await Promise.all([first, ...rest]);
  expect(store.appendCount).toBe(2);
});

test('runtime: the next operation sees what the one before decided, within one batch too', async () => {
  const { runtime, store, harness } = await started();
  harness.start(1);
  for (const batch of harness.batches.slice(1)) await store.append(batch);
  const outcomes = await Promise.all([runtime.submit(create('t')), runtime.submit(create('t'))]);
  const codes = outcomes.map((outcome) => {
    const reply = outcome.ok && outcome.value.reply.kind === 'admin' ? outcome.value.reply.reply : undefined;
    const [topic] = reply !== undefined && 'topics' in reply ? reply.topics : [];
    return topic !== undefined && 'errorCode' in topic ? topic.errorCode : undefined;
  });
  expect(codes).toEqual([ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS]);
});

test('runtime: an observer that comes late gets one snapshot and then every batch after it, and none once it has gone', async () => {
  const { runtime, harness } = await started();
  await runtime.submit(registerOne(harness));
  const { heard, observer } = recorder();
  const release = runtime.subscribe(observer);
  await runtime.submit({ kind: 'registered', registration: harness.registration(2) });
  release.close();
  await runtime.submit({ kind: 'registered', registration: harness.registration(3) });
  expect(heard).toEqual([
    ['snapshot', BOOTSTRAP_COUNT + 1],
    ['committed', BOOTSTRAP_COUNT + 2],
  ]);
});

test('runtime: beyond its bound of waiting operations it refuses, and says how many it takes', async () => {
  const { runtime, store, harness } = await started({ limits: { controllerQueuedOpsMax: 2 } });
  const release = store.hold();
  const first = runtime.submit(registerOne(harness));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  const waiting = [2, 3].map((id) => runtime.submit({ kind: 'registered', registration: harness.registration(id) }));
  const refused = await runtime.submit(create('t'));
  expect(refused).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT, why: expect.stringContaining('2 ') });
  release();
  for (const outcome of await Promise.all([first, ...waiting])) expect(outcome.ok).toBe(true);
});

test('runtime: a store that fails stops the controller loudly: nobody is told yes, nothing more is taken', async () => {
  const { runtime, store, harness, faults } = await started();
  store.failWith('no space left on device');
  const outcomes = await Promise.all([runtime.submit(registerOne(harness)), runtime.submit(create('t'))]);
  for (const outcome of outcomes) expect(outcome.ok).toBe(false);
  expect(faults).toHaveLength(1);
  expect(faults[0]?.message).toMatch(/no space left/);
  expect(await runtime.submit(create('u'))).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
  await runtime.close();
});

test('runtime: an operation that breaks a claim of the machine stops it, and even its asker hears', async () => {
  const { runtime, harness, faults } = await started();
  harness.image.applyBatch = () => {
    throw new Error('broken claim');
  };
  const outcomes = await Promise.all([runtime.submit(registerOne(harness)), runtime.submit(registerOne(harness))]);
  for (const outcome of outcomes) expect(outcome.ok).toBe(false);
  expect(faults.map((fault) => fault.message)).toEqual(['broken claim']);
});

test('runtime: people are told of topics by name, once they are there', async () => {
  const lines: string[] = [];
  const log: Logger = { ...silent, info: (_fields, message) => lines.push(message) };
  const { runtime, store, harness } = await started({ log });
  harness.start(1);
  for (const batch of harness.batches.slice(1)) await store.append(batch);
  const release = store.hold();
  const made = runtime.submit(create('orders'));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(lines).toEqual([]);
  release();
  await made;
  const names = { topics: [], topicNames: ['orders'], timeoutMs: 1 };
  await runtime.submit({ kind: 'admin', request: { kind: 'deleteTopics', request: names } });
  expect(lines).toEqual(['created topic orders', 'deleted topic orders']);
});

test('runtime: closing answers what was waiting, and refuses what comes later', async () => {
  const { runtime, harness } = await started();
  const waiting = runtime.submit(registerOne(harness));
  await runtime.close();
  expect((await waiting).ok).toBe(true);
  expect(await runtime.submit(create('t'))).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
  await runtime.close();
});

test('runtime: a silent broker is fenced when its session is over, without anybody asking', async () => {
  const warnings: string[] = [];
  const log: Logger = { ...silent, warn: (_fields, message) => warnings.push(message) };
  const { runtime, harness, clock } = await started({ log });
  await runtime.submit(registerOne(harness));
  const beat = {
    brokerId: 1,
    brokerEpoch: BOOTSTRAP_COUNT,
    metadataOffset: harness.image.endOffset,
    wantFence: false,
    wantShutDown: false,
  };
  await runtime.submit({ kind: 'heartbeat', beat });
  expect(harness.image.cluster.isAlive(1)).toBe(true);
  clock.passMs(SESSION_TIMEOUT_MS - 1);
  expect(harness.image.cluster.isAlive(1)).toBe(true);
  clock.passMs(1);
  await runtime.submit({ kind: 'tick' });
  expect(harness.image.cluster.isAlive(1)).toBe(false);
  expect(warnings).toEqual(['broker 1 was not heard within its session timeout: it is fenced']);
});

test('runtime: after enough bytes the log is replaced by a snapshot, from which the same state is loaded', async () => {
  const { runtime, store, harness } = await started({ snapshotBytes: 5 });
  for (let id = 1; id <= 12; id += 1)
    await runtime.submit({ kind: 'registered', registration: harness.registration(id) });
  await runtime.close();
  const { snapshot, batches } = await store.load();
  expect(snapshot?.endOffset).toBeGreaterThan(5);
  const again = new Harness({ image: (await loaded(store)).image });
  expect(again.image.toRecords()).toEqual(harness.image.toRecords());
  expect(batches.length).toBeLessThan(6);
});

test('runtime: what a start must replay stays in proportion to what there is', async () => {
  const { runtime, store, harness } = await started({ limits: { metadataReplayRecords: 20 } });
  for (let round = 0; round < 100; round += 1)
    await runtime.submit({ kind: 'registered', registration: harness.registration(1) });
  await runtime.close();
  const { snapshot, batches } = await store.load();
  expect(snapshot?.endOffset).toBeGreaterThan(50);
  expect(batches.reduce((sum, batch) => sum + batch.records.length, 0)).toBeLessThanOrEqual(21);
});

async function loaded(store: MoodyStore) {
  const { MetadataImage } = await import('@odradek/metadata');
  const { snapshot, batches } = await store.load();
  const image = snapshot === undefined ? new MetadataImage() : MetadataImage.from(snapshot);
  for (const batch of batches) image.applyBatch(batch);
  return { image };
}
