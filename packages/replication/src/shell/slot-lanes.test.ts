/** Whose turn it is. */
import { expect, test } from 'vitest';
import { limits } from '@odradek/base';
import type { LedPartition } from '../replica-types.ts';
import { ReplicaSlot } from './replica-slot.ts';
import { SlotLanes } from './slot-lanes.ts';

const bounds = limits.tiny;
const empty = { nowMs: 0, usedBytes: 0, behindBytes: 0, readsUnderWay: 0, queuedBytes: 0 };
const owner = { slotAppended() {}, slotMoved() {}, slotLost() {} };

function slot(number: number): ReplicaSlot {
  return new ReplicaSlot(number, {} as LedPartition, 0, owner);
}

test('the tail goes first, and one message of eight begins with who is behind', () => {
  const lanes = new SlotLanes(bounds);
  const behind = slot(1);
  const tail = slot(2);
  const first: number[] = [];
  lanes.enqueue(behind, 'behind');
  for (let message = 0; message < 16; message += 1) {
    lanes.enqueue(tail, 'tail');
    lanes.beginMessage();
    const next = lanes.next(empty);
    first.push(next?.number ?? 0);
    if (next === behind) {
      lanes.enqueue(behind, 'behind');
      expect(lanes.next(empty)).toBe(behind);
      lanes.enqueue(behind, 'behind');
    }
  }
  expect(first.filter((number) => number === 1)).toHaveLength(2);
  expect(first.slice(0, 7)).toEqual([2, 2, 2, 2, 2, 2, 2]);
});

test('everybody has a turn before anybody has two, and who is gone has none', () => {
  const lanes = new SlotLanes(bounds);
  const slots = [slot(1), slot(2), slot(3)];
  for (const each of slots) lanes.enqueue(each, 'tail');
  const gone = slots[1];
  if (gone !== undefined) gone.state = 'gone';
  const turns: number[] = [];
  for (let turn = 0; turn < 6; turn += 1) {
    const next = lanes.next(empty);
    turns.push(next?.number ?? 0);
    if (next !== undefined) lanes.enqueue(next, 'tail');
  }
  expect(turns).toEqual([1, 3, 1, 3, 1, 3]);
});

test('who is behind leaves a quarter of the window to the tail, and waits while the connection or the disk has enough to do', () => {
  const waits = (room: Partial<typeof empty>, state: 'tail' | 'behind' | 'found'): boolean => {
    const lanes = new SlotLanes(bounds);
    lanes.beginMessage();
    lanes.enqueue(slot(1), state);
    return lanes.next({ ...empty, ...room }) === undefined;
  };
  const most = bounds.replicaStreamWindowBytes;
  expect(waits({ usedBytes: most * 0.75 }, 'behind')).toBe(true);
  expect(waits({ usedBytes: most * 0.75 }, 'tail')).toBe(false);
  expect(waits({ usedBytes: most }, 'tail')).toBe(true);
  expect(waits({ readsUnderWay: bounds.replicaReadsAtOnceMax }, 'behind')).toBe(true);
  // What was read has its place in the window.
  expect(waits({ usedBytes: most, readsUnderWay: bounds.replicaReadsAtOnceMax }, 'found')).toBe(false);
  expect(waits({ queuedBytes: bounds.replicaMessageBytes * 8 }, 'found')).toBe(true);
  expect(waits({ queuedBytes: bounds.replicaMessageBytes * 8 }, 'tail')).toBe(false);
});

test('while others are written to, who is behind has little under way; when they have been quiet for a while, all there is room for', () => {
  const lanes = new SlotLanes(bounds);
  const behind = slot(1);
  const much = { ...empty, behindBytes: bounds.replicaBehindBytes };
  const takes = (room: typeof empty): boolean => {
    lanes.beginMessage();
    lanes.enqueue(behind, 'behind');
    return lanes.next(room) === behind;
  };
  expect([takes(much), lanes.isTailBusy(0)]).toEqual([true, false]);
  lanes.enqueue(slot(2), 'tail');
  expect(lanes.next(empty)?.number).toBe(2);
  expect(lanes.isTailBusy(0)).toBe(true);
  const turns = Array.from({ length: 16 }, () => takes(much));
  expect(turns, 'also when it is its turn').not.toContain(true);
  expect(takes({ ...much, behindBytes: bounds.replicaBehindBytes - 1 })).toBe(true);
  expect(takes({ ...much, nowMs: bounds.replicaTailBusyMs })).toBe(true);
});
