/** The example of the test kit's README, run as a user's test file: what people copy first must work. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, run } from '../support/run.ts';

test("the README's example passes as it stands", async () => {
  const example =
    /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'packages/testkit/README.md'), 'utf8'))?.[1] ?? '';
  expect(example).toContain('startKafka()');
  // Below test/, where the example's imports are found as in a user's project.
  const directory = join(root, 'test', `.example-${process.pid}`);
  mkdirSync(directory);
  try {
    writeFileSync(join(directory, 'readme.test.ts'), example);
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const { code, stdout, stderr } = await run([process.execPath, vitest, 'run', '--root', directory]);
    expect(code, stdout.toString() + stderr).toBe(0);
    expect(stdout.toString()).toMatch(/1 passed/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
