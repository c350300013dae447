import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import type { LoggerOptions } from './logger.ts';
import { catalogue } from './metrics.ts';
import type { MetricRow } from './metrics.ts';
import { exposition } from './prometheus.ts';
import { named } from './loggers.ts';
import { MetricsRegistry } from './registry.ts';

test('metrics: asking twice for a name and labels gives one series; other labels give another', () => {
  const metrics = new MetricsRegistry();
  metrics.counter('odradek_requests_total', { api: 'Fetch', version: '1' }).inc();
  metrics.counter('odradek_requests_total', { api: 'Fetch', version: '1' }).inc(4);
  metrics.counter('odradek_requests_total', { api: 'Produce', version: '1' }).inc();
  expect(metrics.value('odradek_requests_total', { api: 'Fetch', version: '1' })).toBe(5);
  expect(metrics.value('odradek_requests_total', { api: 'Produce', version: '1' })).toBe(1);
  expect(metrics.value('odradek_requests_total', { api: 'Metadata', version: '1' })).toBe(0);
});

test('metrics: a gauge is what was set and added, or what is read when somebody looks', () => {
  const metrics = new MetricsRegistry();
  const gauge = metrics.gauge('odradek_waiting', { kind: 'fetch' });
  gauge.set(3);
  gauge.add(-1);
  let sampled = 7;
  metrics.sample('odradek_waiting', { kind: 'produce' }, () => sampled);
  sampled = 8;
  expect(metrics.value('odradek_waiting', { kind: 'fetch' })).toBe(2);
  expect(metrics.value('odradek_waiting', { kind: 'produce' })).toBe(8);
});

test('metrics: what is forgotten is not shown any more, and begins at zero again', () => {
  const metrics = new MetricsRegistry();
  metrics.counter('odradek_topic_bytes_in_total', { topic: 'a' }).inc(5);
  metrics.forget('odradek_topic_bytes_in_total', { topic: 'a' });
  expect(metrics.names()).toEqual([]);
  metrics.counter('odradek_topic_bytes_in_total', { topic: 'a' }).inc(1);
  expect(metrics.value('odradek_topic_bytes_in_total', { topic: 'a' })).toBe(1);
});

test('metrics: beyond the bound on series, new label values are counted together', () => {
  const metrics = new MetricsRegistry({ metricSeriesMax: 2 });
  for (const topic of ['a', 'b', 'c', 'd', 'c', 'a'])
    metrics.counter('odradek_topic_records_in_total', { topic }).inc();
  const { samples } = metrics.family('odradek_topic_records_in_total');
  expect(samples.map(({ labels, value }) => [labels['topic'], value])).toEqual([
    ['a', 2],
    ['b', 1],
    ['other', 3],
  ]);
});

test('metrics: however many topics there are, what has no names of users in its labels finds room, in a bound of its own', () => {
  const metrics = new MetricsRegistry({ metricSeriesMax: 2, metricClosedSeriesMax: 3 });
  const failed = (error: string) => metrics.counter('odradek_request_errors_total', { api: 'Fetch', error });
  for (const topic of ['a', 'b', 'c', 'd']) metrics.counter('odradek_topic_records_in_total', { topic }).inc();
  for (const error of ['A', 'B', 'C', 'D', 'E']) failed(error).inc();
  const { samples } = metrics.family('odradek_request_errors_total');
  expect(samples.map(({ labels, value }) => [labels['error'], value])).toEqual([
    ['A', 1],
    ['B', 1],
    ['C', 1],
    ['other', 2],
  ]);
});

test('metrics: a long label value is cut, two that begin alike stay two, and a forgotten one is gone', () => {
  const metrics = new MetricsRegistry({ metricLabelCharsMax: 20 });
  const groups = ['g'.repeat(20), `${'g'.repeat(32_000)}a`, `${'g'.repeat(32_000)}b`, '\u{1f600}'.repeat(11)];
  for (const [at, group] of groups.entries()) metrics.gauge('odradek_group_total_lag_records', { group }).set(at);
  const shown = () => metrics.family('odradek_group_total_lag_records').samples.map(({ labels }) => labels['group']);
  expect(shown()).toEqual([
    'g'.repeat(20),
    expect.stringMatching(/^ggg…[0-9a-f]{16}$/),
    expect.stringMatching(/^ggg…[0-9a-f]{16}$/),
    expect.stringMatching(/^\u{1f600}\ufffd…[0-9a-f]{16}$/u),
  ]);
  expect(new Set(shown()).size).toBe(groups.length);
  expect(groups.map((group) => metrics.value('odradek_group_total_lag_records', { group }))).toEqual([0, 1, 2, 3]);
  for (const group of groups) metrics.forget('odradek_group_total_lag_records', { group });
  expect(shown()).toEqual([]);
});

test('metrics: beyond the bound on series a new gauge is not shown, and shows once there is room', () => {
  const metrics = new MetricsRegistry({ metricSeriesMax: 2 });
  for (const [at, group] of ['a', 'b', 'c', 'd'].entries())
    metrics.gauge('odradek_group_total_lag_records', { group }).set(at);
  const shown = (): unknown[] =>
    metrics.family('odradek_group_total_lag_records').samples.map(({ labels, value }) => [labels['group'], value]);
  expect(shown()).toEqual([
    ['a', 0],
    ['b', 1],
  ]);
  metrics.forget('odradek_group_total_lag_records', { group: 'c' });
  metrics.forget('odradek_group_total_lag_records', { group: 'a' });
  metrics.gauge('odradek_group_total_lag_records', { group: 'd' }).set(9);
  expect(shown()).toEqual([
    ['b', 1],
    ['d', 9],
  ]);
});

test('metrics: what is collected has the series that there are at each look, up to its bound, and counts in no other', () => {
  const metrics = new MetricsRegistry({ metricSeriesMax: 1, metricLabelCharsMax: 64 });
  const sizes = new Map([
    ['a', 1],
    ['b', 2],
    ['c'.repeat(80), 3],
  ]);
  metrics.collect('odradek_log_size_bytes', 3, function* () {
    for (const [topic, size] of sizes) yield [{ topic, partition: '0' }, size] as const;
  });
  const shown = () =>
    metrics.family('odradek_log_size_bytes').samples.map(({ labels, value }) => [labels['topic'], value]);
  expect(shown().slice(0, 2)).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  expect(String(shown()[2]?.[0])).toMatch(/^c{47}…[0-9a-f]{16}$/);
  sizes.delete('a');
  sizes.set('d', 4).set('e', 5);
  expect(shown().map(([, size]) => size)).toEqual([2, 3, 4]);
  expect(metrics.names()).toEqual(['odradek_log_size_bytes']);
  metrics.gauge('odradek_group_total_lag_records', { group: 'a' }).set(1);
  expect(metrics.value('odradek_group_total_lag_records', { group: 'a' })).toBe(1);
});

test('metrics: a histogram counts each value once, in the first bucket that holds it', () => {
  const { buckets } = catalogue.odradek_request_seconds;
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 50 }), (values) => {
      const metrics = new MetricsRegistry();
      const histogram = metrics.histogram('odradek_request_seconds', { api: 'Fetch' });
      for (const value of values) histogram.observe(value);
      const { samples } = metrics.family('odradek_request_seconds');
      const below = samples.filter(({ suffix }) => suffix === '_bucket').map(({ value }) => value);
      const want = [...buckets, Infinity].map((bound) => values.filter((value) => value <= bound).length);
      expect(below).toEqual(want);
      expect(samples.find(({ suffix }) => suffix === '_count')?.value).toBe(values.length);
    }),
  );
});

test('metrics: the catalogue keeps to the rules of Prometheus', () => {
  for (const [name, row] of Object.entries(catalogue) as [string, MetricRow][]) {
    expect(name).toMatch(/^odradek_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith('_total'), name).toBe(row.kind === 'counter');
    expect(row.kind !== 'histogram' || name.endsWith('_seconds') || name.endsWith('_bytes'), name).toBe(true);
    expect(row.help, name).toMatch(/\.$/);
    expect(row.buckets ?? []).toEqual([...(row.buckets ?? [])].toSorted((a, b) => a - b));
    expect(row.buckets !== undefined, name).toBe(row.kind === 'histogram');
  }
});

test('metrics: label values of clients cannot break the exposition', async () => {
  const metrics = new MetricsRegistry();
  metrics.counter('odradek_topic_bytes_in_total', { topic: 'a"b\\c\nd' }).inc(2);
  const text = await exposition(metrics).render();
  expect(text).toContain('odradek_topic_bytes_in_total{topic="a\\"b\\\\c\\nd"} 2\n');
});

test('metrics: many series are written in slices, and the event loop goes on in between', async () => {
  const metrics = new MetricsRegistry();
  for (let id = 0; id < 5_000; id += 1) metrics.gauge('odradek_group_total_lag_records', { group: `g${id}` }).set(id);
  const shown = exposition(metrics);
  let turns = 0;
  let isDone = false;
  const text = shown.render().finally(() => (isDone = true));
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
  }
  expect(turns).toBeGreaterThanOrEqual(10);
  const lines = (await text).split('\n').filter((line) => line.startsWith('odradek_group_total_lag_records{'));
  expect(lines.length).toBe(5_000);
  expect(lines.at(-1)).toBe('odradek_group_total_lag_records{group="g4999"} 4999');
});

async function logged(options: Partial<LoggerOptions>, say: (log: Awaited<ReturnType<typeof createLogger>>) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-log-'));
  const descriptor = openSync(join(directory, 'log'), 'w');
  try {
    say(await createLogger({ level: 'info', format: 'json', ...options, descriptor }));
    return readFileSync(join(directory, 'log'), 'utf8')
      .trim()
      .split('\n')
      .filter((line) => line !== '');
  } finally {
    closeSync(descriptor);
    rmSync(directory, { recursive: true });
  }
}

test('log: JSON lines hold the time, the level, the fields of the line and of its logger, and errors with their stack', async () => {
  const lines = await logged({}, (log) => {
    log.child({ topic: 'orders' }).info({ partition: 3 }, 'opened');
    log.error({ error: new Error('disk gone') }, 'failed');
  });
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(first).toMatchObject({ level: 'info', topic: 'orders', partition: 3, message: 'opened' });
  expect(first?.['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(second).toMatchObject({ level: 'error', message: 'failed', error: { message: 'disk gone' } });
});

test('log: the level holds for children that were made before it changed', async () => {
  const lines = await logged({ level: 'warn' }, (log) => {
    const child = log.child({ room: 'a' });
    child.info({}, 'unheard');
    log.levels.set('root', 'DEBUG');
    child.debug({}, 'heard');
  });
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['heard']);
});

test('log: lines for people say the same without JSON around it', async () => {
  const [line] = await logged({ format: 'text' }, (log) =>
    named(log, 'kafka.network.SocketServer').warn({ port: 9092 }, 'the port is busy'),
  );
  expect(line).toMatch(/WARN.*: the port is busy.*9092/);
  expect(line).not.toContain('kafka.network');
  expect(line?.startsWith('{')).toBe(false);
});

test('log: warnings and errors are counted, whatever the level shows', async () => {
  const metrics = new MetricsRegistry();
  await logged({ level: 'error', metrics }, (log) => {
    log.child({}).warn({}, 'one');
    log.error({}, 'two');
  });
  expect(metrics.value('odradek_log_lines_total', { level: 'warn' })).toBe(1);
  expect(metrics.value('odradek_log_lines_total', { level: 'error' })).toBe(1);
});
