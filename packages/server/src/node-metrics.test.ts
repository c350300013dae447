import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits, LoggerLevels, metricCatalogue, MetricsRegistry, NodeConfig, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ApiKey, encodeRequest, FrameSplitter } from '@odradek/protocol';
import { afterAll, expect, test } from 'vitest';
import { startNode } from './node.ts';
import type { RunningNode } from './node.ts';

const root = mkdtempSync(join(tmpdir(), 'odradek-metrics-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const ports = systemPorts();
type MetricName = keyof typeof metricCatalogue;
/** Told by the process around a node (run.ts). */
const ofProcess = new Set<string>([
  'odradek_build_info',
  'odradek_start_seconds',
  'odradek_log_lines_total',
  'odradek_event_loop_active_seconds_total',
  'odradek_event_loop_delay_seconds',
]);

async function running(metrics: MetricsRegistry, logSeriesMax: number): Promise<RunningNode> {
  const settings = { listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': mkdtempSync(join(root, 'n')) };
  const started = await startNode({
    ports,
    config: new NodeConfig(new Map(Object.entries(settings))),
    log: { ...silent, levels: new LoggerLevels() },
    metrics,
    hostName: 'localhost',
    limits: { ...limits.production, logSeriesMax },
    onBug(error) {
      throw error;
    },
  });
  if (!started.ok) throw new Error(started.why);
  return started.value;
}

/** Answered once the broker has them. */
async function createTopic(node: RunningNode, name: string, numPartitions: number): Promise<void> {
  const socket = await ports.network.connect('127.0.0.1', Number(node.bootstrap.split(':')[1]), 5_000);
  const answered = Promise.withResolvers<void>();
  const frames = new FrameSplitter(1 << 20);
  socket.onData((bytes) => void frames.push(bytes, () => answered.resolve()));
  socket.onClose(() => answered.reject(new Error('the broker closed the connection')));
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const body = { topics: [topic], timeoutMs: 5_000, validateOnly: false };
  socket.write(encodeRequest(ApiKey.CreateTopics, 7, { correlationId: 1, clientId: 'test' }, body));
  await answered.promise;
  socket.destroy();
}

test('metrics of a node: whatever a dashboard shows from the start is told from the start', async () => {
  const metrics = new MetricsRegistry();
  const node = await running(metrics, 10);
  const told = new Set(metrics.names().filter((name) => metrics.family(name).samples.length > 0));
  const expected = Object.entries(metricCatalogue).filter(([, { panel }]) => !('rare' in panel));
  const missing = expected.map(([name]) => name).filter((name) => !told.has(name as never) && !ofProcess.has(name));
  await node.stop();
  expect(missing).toEqual([]);
});

test('metrics of a node: what is rare is told as 0 before it happens, for each kind', async () => {
  const metrics = new MetricsRegistry();
  const node = await running(metrics, 10);
  const labelsOf = (name: MetricName): unknown[] =>
    metrics.family(name).samples.flatMap(({ labels, value }) => (value === 0 ? [labels] : []));
  const misuses = labelsOf('odradek_misuse_total');
  const closed = labelsOf('odradek_connections_closed_total');
  const others = [
    labelsOf('odradek_cleaner_runs_total'),
    labelsOf('odradek_raft_dropped_total'),
    labelsOf('odradek_offsets_expired_total'),
  ];
  await node.stop();
  expect(misuses).toHaveLength(metricCatalogue.odradek_misuse_total.values.kind.length);
  expect(misuses).toContainEqual({ kind: 'tls' });
  for (const reason of ['idle', 'malformed', 'shutdown'])
    expect(closed).toContainEqual({ listener: 'PLAINTEXT', reason });
  expect(others).toEqual([
    [{ outcome: 'done' }, { outcome: 'stopped' }, { outcome: 'failed' }],
    [{ why: 'received' }, { why: 'unsent' }, { why: 'peer' }],
    [{}],
  ]);
});

test('metrics of a node: logs have their sizes and offsets as long as there is room, and the others are counted', async () => {
  const metrics = new MetricsRegistry();
  const node = await running(metrics, 2);
  const shown = (name: 'odradek_log_size_bytes' | 'odradek_log_end_offset'): unknown[] =>
    metrics.family(name).samples.map(({ labels, value }) => [labels['topic'], labels['partition'], value]);
  expect(shown('odradek_log_size_bytes')).toEqual([]);
  await createTopic(node, 'orders', 3);
  expect(shown('odradek_log_size_bytes')).toEqual([
    ['orders', '0', 0],
    ['orders', '1', 0],
  ]);
  expect(shown('odradek_log_end_offset')).toHaveLength(2);
  expect(metrics.value('odradek_log_untold_partitions', {})).toBe(1);
  expect(metrics.value('odradek_log_producers', {})).toBe(0);
  expect(metrics.value('odradek_broker_state', {})).toBe(3);
  await node.stop();
  expect(metrics.value('odradek_broker_state', {})).toBe(0);
});
