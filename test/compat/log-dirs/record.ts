/**
 * `node test/compat/log-dirs/record.ts`: has the story told by Apache Kafka 4.3.1 and writes it to `test/data/log-dirs.json`. Needs Kafka's
 * tools, as `test/support/run.ts` finds them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApacheKafka } from '../../support/apache-kafka.ts';
import { kafkaTool } from '../../support/run.ts';
import { story } from './story.ts';

const { use: tool, missing } = kafkaTool();
if (tool === undefined) throw new Error(missing);
const directory = mkdtempSync(join(tmpdir(), 'odradek-record-'));
const directories = [join(directory, 'one'), join(directory, 'two')] as const;
await using kafka = await ApacheKafka.format(tool, directory, {
  'log.dirs': directories.join(','),
  // It copies so much before it looks at the rate again, some ten seconds later.
  'replica.fetch.max.bytes': '1',
});
await kafka.start();
const told = await story(tool, { bootstrap: kafka.bootstrap, directories }, directory);
await kafka.stop();
rmSync(directory, { recursive: true, force: true });
const lines = told.map((each) => `  ${JSON.stringify(each)}`);
writeFileSync(fileURLToPath(new URL('../../data/log-dirs.json', import.meta.url)), `[\n${lines.join(',\n')}\n]\n`);
console.log(`${told.length} steps`);
