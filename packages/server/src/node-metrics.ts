/** What is cheaper to look up when somebody scrapes than to keep: data directories, and the logs in them. */
import type { Collected, Limits, MetricsRegistry } from '@odradek/base';
import type { RunningBroker } from '@odradek/broker';

export function watchNode(metrics: MetricsRegistry, broker: RunningBroker, { logSeriesMax }: Limits): void {
  watchDirectories(metrics, broker);
  watchLogs(metrics, broker, logSeriesMax);
}

function watchDirectories(metrics: MetricsRegistry, broker: RunningBroker): void {
  type Directory = ReturnType<RunningBroker['replicas']['logDirs']>[number];
  let seen: readonly Directory[] | undefined;
  /** One look serves all samples of a scrape. */
  const directory = (path: string): Directory | undefined => {
    if (seen === undefined) {
      seen = broker.replicas.logDirs();
      queueMicrotask(() => {
        seen = undefined;
      });
    }
    return seen.find((each) => each.path === path);
  };
  for (const { path } of broker.replicas.logDirs()) {
    const labels = { directory: path };
    metrics.sample('odradek_log_directory_online', labels, () => (directory(path)?.online === true ? 1 : 0));
    metrics.sample('odradek_log_directory_free_bytes', labels, () => Math.max(0, directory(path)?.usableBytes ?? 0));
    metrics.sample('odradek_log_bytes', labels, () => {
      let bytes = 0;
      for (const { sizeBytes } of directory(path)?.partitions ?? []) bytes += sizeBytes;
      return bytes;
    });
  }
}

type LogMetric = 'odradek_log_size_bytes' | 'odradek_log_start_offset' | 'odradek_log_end_offset';
type Log = ReturnType<RunningBroker['replicas']['partitions']> extends Iterable<{ log: infer L }> ? L : never;

function watchLogs(metrics: MetricsRegistry, { replicas }: RunningBroker, max: number): void {
  const collect = (name: LogMetric, read: (log: Log) => number): void => {
    metrics.collect(name, max, function* (): Iterable<Collected<LogMetric>> {
      for (const { log } of replicas.partitions()) {
        if (log.fault !== undefined) continue;
        yield [{ topic: log.topic, partition: String(log.partition) }, read(log)];
      }
    });
  };
  collect('odradek_log_size_bytes', (log) => log.sizeBytes);
  collect('odradek_log_start_offset', (log) => log.logStartOffset);
  collect('odradek_log_end_offset', (log) => log.logEndOffset);
  metrics.sample('odradek_log_untold_partitions', {}, () => {
    let count = 0;
    for (const { log } of replicas.partitions()) if (log.fault === undefined) count += 1;
    return Math.max(0, count - max);
  });
  metrics.sample('odradek_log_producers', {}, () => {
    let count = 0;
    for (const { log } of replicas.partitions()) count += log.producerCount;
    return count;
  });
}
