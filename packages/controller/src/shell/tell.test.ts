import { expect, test } from 'vitest';
import { silent, type Logger } from '@odradek/base';
import { alterPartitionOf } from '../testing/kafka/scenario.ts';
import { Harness } from '../testing/harness.ts';
import type { ControllerOp } from '../core/controller.ts';
import { tell } from './tell.ts';

/** What is told of each operation, as the runtime does it once it is committed. */
function told(harness: Harness, op: ControllerOp): string[] {
  const lines: string[] = [];
  const log: Logger = { ...silent, info: (_fields, message) => lines.push(message) };
  const { delta, reply } = harness.controller.handle(op, harness.nowMs);
  if (delta !== undefined) tell(log, { delta, reply }, harness.image);
  return lines;
}

test('tell: of replicas that begin to move and of those that have moved, by partition', () => {
  const harness = new Harness({ brokers: [1, 2, 3] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  const partitions = [{ partitionIndex: 0, replicas: [1, 3] }];
  const asked = { timeoutMs: 1, allowReplicationFactorChange: true, topics: [{ name: 't', partitions }] };
  const request = { kind: 'alterPartitionReassignments', request: asked } as const;
  expect(told(harness, { kind: 'admin', request })).toEqual(['replicas move: t-0']);
  const isr = alterPartitionOf({ do: 'isr', topic: 't', partition: 0, isr: [1, 2, 3] }, harness);
  expect(told(harness, { kind: 'admin', request: { kind: 'alterPartition', request: isr } })).toEqual([
    'replicas have moved: t-0',
  ]);
});

test('tell: of leaders that went back by themselves, how many', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.beat(1, { wantFence: true });
  harness.beat(1);
  const isr = alterPartitionOf({ do: 'isr', topic: 't', partition: 0, isr: [1, 2] }, harness);
  expect(told(harness, { kind: 'admin', request: { kind: 'alterPartition', request: isr } })).toEqual([]);
  harness.nowMs = 300_000;
  for (const brokerId of [1, 2]) harness.beat(brokerId);
  expect(told(harness, { kind: 'tick' })).toEqual(['leaders that went back to their preferred brokers: 1']);
});
