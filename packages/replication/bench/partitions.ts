/**
 * What stands between a request and the logs: `node packages/replication/bench/partitions.ts [directory]`. Produce of many small batches
 * with and without somebody who waits for them, long polls over many idle partitions. Prints a line per shape, with the time of one call.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { limits, MetricsRegistry, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { LogManager } from '@odradek/log';
import { DIRECTORY_UNASSIGNED, MetadataImage, record } from '@odradek/metadata';
import type { MetadataRecord } from '@odradek/metadata';
import { config } from '@odradek/base';
import { noReplicaFetchers, Replicas, topicSettings } from '../src/index.ts';
import type { FetchResult, ProduceResult } from '../src/index.ts';
import { batchOf } from '../src/testing/rig.ts';

const ROUND_MS = 2_000;
const PARTITIONS = 10_000;
const TOPIC_ID = 'AAAAAAAAAAEAAAAAAAAAAg';
const directory = mkdtempSync(`${process.argv[2] ?? tmpdir()}/odradek-replicas-`);
const ports = systemPorts();
const settings = topicSettings(new config.TopicConfig(config.noOverrides, config.noLayers));
const never = 2 ** 53;

// The clock's timers do not keep a process alive, and a poll that waits has nothing else.
const alive = setInterval(() => undefined, 1_000);
const logs = await LogManager.open({
  ports,
  limits: limits.production,
  logger: silent,
  defaults: settings.log,
  config: {
    logDirs: [directory],
    nodeId: 1,
    clusterId: 'bench',
    flushOffsetCheckpointIntervalMs: never,
    flushStartOffsetCheckpointIntervalMs: never,
    retentionCheckIntervalMs: never,
    flushSchedulerIntervalMs: never,
    producerIdExpirationMs: never,
    producerIdExpirationCheckIntervalMs: never,
    recoveryThreadsPerDataDir: 1,
  },
});
const replicas = new Replicas({
  nodeId: 1,
  clock: ports.clock,
  log: silent,
  metrics: new MetricsRegistry(),
  logs,
  settingsOf: () => settings,
  highWatermarks: new Map(),
  limits: limits.production,
  lagMaxMs: 30_000,
  brokerEpoch: () => -1,
  isr: { alterPartition: () => Promise.reject(new Error('one replica has nothing to propose')) },
  fetchers: noReplicaFetchers,
});
const image = new MetadataImage();
const records: MetadataRecord[] = [record('TopicRecord', { name: 't', topicId: TOPIC_ID })];
for (let partitionId = 0; partitionId < PARTITIONS; partitionId += 1) records.push(partitionRecord(partitionId));
const delta = image.applyBatch({ records, endOffset: records.length, epoch: 1 });
const openedMs = performance.now();
await replicas.apply(delta, image);
say(`${PARTITIONS} new partitions`, performance.now() - openedMs, PARTITIONS);

for (const [name, partitions, count, size] of [
  ['produce, 1 partition, 100 B', 1, 1, 32],
  ['produce, 1 partition, 16 KiB', 1, 16, 1_000],
  ['produce, 100 partitions, 100 B each', 100, 1, 32],
] as const) {
  const batch = batchOf(count, { size }, Date.now());
  const request = (): { topic: string; partition: number; records: Buffer }[] =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: 't', partition, records: Buffer.from(batch) }));
  await round(name, partitions, () =>
    now(replicas.produce({ acks: -1, timeoutMs: 1_000, origin: 'client', partitions: request() })),
  );
}

let offset = replicas.partitionState('t', 0)?.logEndOffset ?? 0;
const small = batchOf(1, { size: 32 }, Date.now());
await round('produce 100 B to a consumer that waits', 1, async () => {
  const waiting = replicas.fetch(poll([0], offset, 1_000));
  now(
    replicas.produce({
      acks: -1,
      timeoutMs: 1_000,
      origin: 'client',
      partitions: [{ topic: 't', partition: 0, records: Buffer.from(small) }],
    }),
  );
  const [result] = await waiting;
  if (result === undefined || result.sizeBytes === 0) throw new Error('the consumer got nothing');
  offset += 1;
});

const idle = Array.from({ length: PARTITIONS - 200 }, (_, index) => index + 200);
await round(`a poll over ${idle.length} idle partitions`, idle.length, () => replicas.fetch(poll(idle, 0, 1)));
await round(`a record for a poll over ${idle.length} idle partitions`, 1, async () => {
  const waiting = replicas.fetch(poll([0, ...idle], offset, 5_000, 0));
  now(
    replicas.produce({
      acks: -1,
      timeoutMs: 1_000,
      origin: 'client',
      partitions: [{ topic: 't', partition: 0, records: Buffer.from(small) }],
    }),
  );
  await waiting;
  offset += 1;
});

replicas.close();
await logs.close();
rmSync(directory, { recursive: true });
clearInterval(alive);

function poll(
  partitions: readonly number[],
  first: number,
  maxWaitMs: number,
  others = first,
): Parameters<Replicas['fetch']>[0] {
  return {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolation: 'read_uncommitted',
    partitions: partitions.map((partition, index) => ({
      topic: 't',
      partition,
      fetchOffset: index === 0 ? first : others,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      maxBytes: 1_000_000,
    })),
  };
}

async function round(name: string, each: number, act: () => unknown): Promise<void> {
  let calls = 0;
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  while (performance.now() - startMs < ROUND_MS) {
    await act();
    calls += 1;
    if (calls % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const cpu = process.cpuUsage(startCpu);
  say(name, (cpu.user + cpu.system) / 1_000, calls * each, calls / ((performance.now() - startMs) / 1_000));
}

function say(name: string, cpuMs: number, units: number, perSecond?: number): void {
  const rate = perSecond === undefined ? '' : `${Math.round(perSecond)} calls/s, `;
  process.stdout.write(`${name.padEnd(58)} ${rate}${((cpuMs * 1_000) / units).toFixed(2)} us of CPU a partition\n`);
}

function now<T extends ProduceResult | FetchResult>(results: T[] | Promise<T[]>): T[] {
  if (results instanceof Promise) throw new Error('an answer was expected at once');
  for (const { code } of results) if (code !== 0) throw new Error(`refused with ${code}`);
  return results;
}

function partitionRecord(partitionId: number): MetadataRecord {
  return record('PartitionRecord', {
    partitionId,
    topicId: TOPIC_ID,
    replicas: [1],
    isr: [1],
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderRecoveryState: 0,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [DIRECTORY_UNASSIGNED],
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}
