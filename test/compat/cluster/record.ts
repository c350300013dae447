/**
 * `node test/compat/cluster/record.ts [NAME…]`: plays the requests against Apache Kafka 4.3.1, a fresh one for each list, and writes its
 * answers to `test/data/cluster/`. Needs Kafka's tools, as `test/support/run.ts` finds them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApacheKafka } from '../../support/apache-kafka.ts';
import { kafkaTool } from '../../support/run.ts';
import { scenarios } from './all.ts';
import { play } from './steps.ts';

const { use: tool, missing } = kafkaTool();
if (tool === undefined) throw new Error(missing);
const only = process.argv.slice(2);

for (const [name, steps] of Object.entries(scenarios)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const directory = mkdtempSync(join(tmpdir(), 'odradek-record-'));
  await using kafka = await ApacheKafka.format(tool, directory, {}, name === 'dynamic' ? 'standalone' : 'voters');
  await kafka.start();
  const told = await play({ broker: kafka.bootstrap, controller: kafka.controller }, steps);
  await kafka.stop();
  rmSync(directory, { recursive: true, force: true });
  // An answer a line, so that a change shows as the lines that changed.
  const lines = told.map(({ step, answer }) => `  ${JSON.stringify([step, answer])}`);
  writeFileSync(
    fileURLToPath(new URL(`../../data/cluster/${name}.json`, import.meta.url)),
    `[\n${lines.join(',\n')}\n]\n`,
  );
  console.log(`${name}: ${told.length} answers`);
}
