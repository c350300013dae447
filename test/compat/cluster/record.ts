/**
 * `node test/compat/cluster/record.ts [NAME…]`: plays the requests against Apache Kafka 4.3.1, a fresh one for each list, and writes its
 * answers to `test/data/cluster/`. Needs Kafka's tools, as `test/support/run.ts` finds them. `record.ts standby BROKER CONTROLLER` asks a
 * running cluster of three, by the address of a broker and of a controller that is not the active one; nothing is changed there.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApacheKafka } from '../../support/apache-kafka.ts';
import { kafkaTool } from '../../support/run.ts';
import { scenarios } from './all.ts';
import { play, type Told } from './steps.ts';

const { use: tool, missing } = kafkaTool();
if (tool === undefined) throw new Error(missing);
const [only, broker, standby] = process.argv.slice(2);

if (only === 'standby') {
  if (broker === undefined || standby === undefined) throw new Error('usage: record.ts standby BROKER CONTROLLER');
  write('standby', await play({ broker, controller: standby }, scenarios.standby));
} else {
  for (const name of ['static', 'dynamic'] as const) {
    if (only !== undefined && only !== name) continue;
    const directory = mkdtempSync(join(tmpdir(), 'odradek-record-'));
    await using kafka = await ApacheKafka.format(tool, directory, {}, name === 'dynamic' ? 'standalone' : 'voters');
    await kafka.start();
    write(name, await play({ broker: kafka.bootstrap, controller: kafka.controller }, scenarios[name]));
    await kafka.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** An answer a line, so that a change shows as the lines that changed. */
function write(name: string, told: readonly Told[]): void {
  const lines = told.map(({ step, answer }) => `  ${JSON.stringify([step, answer])}`);
  const path = fileURLToPath(new URL(`../../data/cluster/${name}.json`, import.meta.url));
  writeFileSync(path, `[\n${lines.join(',\n')}\n]\n`);
  console.log(`${name}: ${told.length} answers`);
}
