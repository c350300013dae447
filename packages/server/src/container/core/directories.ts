/** Where the data lie when nobody says it: in the volume that is there. */
import { said } from './gathered.ts';
import type { Gathered } from './gathered.ts';

/** Where images put data, and the directory of ours there. */
const usual = [
  { mount: '/var/lib/kafka/data', directory: '/var/lib/kafka/data' },
  { mount: '/var/lib/kafka', directory: '/var/lib/kafka/data' },
  { mount: '/bitnami/kafka/data', directory: '/bitnami/kafka/data' },
  { mount: '/bitnami/kafka', directory: '/bitnami/kafka/data' },
  { mount: '/bitnami', directory: '/bitnami/kafka/data' },
  { mount: '/tmp/kraft-combined-logs', directory: '/tmp/kraft-combined-logs' },
  { mount: '/tmp/kafka-logs', directory: '/tmp/kafka-logs' },
  { mount: '/opt/kafka/data', directory: '/opt/kafka/data' },
  { mount: '/kafka', directory: '/kafka' },
] as const;

/** @returns undefined when the directory is said by `log.dirs` or `log.dir` */
export function dataDirectory(gathered: Gathered, mounts: readonly string[], bitnami: boolean): string | undefined {
  if ([said(gathered, 'log.dirs'), said(gathered, 'log.dir')].some((text) => (text ?? '').trim() !== ''))
    return undefined;
  const there = usual.filter(({ mount }) => mounts.includes(mount)).map(({ directory }) => directory);
  const different = there.filter((directory, at) => there.indexOf(directory) === at);
  if (different.length > 1) {
    gathered.problems.push(
      `volumes are mounted for ${different.join(' and for ')}: say by KAFKA_LOG_DIRS which of them holds the data`,
    );
  }
  const fallback = bitnami ? '/bitnami/kafka/data' : '/var/lib/kafka/data';
  const [directory = fallback] = different;
  if (different.length === 0) {
    gathered.notes.push(`data in ${directory}, which is no volume: they go with the container`);
  }
  return directory;
}
