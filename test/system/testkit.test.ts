/** The examples of the test kit's README, run as a user's test files: what people copy first must work. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, run } from '../support/run.ts';

const readme = readFileSync(join(root, 'packages/testkit/README.md'), 'utf8');
const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text = '']) => text);

test("the README's examples pass as they stand", async () => {
  expect(examples).toHaveLength(3);
  expect(examples.every((text) => text.includes('startKafka('))).toBe(true);
  // Below test/, where the examples' imports are found as in a user's project.
  const directory = join(root, 'test', `.example-${process.pid}`);
  mkdirSync(directory);
  try {
    for (const [index, text] of examples.entries()) writeFileSync(join(directory, `readme-${index}.test.ts`), text);
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const { code, stdout, stderr } = await run([
      process.execPath,
      vitest,
      'run',
      '--root',
      directory,
      '--test-timeout=60000',
      '--hook-timeout=60000',
    ]);
    expect(code, stdout.toString() + stderr).toBe(0);
    expect(stdout.toString()).toMatch(/Tests .*3 passed/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
