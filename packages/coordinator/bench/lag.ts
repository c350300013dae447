/**
 * What it costs to measure the lag of all groups: `node packages/coordinator/bench/lag.ts [groups] [partitions of each]`. Prints the time and
 * CPU of one round for the metrics, the most CPU that one turn of the event loop took in it (time is no measure on a machine that others
 * use), and what one group costs when it is asked for.
 */
import { performance } from 'node:perf_hooks';
import { limits, MetricsRegistry, ok, Prng, silent, UUID_ZERO } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { BenchTopics } from '../src/testing/bench-topics.ts';
import { benchConfig } from '../src/testing/group-bench.ts';
import { MemoryLog } from '../src/testing/memory-log.ts';
import { GroupCoordinator } from '../src/index.ts';
import { LagMetrics } from '../src/group/shell/lag-metrics.ts';

const SHARDS = 50;
const ROUNDS = 5;
const ROWS_ASKED = 100_000;
const [groupCount = 10_000, partitionCount = 10] = process.argv.slice(2).map(Number);

// The clock's timers do not keep a process alive.
const alive = setInterval(() => undefined, 1_000);
const { clock } = systemPorts();
const topics = new BenchTopics();
topics.set('orders', partitionCount);
const metrics = new MetricsRegistry();
let end = 1_000_000;
const groups = new GroupCoordinator({
  log: new MemoryLog(),
  clock,
  random: new Prng(1),
  logger: silent,
  limits: limits.production,
  config: () => benchConfig,
  topics,
  resolveRegex: () => undefined,
  partitionCount: () => SHARDS,
  logs: {
    endOf: () => ({ kind: 'known', logStartOffset: 0, highWatermark: end, lastStableOffset: end }),
    timestampAt: () => Promise.resolve(ok(clock.nowMs() - 1_000)),
  },
});
for (let shard = 0; shard < SHARDS; shard += 1) groups.load(shard, 0);
await Promise.all(groups.partitions().map((shard) => groups.whenLoaded(shard)));
const ids = Array.from({ length: groupCount }, (_, at) => `group-${at}`);
for (const groupId of ids) await commit(groupId);

const measuring = new LagMetrics({
  clock,
  metrics,
  limits: { ...limits.production, groupLagRefreshMs: 3_600_000 },
  shards: () => groups.partitions(),
  // As the coordinator does it, but that a round of this bench is one shard's.
  groupsOf: (shard) => Promise.resolve(ok(shard === 0 ? ids : [])),
  measure: (groupId) => groups.lag(groupId),
});

for (let round = 0; round < ROUNDS; round += 1) {
  end += 1_000; // the next record of each group stays the same: times are kept
  const cpu = process.threadCpuUsage();
  const startedMs = performance.now();
  const turns = turnsOfLoop();
  await measuring.refresh();
  const { mostMs, count } = turns.stop();
  const { user, system } = process.threadCpuUsage(cpu);
  const tookMs = Math.round(performance.now() - startedMs);
  console.log(
    `round ${round + 1}: ${groupCount} groups of ${partitionCount} partitions in ${tookMs} ms, ${Math.round((user + system) / 1000)} ms of CPU in ` +
      `${count} turns of the event loop, the longest ${mostMs.toFixed(1)} ms`,
  );
}

const askedCount = Math.max(5, Math.floor(ROWS_ASKED / partitionCount));
const startedMs = performance.now();
for (let asked = 0; asked < askedCount; asked += 1) await groups.lag(ids[asked % ids.length] ?? '');
console.log(`one group: ${(((performance.now() - startedMs) * 1000) / askedCount).toFixed(1)} µs`);
console.log(`memory: ${Math.round(process.memoryUsage().rss / 1024 / 1024)} MiB`);
measuring.close();
groups.close();
clearInterval(alive);

async function commit(groupId: string): Promise<void> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => ({
    partition,
    offset: 1_000,
    leaderEpoch: 1,
    metadata: '',
  }));
  await groups.submit(groupId, {
    kind: 'commit',
    groupId,
    memberId: '',
    groupInstanceId: null,
    generation: -1,
    retentionMs: -1,
    knowsGroupIdNotFound: true,
    topics: [{ topic: 'orders', topicId: UUID_ZERO, partitions }],
  });
}

/** CPU of this thread in each turn of the event loop, until stopped. */
function turnsOfLoop(): { stop(): { readonly mostMs: number; readonly count: number } } {
  let mostMs = 0;
  let count = 0;
  let last = process.threadCpuUsage();
  const note = (): void => {
    const now = process.threadCpuUsage();
    mostMs = Math.max(mostMs, (now.user + now.system - last.user - last.system) / 1000);
    count += 1;
    last = now;
  };
  let next = setImmediate(function turn() {
    note();
    next = setImmediate(turn);
  });
  return {
    stop() {
      note();
      clearImmediate(next);
      return { mostMs, count };
    },
  };
}
