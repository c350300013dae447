/**
 * `node test/compat/groups/record.ts BOOTSTRAP [NAME…]`: plays the scenarios against an Apache Kafka and writes its answers to `test/data/groups/`.
 * The broker must be configured as `config` in `scenario.ts` says; README.md tells how.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { scenarios } from './all.ts';
import { prepared } from './prepare.ts';
import { play, type Told } from './scenario.ts';

const [bootstrap, ...only] = process.argv.slice(2);
if (bootstrap === undefined) throw new Error('usage: record.ts BOOTSTRAP [NAME…]');
const AT_ONCE = 6;

const topicIds = await prepared(bootstrap);
for (const [name, list] of Object.entries(scenarios)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const answers: Record<string, Told[]> = {};
  const waiting = [...list];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      try {
        answers[next.name] = await play(bootstrap, next, topicIds);
      } catch (fault) {
        console.error(String(fault));
        process.exitCode = 1;
      }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const path = fileURLToPath(new URL(`../../data/groups/${name}.json`, import.meta.url));
  writeFileSync(path, textOf(list.map((scenario) => [scenario.name, answers[scenario.name] ?? []])));
  console.log(`${name}: ${list.length} scenarios, ${readFileSync(path).length} bytes`);
}

/** An answer a line, so that a change shows as the lines that changed. */
function textOf(all: readonly (readonly [string, readonly Told[]])[]): string {
  const text = all.map(([name, told]) => {
    const lines = told.map(({ step, answer }) => `    ${JSON.stringify([step, answer])}`);
    return `  ${JSON.stringify(name)}: [\n${lines.join(',\n')}\n  ]`;
  });
  return `{\n${text.join(',\n')}\n}\n`;
}
