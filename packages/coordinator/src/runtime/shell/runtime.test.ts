import { refuse, silent } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { SimClock, drain } from '@odradek/base/testing';
import { MemoryLog } from '../../testing/memory-log.ts';
import type { Machine, OpId, Out } from '../core/machine.ts';
import type { KeyValue } from '../ports.ts';
import { CoordinatorRuntime } from './runtime.ts';

/** A machine small enough to see through: it adds, it parks, it is reminded. */
type Op =
  | { kind: 'add'; by: number; times?: number }
  | { kind: 'read' }
  | { kind: 'park' }
  | { kind: 'unpark' }
  | { kind: 'remind'; delayMs: number; input?: 'reminder' | 'failure' }
  | { kind: 'fail' };
type CounterKinds = { op: Op; record: number; timer: 'reminder' | 'failure'; event: string };

class Counter implements Machine<CounterKinds> {
  sum = 0;
  parked: OpId[] = [];

  handle(op: Op, id: OpId, out: Out<CounterKinds>): void {
    switch (op.kind) {
      case 'add':
        for (let n = 0; n < (op.times ?? 1); n += 1) out.write(op.by);
        out.tell(`added ${op.by}`);
        return out.reply(id, { ok: true, value: this.sum });
      case 'read':
        return out.reply(id, { ok: true, value: this.sum });
      case 'park':
        this.parked.push(id);
        return;
      case 'unpark':
        for (const parked of this.parked) out.reply(parked, { ok: true, value: 'unparked' });
        this.parked = [];
        return out.reply(id, { ok: true, value: null });
      case 'remind':
        out.timer('reminder', op.delayMs, op.input ?? 'reminder');
        return out.reply(id, { ok: true, value: null });
      case 'fail':
        return this.#fail(out);
    }
  }

  fired(timer: 'reminder' | 'failure', out: Out<CounterKinds>): void {
    if (timer === 'failure') this.#fail(out);
    out.write(1_000);
  }

  /** Half of what it had to do is done. */
  #fail(out: Out<CounterKinds>): never {
    out.write(10_000);
    throw new RangeError('this cannot be');
  }

  apply(record: number): void {
    this.sum += record;
  }

  loaded(out: Out<CounterKinds>): void {
    out.tell('loaded');
  }

  encode(record: number): KeyValue {
    return { key: Buffer.from('n'), value: Buffer.from(String(record)) };
  }

  decode(raw: KeyValue): number | undefined {
    return raw.key.toString() === 'n' ? Number(raw.value?.toString()) : undefined;
  }
}

type Rig = {
  log: MemoryLog;
  clock: SimClock;
  runtime: CoordinatorRuntime<CounterKinds>;
  told: string[];
  loads: object[];
  submit: (op: Op) => { outcome: Outcome<unknown> | undefined; promise: Promise<Outcome<unknown>> };
};

function rig(limits = { coordinatorQueuedOpsMax: 100, coordinatorBatchBytesMax: 4_096 }): Rig {
  const log = new MemoryLog();
  const clock = new SimClock();
  const told: string[] = [];
  const loads: object[] = [];
  const runtime = new CoordinatorRuntime<CounterKinds>({
    log,
    clock,
    logger: silent,
    limits,
    topicBatchBytesMax: () => 420,
    machine: () => new Counter(),
    told: (_partition, event) => void told.push(event),
    loaded: (partition, load) => void loads.push({ partition, ...load }),
  });
  const submit: Rig['submit'] = (op) => {
    const asked: ReturnType<Rig['submit']> = { outcome: undefined, promise: runtime.submit(0, op) };
    void asked.promise.then((outcome) => (asked.outcome = outcome));
    return asked;
  };
  return { log, clock, runtime, told, loads, submit };
}

async function active(limits?: { coordinatorQueuedOpsMax: number; coordinatorBatchBytesMax: number }): Promise<Rig> {
  const made = rig(limits);
  made.runtime.load(0, 1);
  await made.runtime.whenLoaded(0);
  return made;
}

const value = (of: unknown): Outcome<unknown> => ({ ok: true, value: of });
const code = (of: { outcome: Outcome<unknown> | undefined }): number | undefined =>
  of.outcome?.ok === false ? of.outcome.code : undefined;

test('runtime: a partition that is not led here is refused with NOT_COORDINATOR', async () => {
  const { runtime, submit } = await active();
  runtime.unload(0);
  const asked = submit({ kind: 'read' });
  await drain();
  expect(code(asked)).toBe(ErrorCode.NOT_COORDINATOR);
});

test('runtime: while a shard is loaded its ops hear COORDINATOR_LOAD_IN_PROGRESS, then they see what the log holds', async () => {
  const { log, runtime, submit, told, loads } = rig();
  await log.append(
    0,
    [5, 7].map((n) => new Counter().encode(n)),
  );
  await log.append(0, [{ key: Buffer.from('other'), value: null }]);
  runtime.load(0, 1);
  const early = submit({ kind: 'read' });
  await runtime.whenLoaded(0);
  const late = submit({ kind: 'read' });
  await drain();
  expect([code(early), late.outcome, told]).toEqual([ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, value(12), ['loaded']]);
  // Records that the machine does not know count too: they were read.
  expect(loads).toEqual([{ partition: 0, recordCount: 3, tookMs: 0 }]);
});

test('runtime: ops see what was written before them at once, and are answered only when that is committed', async () => {
  const { log, submit, told } = await active();
  log.hold();
  const asked = [submit({ kind: 'add', by: 1 }), submit({ kind: 'add', by: 2 }), submit({ kind: 'read' })];
  await drain();
  expect(asked.map(({ outcome }) => outcome)).toEqual([undefined, undefined, undefined]);
  expect(told).toEqual(['loaded']);
  log.release();
  await drain();
  expect(asked.map(({ outcome }) => outcome)).toEqual([value(1), value(3), value(3)]);
  expect(told).toEqual(['loaded', 'added 1', 'added 2']);
});

test('runtime: what is written while an append is under way shares the next one', async () => {
  const { log, submit } = await active();
  log.hold();
  submit({ kind: 'add', by: 1 });
  await drain();
  for (let n = 0; n < 9; n += 1) submit({ kind: 'add', by: 1 });
  await drain();
  expect(log.heldCount).toBe(1);
  log.release();
  await drain();
  expect(log.batches).toEqual([1, 9]);
});

test('runtime: an op that writes more than the topic takes in one append is answered after the last of them', async () => {
  const { log, submit } = await active();
  const asked = submit({ kind: 'add', by: 1, times: 25 });
  await drain();
  expect(log.batches).toEqual([10, 10, 5]);
  expect(asked.outcome).toEqual(value(25));
});

test('runtime: after a refused append nothing of it is left, all that wait are refused, and the shard is loaded anew', async () => {
  const { log, clock, runtime, submit } = await active();
  submit({ kind: 'add', by: 1 });
  await drain();
  log.hold();
  const parked = submit({ kind: 'park' });
  const refused = submit({ kind: 'add', by: 10 });
  await drain();
  const later = submit({ kind: 'add', by: 100 });
  await drain();
  log.refuseHeld(refuse(ErrorCode.NOT_ENOUGH_REPLICAS, 'too few'));
  await drain();
  expect([refused, later, parked].map(code)).toEqual(Array(3).fill(ErrorCode.COORDINATOR_NOT_AVAILABLE));
  expect(runtime.stateOf(0)).toBe('loading');
  const meanwhile = submit({ kind: 'read' });
  await clock.advance(100);
  const after = submit({ kind: 'read' });
  await drain();
  expect([code(meanwhile), after.outcome, log.loads]).toEqual([ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, value(1), 2]);
});

test.for([
  [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR],
  [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR],
  [ErrorCode.REQUEST_TIMED_OUT, ErrorCode.COORDINATOR_NOT_AVAILABLE],
  [ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND, ErrorCode.COORDINATOR_NOT_AVAILABLE],
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.COORDINATOR_NOT_AVAILABLE],
  [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR],
  [ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD],
] as const)('runtime: an append refused with %i is %i to the client', async ([refusal, told]) => {
  const { log, submit } = await active();
  log.refuse(refuse(refusal, 'refused'));
  const asked = submit({ kind: 'add', by: 1 });
  await drain();
  expect(code(asked)).toBe(told);
});

test('runtime: a log that throws is a log that refuses', async () => {
  const { log, clock, submit } = await active();
  log.append = () => Promise.reject(new Error('the disk is gone'));
  const asked = submit({ kind: 'add', by: 1 });
  await drain();
  expect(code(asked)).toBe(ErrorCode.NOT_COORDINATOR);
  await clock.advance(100);
  const after = submit({ kind: 'read' });
  await drain();
  expect(after.outcome).toEqual(value(0));
});

test('runtime: loading is tried again until it works', async () => {
  const { log, clock, runtime, submit } = rig();
  log.refuseLoads(refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, 'not yet'));
  runtime.load(0, 1);
  await drain();
  await clock.advance(1_000);
  expect([runtime.stateOf(0), log.loads > 5]).toEqual(['loading', true]);
  log.refuseLoads(undefined);
  await clock.advance(100);
  const asked = submit({ kind: 'read' });
  await drain();
  expect(asked.outcome).toEqual(value(0));
});

test('runtime: unloading refuses all that waits and fires no timer any more; an older epoch changes nothing', async () => {
  const { log, clock, runtime, submit } = await active();
  const parked = submit({ kind: 'park' });
  submit({ kind: 'remind', delayMs: 50 });
  log.hold();
  const written = submit({ kind: 'add', by: 1 });
  await drain();
  runtime.unload(0, 0);
  expect(runtime.stateOf(0)).toBe('active');
  runtime.unload(0, 2);
  await drain();
  expect([code(parked), code(written)]).toEqual([ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_COORDINATOR]);
  log.release();
  await clock.advance(1_000);
  expect(log.records(0).length).toBe(1);
});

test('runtime: leading again in a later epoch loads anew; the same epoch does not', async () => {
  const { log, runtime, submit } = await active();
  const parked = submit({ kind: 'park' });
  runtime.load(0, 1);
  runtime.load(0, 0);
  await drain();
  expect([parked.outcome, log.loads]).toEqual([undefined, 1]);
  runtime.load(0, 2);
  await runtime.whenLoaded(0);
  await drain();
  expect([code(parked), log.loads]).toEqual([ErrorCode.NOT_COORDINATOR, 2]);
});

test('runtime: a timer fires after its delay as an input that may write', async () => {
  const { log, clock, submit } = await active();
  submit({ kind: 'remind', delayMs: 5_000 });
  await clock.advance(4_999);
  expect(log.records(0).length).toBe(0);
  await clock.advance(1);
  expect(log.records(0).length).toBe(1);
});

test('runtime: a parked op is answered by a later one', async () => {
  const { submit } = await active();
  const parked = submit({ kind: 'park' });
  await drain();
  expect(parked.outcome).toBeUndefined();
  submit({ kind: 'unpark' });
  await drain();
  expect(parked.outcome).toEqual(value('unparked'));
});

test('runtime: more waiting ops than the limit are refused, and counted', async () => {
  const { runtime, submit } = await active({ coordinatorQueuedOpsMax: 3, coordinatorBatchBytesMax: 4_096 });
  const asked = Array.from({ length: 5 }, () => submit({ kind: 'park' }));
  await drain();
  expect(asked.map(code)).toEqual([undefined, undefined, undefined, 15, 15]);
  expect(runtime.waitingOps()).toBe(3);
  runtime.close();
  await drain();
  expect([runtime.waitingOps(), code(asked[0] ?? { outcome: undefined })]).toEqual([0, ErrorCode.NOT_COORDINATOR]);
});

test('runtime: an op for all shards is answered by each, in the order of partitions', async () => {
  const { log, runtime } = await active();
  await log.append(4, [new Counter().encode(9)]);
  runtime.load(4, 1);
  runtime.load(2, 1);
  await Promise.all([runtime.whenLoaded(2), runtime.whenLoaded(4)]);
  expect([runtime.partitions(), await runtime.submitToAll({ kind: 'read' })]).toEqual([
    [0, 2, 4],
    [value(0), value(0), value(9)],
  ]);
});

test.for(['fail', 'remind'] as const)(
  'runtime: when a machine throws at %s, nothing of it is left: the shard is loaded anew, and no place in it is lost',
  async (kind) => {
    const { log, clock, runtime, submit } = await active({
      coordinatorQueuedOpsMax: 2,
      coordinatorBatchBytesMax: 4_096,
    });
    submit({ kind: 'add', by: 1 });
    await drain();
    const parked = submit({ kind: 'park' });
    const failing = kind === 'fail' ? submit({ kind }) : submit({ kind, delayMs: 5, input: 'failure' });
    await clock.advance(5);
    expect(code(parked)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (kind === 'fail') expect(code(failing)).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect([runtime.stateOf(0), runtime.waitingOps()]).toEqual(['loading', 0]);
    await clock.advance(100);
    const after = [submit({ kind: 'read' }), submit({ kind: 'read' })];
    await drain();
    expect([after.map(({ outcome }) => outcome), log.loads]).toEqual([[value(1), value(1)], 2]);
  },
);
