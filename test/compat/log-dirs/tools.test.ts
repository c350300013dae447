/** Apache Kafka's LogDirsCommand and ReassignPartitionsCommand print of a node of ours what they print of Apache Kafka 4.3.1 (record.ts). */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { spawnKafka } from '@odradek/testkit';
import { kafkaTool, title } from '../../support/run.ts';
import { story } from './story.ts';

const need = kafkaTool();
const theirs: unknown = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../data/log-dirs.json', import.meta.url)), 'utf8'),
);

test.skipIf(need.missing !== undefined)(
  title('moves between log directories are told by the tools of Kafka as its own are', need),
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'odradek-log-dirs-'));
    try {
      const directories = [join(directory, 'one'), join(directory, 'two')] as const;
      await using node = await spawnKafka({ directory, config: { 'log.dirs': directories.join(','), 'node.id': '1' } });
      const told = await story(need.use ?? (() => []), { bootstrap: node.bootstrap, directories }, directory);
      expect(told).toEqual(theirs);
      expect(directories.flatMap((path) => readdirSync(path).filter((name) => name.endsWith('-future')))).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
