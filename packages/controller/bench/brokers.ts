/**
 * What a broker that comes or goes costs the controller machine: `node packages/controller/bench/brokers.ts [partitions] [topics]`. Three
 * brokers, all partitions on all three. Prints a line per event: what its operations took in all and at worst (decided, applied and
 * encoded, as the loop does it before a batch goes to the log), and how many batches that made.
 */
import { encodeRecord, type CommittedRecords } from '@odradek/metadata';
import { limits } from '@odradek/base';
import type { ControllerOp } from '../src/core/controller.ts';
import { Harness } from '../src/testing/harness.ts';

const PARTITIONS = Number(process.argv[2] ?? 100_000);
const TOPICS = Number(process.argv[3] ?? 1_000);
const BROKERS = [1, 2, 3];

const heapMib = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

const emptyMib = heapMib();
const harness = new Harness({
  brokers: BROKERS,
  recordsPerSliceMax: limits.production.controllerRecordsPerSliceMax,
  properties: { 'auto.leader.rebalance.enable': 'false' },
});
const createdMs = performance.now();
const replicasOf = (at: number): number[] => [0, 1, 2].map((shift) => BROKERS[(at + shift) % 3] ?? 1);
for (let topic = 0; topic < TOPICS; topic += 1) {
  const replicas = Array.from({ length: Math.ceil(PARTITIONS / TOPICS) }, (_, at) => replicasOf(at));
  harness.create({ name: `topic-${topic}`, replicas });
  harness.batches.length = 0;
}
const { topics } = harness.image;
const tookMs = performance.now() - createdMs;
console.log(`${topics.partitionCount} partitions in ${topics.size} topics: created in ${tookMs.toFixed(0)} ms`);
console.log(`heap of the image with its index: ${(heapMib() - emptyMib).toFixed(0)} MiB (run with --expose-gc)`);

/** One operation, and what its batch is as bytes. @returns milliseconds */
function took(op: ControllerOp): { readonly ms: number; readonly records: number } {
  const startMs = performance.now();
  const { batch } = harness.controller.handle(op, harness.nowMs);
  const bytes = batch === undefined ? 0 : encoded(batch);
  const ms = performance.now() - startMs;
  return { ms, records: bytes === 0 ? 0 : (batch?.records.length ?? 0) };
}

function encoded(batch: CommittedRecords): number {
  let bytes = 0;
  for (const each of batch.records) bytes += encodeRecord(each).length;
  return bytes;
}

/** An operation and all that follows from it by itself. */
function measure(what: string, op: ControllerOp): void {
  const all = [took(op)];
  while (harness.controller.nextWakeMs(harness.nowMs) === 0) all.push(took({ kind: 'tick' }));
  const sorted = all.map(({ ms }) => ms).sort((a, b) => a - b);
  const sum = sorted.reduce((total, ms) => total + ms, 0);
  const records = all.reduce((total, each) => total + each.records, 0);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const figures = `median ${middle.toFixed(2)} ms, worst ${(sorted.at(-1) ?? 0).toFixed(2)} ms`;
  console.log(`${what}: ${records} records in ${all.length} operations, ${sum.toFixed(0)} ms in all, ${figures}`);
}

const beat = (brokerId: number, over: { wantFence?: boolean; wantShutDown?: boolean } = {}): ControllerOp => ({
  kind: 'heartbeat',
  beat: {
    brokerId,
    brokerEpoch: harness.brokers.get(brokerId)?.epoch ?? -1,
    metadataOffset: harness.image.endOffset,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [],
    ...over,
  },
});

measure('a heartbeat of a broker that is fine', beat(1));
measure('broker 1 is fenced', beat(1, { wantFence: true }));
measure('broker 2 stops in order', beat(2, { wantShutDown: true }));
measure('broker 3, the last in sync, is fenced', beat(3, { wantFence: true }));
measure('broker 3 comes back', beat(3));
measure('broker 1 comes back', beat(1));
