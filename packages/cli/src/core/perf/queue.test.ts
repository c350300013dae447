import { ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PartitionQueue, type Batch } from './queue.ts';

const options = { batchBytes: 30, lingerMs: 5, deliveryTimeoutMs: 120_000, isIdempotent: true };
const queueOf = (more: Partial<typeof options> = {}): PartitionQueue => new PartitionQueue(0, { ...options, ...more });
const value = (text: string): Buffer => Buffer.from(text.padEnd(5, '.'));
const texts = (batch: Batch | undefined): string[] => (batch?.values ?? []).map(String);

describe('batches of a partition', () => {
  test('two records of 15 bytes fill a batch of 30; one that is not full waits for linger.ms or a flush', () => {
    const queue = queueOf();
    expect([queue.add(value('a'), 0), queue.add(value('b'), 0), queue.add(value('c'), 0)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(texts(queue.next(0, false))).toEqual(['a....', 'b....']);
    expect(queue.next(4, false)).toBeUndefined();
    expect(texts(queue.next(5, false))).toEqual(['c....']);
    queue.add(value('d'), 5);
    expect(texts(queue.next(5, true))).toEqual(['d....']);
  });

  test('a record larger than a batch is a batch of its own', () => {
    const queue = queueOf();
    expect(queue.add(Buffer.alloc(100), 0)).toBe(true);
    expect(queue.next(0, false)?.values).toHaveLength(1);
  });

  test('what is lost goes again before anything behind it, after a pause, and not while others are under way', () => {
    const queue = queueOf();
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) queue.add(value(text), 0);
    const [first, second] = [queue.next(0, false), queue.next(0, false)];
    if (first === undefined || second === undefined) throw new Error('two batches are full');
    expect(queue.answered(first, undefined, 10)).toEqual({ kind: 'again' });
    expect(queue.next(500, false)).toBeUndefined();
    expect(queue.answered(second, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, 10)).toEqual({ kind: 'again' });
    expect(queue.next(50, false)).toBeUndefined();
    expect(queue.next(500, false)).toBe(first);
    expect(queue.next(500, false)).toBe(second);
    expect(first.sequence).toBe(0);
  });

  test('what is too old is given up, with its reason', () => {
    const queue = queueOf({ deliveryTimeoutMs: 1_000 });
    queue.add(value('a'), 0);
    const batch = queue.next(10, true);
    if (batch === undefined) throw new Error('a flush sends it');
    expect(queue.answered(batch, ErrorCode.NOT_LEADER_OR_FOLLOWER, 1_000)).toEqual({
      kind: 'failed',
      why: 'delivery.timeout.ms',
    });
    expect(queue.isEmpty).toBe(true);
  });
});

/** A leader that keeps what comes in sequence and refuses the rest, as brokers do. */
class Leader {
  readonly kept: string[] = [];
  private next = 0;
  private readonly done = new Set<number>();

  write(batch: Batch, refuses: boolean): number {
    if (this.done.has(batch.sequence)) return ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
    if (batch.sequence !== this.next) return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    if (refuses) return ErrorCode.MESSAGE_TOO_LARGE;
    this.done.add(batch.sequence);
    this.next += batch.values.length;
    this.kept.push(...batch.values.map(String));
    return ErrorCode.NONE;
  }
}

test('whatever is lost, late or refused: each record is kept once and in order, or told as failed', () => {
  const fate = fc.constantFrom('taken', 'answer lost', 'request lost', 'not leader', 'refused');
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (fates, count) => {
      const queue = queueOf();
      const leader = new Leader();
      const failed: string[] = [];
      for (let at = 0; at < count; at += 1) queue.add(value(String(at)), 0);
      let nowMs = 0;
      for (let round = 0; !queue.isEmpty && round < 1_000; round += 1) {
        nowMs += 2_000;
        const sent: Batch[] = [];
        for (let batch = queue.next(nowMs, true); batch !== undefined && sent.length < 5;) {
          sent.push(batch);
          batch = sent.length < 5 ? queue.next(nowMs, true) : undefined;
        }
        for (const batch of sent) {
          const next = fates.shift() ?? 'taken';
          const code =
            next === 'request lost' || next === 'not leader' ? undefined : leader.write(batch, next === 'refused');
          const told =
            next === 'not leader' ? ErrorCode.NOT_LEADER_OR_FOLLOWER : next === 'answer lost' ? undefined : code;
          if (queue.answered(batch, told, 1).kind === 'failed') failed.push(...batch.values.map(String));
        }
      }
      const all = Array.from({ length: count }, (_, at) => String(value(String(at))));
      expect(queue.isEmpty).toBe(true);
      expect(leader.kept).toEqual(all.filter((text) => !failed.includes(text)));
    }),
  );
});
