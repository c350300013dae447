/** What is cheaper to look up when somebody scrapes than to keep: data directories. */
import type { MetricsRegistry } from '@odradek/base';
import type { RunningBroker } from '@odradek/broker';

export function watchNode(metrics: MetricsRegistry, broker: RunningBroker): void {
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
