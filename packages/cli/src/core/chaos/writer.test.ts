/**
 * The writer against a model of a partition that elects, forgets answers and delays them: whatever happens, a sound partition is judged sound,
 * and each way of not being sound is found.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { Ledger } from './ledger.ts';
import { PartitionWriter, producerDefaults, type Answer, type Batch } from './writer.ts';

const RECORD_BYTES = 100;
const IDENTITY = { producerId: 7, producerEpoch: 0 };

function ready(): { ledger: Ledger; writer: PartitionWriter } {
  const ledger = new Ledger(0);
  const writer = new PartitionWriter(ledger, RECORD_BYTES);
  writer.identify(IDENTITY);
  writer.leads(1, 0);
  return { ledger, writer };
}

function sent(writer: PartitionWriter, nowMs: number): Batch {
  return writer.next(nowMs) ?? expect.fail(`nothing is sent at ${nowMs}`);
}

const refused = (code: number): Answer => ({ kind: 'refused', code });
const LOST: Answer = { kind: 'lost', why: 'connection lost' };

describe('what is sent', () => {
  test('waits for company as long as linger.ms says, and not when a batch is full', () => {
    const { ledger, writer } = ready();
    ledger.issue(0);
    expect(writer.next(4)).toBeUndefined();
    expect(sent(writer, 5)).toMatchObject({ first: 0, count: 1, baseSequence: 0 });
    for (let number = 0; number < 200; number += 1) ledger.issue(6);
    expect(sent(writer, 6)).toMatchObject({ first: 1, count: 163, baseSequence: 1 });
    expect(writer.next(6)).toBeUndefined();
  });

  test('is five batches at most until the oldest is answered', () => {
    const { ledger, writer } = ready();
    for (let number = 0; number < 7; number += 1) {
      ledger.issue(number * 10);
      if (number < 5) sent(writer, number * 10 + 5);
      else expect(writer.next(number * 10 + 5)).toBeUndefined();
    }
  });

  test('is nothing without a leader or a producer id', () => {
    const { ledger, writer } = ready();
    ledger.issue(0);
    writer.leads(-1, 1);
    expect(writer.next(100)).toBeUndefined();
    const other = new PartitionWriter(ledger, RECORD_BYTES);
    other.leads(1, 0);
    expect([other.wantsIdentity, other.next(100)]).toEqual([true, undefined]);
  });
});

describe('what is sent again', () => {
  test('keeps its sequence, after retry.backoff.ms and longer each time', () => {
    const { ledger, writer } = ready();
    ledger.issue(0);
    const batch = sent(writer, 5);
    expect(writer.answered(batch, 1, refused(ErrorCode.NOT_ENOUGH_REPLICAS), 10)).toEqual({
      kind: 'again',
      why: 'NOT_ENOUGH_REPLICAS',
    });
    expect(writer.next(109)).toBeUndefined();
    expect(sent(writer, 110)).toBe(batch);
    writer.answered(batch, 2, LOST, 120);
    expect([writer.next(319), writer.next(320)?.baseSequence]).toEqual([undefined, 0]);
  });

  test('goes to a new leader at once, without an answer of the old one; that is stale then', () => {
    const { ledger, writer } = ready();
    ledger.issue(0);
    const batch = sent(writer, 5);
    writer.leads(2, 1);
    expect(sent(writer, 6)).toBe(batch);
    expect(writer.answered(batch, 1, refused(ErrorCode.NOT_LEADER_OR_FOLLOWER), 7)).toEqual({ kind: 'stale' });
    expect(writer.next(200)).toBeUndefined();
    expect(writer.answered(batch, 2, { kind: 'ok', baseOffset: 0 }, 8)).toEqual({ kind: 'acknowledged' });
    expect(ledger.acknowledged).toBe(1);
  });

  test('what an older epoch says of the leader is not believed', () => {
    const { writer } = ready();
    writer.leads(2, 5);
    writer.leads(1, 4);
    expect(writer.leader).toBe(2);
  });

  test('goes to a leader that was told as none in its own epoch before, and stays when it is told so later', () => {
    const { ledger, writer } = ready();
    ledger.issue(0);
    const batch = sent(writer, 5);
    writer.leads(-1, 1);
    expect(writer.next(200)).toBeUndefined();
    writer.leads(2, 1);
    expect(sent(writer, 200)).toBe(batch);
    writer.leads(-1, 1);
    expect([writer.leader, writer.next(300)]).toEqual([2, undefined]);
  });

  test('one by one from the oldest on: no later batch passes it', () => {
    const { ledger, writer } = ready();
    const batches = [0, 10, 20].map((ms) => (ledger.issue(ms), sent(writer, ms + 5)));
    const [first, second, third] = batches as [Batch, Batch, Batch];
    writer.answered(first, 1, refused(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND), 30);
    for (const later of [second, third]) {
      expect(writer.answered(later, 1, refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER), 31).kind).toBe('again');
    }
    expect(sent(writer, 200)).toBe(first);
    expect(writer.next(200)).toBeUndefined();
    writer.answered(first, 2, refused(ErrorCode.DUPLICATE_SEQUENCE_NUMBER), 201);
    expect(ledger.acknowledged).toBe(1);
    expect(sent(writer, 202)).toBe(second);
  });
});

describe('what a client would tell its user', () => {
  test('a gap in sequences before the oldest batch: what is under way is given up, a new producer id is wanted', () => {
    const { ledger, writer } = ready();
    ledger.issue(0);
    const batch = sent(writer, 5);
    const told = writer.answered(batch, 1, refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER), 6);
    expect(told).toEqual({ kind: 'failed', why: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
    expect([ledger.givenUp, ledger.open, writer.wantsIdentity]).toEqual([1, 0, true]);
    writer.identify({ producerId: 8, producerEpoch: 0 });
    ledger.issue(10);
    expect(sent(writer, 15)).toMatchObject({ first: 1, baseSequence: 0, identity: { producerId: 8 } });
  });

  test('an error that no retry mends', () => {
    const { ledger, writer } = ready();
    ledger.issue(0);
    const told = writer.answered(sent(writer, 5), 1, refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED), 6);
    expect(told).toEqual({ kind: 'failed', why: 'TOPIC_AUTHORIZATION_FAILED' });
  });

  test('what is older than delivery.timeout.ms, sent or not', () => {
    const { ledger, writer } = ready();
    const late = producerDefaults['delivery.timeout.ms'];
    ledger.issue(0);
    sent(writer, 5);
    ledger.issue(10);
    expect(writer.expire(late - 1)).toBeUndefined();
    expect(writer.expire(late)).toEqual({ kind: 'failed', why: 'delivery.timeout.ms' });
    expect([ledger.givenUp, ledger.open]).toEqual([1, 1]);
    expect(writer.expire(late + 10)?.kind).toBe('failed');
    expect(ledger.open).toBe(0);
    expect(writer.expire(late + 1_000)).toBeUndefined();
  });
});

type Fault = 'none' | 'lose' | 'repeat' | 'reorder' | 'misplace';

/** A partition of several nodes as one log: what is committed survives elections, what is not may. Knows sequences as Kafka does. */
class ModelPartition {
  readonly log: number[] = [];
  /** The batches that it tells from new ones, as Kafka the last five: base sequence and base offset. */
  private recent: { baseSequence: number; count: number; baseOffset: number; producerId: number }[] = [];
  private next = 0;
  private producerId = -1;
  private readonly fault: Fault;

  constructor(fault: Fault) {
    this.fault = fault;
  }

  append(batch: Batch): Answer {
    const { producerId } = batch.identity;
    if (producerId !== this.producerId) {
      if (batch.baseSequence !== 0) return refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      [this.producerId, this.next, this.recent] = [producerId, 0, []];
    }
    const known = this.recent.find((each) => each.baseSequence === batch.baseSequence && each.count === batch.count);
    if (known !== undefined && this.fault !== 'repeat') return { kind: 'ok', baseOffset: known.baseOffset };
    if (known === undefined && batch.baseSequence !== this.next) {
      return refused(
        batch.baseSequence < this.next ? ErrorCode.DUPLICATE_SEQUENCE_NUMBER : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      );
    }
    const baseOffset = this.log.length;
    const numbers = Array.from({ length: batch.count }, (_, index) => batch.first + index);
    if (this.fault === 'reorder') numbers.reverse();
    if (this.fault !== 'lose' || this.log.length !== 3) this.log.push(...numbers);
    if (known === undefined) this.next = batch.baseSequence + batch.count;
    const kept = { baseSequence: batch.baseSequence, count: batch.count, baseOffset, producerId };
    this.recent = [...this.recent, kept].slice(-5);
    return { kind: 'ok', baseOffset: this.fault === 'misplace' ? baseOffset + 1 : baseOffset };
  }
}

/** What the world does next. */
type Move =
  | { readonly kind: 'issue'; readonly count: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'elect' }
  /** The oldest send arrives and is answered, its answer is lost, or it never arrives. */
  | { readonly kind: 'deliver'; readonly fate: 'answered' | 'answerLost' | 'lost' | 'refused' };

const moves = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('issue' as const), count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ kind: fc.constant('elect' as const) }),
    fc.record({
      kind: fc.constant('deliver' as const),
      fate: fc.constantFrom('answered', 'answered', 'answerLost', 'lost', 'refused'),
    }),
  ),
  { minLength: 20, maxLength: 120 },
);

/** Plays the moves, then lets everything through, and reads the log. */
function played(world: readonly Move[], fault: Fault): { ledger: Ledger; answered: boolean } {
  const { ledger, writer } = ready();
  const partition = new ModelPartition(fault);
  let nowMs = 0;
  let epoch = 0;
  let wire: { batch: Batch; attempt: number }[] = [];
  const pump = (): void => {
    for (let batch = writer.next(nowMs); batch !== undefined; batch = writer.next(nowMs)) {
      wire.push({ batch, attempt: batch.attempt });
    }
  };
  const deliver = (fate: (Move & { kind: 'deliver' })['fate']): void => {
    const send = wire.shift();
    if (send === undefined) return;
    const { batch, attempt } = send;
    const answer =
      fate === 'refused' ? refused(ErrorCode.NOT_LEADER_OR_FOLLOWER) : fate === 'lost' ? LOST : partition.append(batch);
    writer.answered(batch, attempt, fate === 'answerLost' ? LOST : answer, nowMs);
    if (writer.wantsIdentity) writer.identify({ producerId: 1_000 + nowMs, producerEpoch: 0 });
    // A connection that breaks takes what is behind it along.
    if (fate === 'lost' || fate === 'answerLost') {
      for (const rest of wire) writer.answered(rest.batch, rest.attempt, LOST, nowMs);
      wire = [];
    }
  };
  for (const move of world) {
    if (move.kind === 'issue') for (let index = 0; index < move.count; index += 1) ledger.issue(nowMs);
    if (move.kind === 'wait') nowMs += move.ms;
    if (move.kind === 'elect') {
      epoch += 1;
      if (epoch % 2 === 0) writer.leads(-1, epoch);
      if (epoch % 3 !== 0) writer.leads(epoch % 3, epoch);
    }
    if (move.kind === 'deliver') deliver(move.fate);
    pump();
  }
  writer.leads(1, epoch + 1);
  for (let turn = 0; turn < 5_000 && ledger.open > 0; turn += 1) {
    nowMs += 50;
    pump();
    deliver('answered');
  }
  for (const [offset, number] of partition.log.entries()) ledger.take(number, offset);
  return { ledger, answered: ledger.open === 0 };
}

describe('a model of a partition', () => {
  test('that keeps its promises is judged so, whatever is lost, refused and elected', () => {
    fc.assert(
      fc.property(moves, (world) => {
        const { ledger, answered } = played(world, 'none');
        expect(answered).toBe(true);
        const { lost, duplicated, outOfOrder, misplaced, invented, examples } = ledger.judge();
        expect({ lost, duplicated, outOfOrder, misplaced, invented, examples }).toEqual({
          lost: 0,
          duplicated: 0,
          outOfOrder: 0,
          misplaced: 0,
          invented: 0,
          examples: [],
        });
        expect([ledger.givenUp, ledger.read]).toEqual([0, ledger.issued]);
      }),
      { numRuns: 400 },
    );
  });

  const everything: Move[] = Array.from({ length: 40 }, (_, index): Move[] => [
    { kind: 'issue', count: 3 },
    { kind: 'wait', ms: 20 },
    { kind: 'deliver', fate: index % 5 === 3 ? 'answerLost' : 'answered' },
  ]).flat();

  test.each([
    ['lose', 'lost'],
    ['repeat', 'duplicated'],
    ['reorder', 'outOfOrder'],
    ['misplace', 'misplaced'],
  ] as const)('that would %s: it is found as %s', (fault, found) => {
    const { ledger } = played(everything, fault);
    expect(ledger.judge()[found]).toBeGreaterThan(0);
    expect(ledger.judge().examples.length).toBeGreaterThan(0);
  });
});
