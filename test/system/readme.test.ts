/** What the README shows is what happens: its console lines are run against a real node, its test example as a test. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must, root } from '../support/run.ts';
import { target } from '../support/target.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  );
}

type Shown = { readonly command: string; readonly output: string };

function shownIn(block: string): Shown[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((entry) => {
      const end = entry.indexOf('\n');
      return { command: entry.slice(0, end), output: entry.slice(end + 1) };
    });
}

/** Topic ids are drawn anew each time. */
const masked = (text: string): string => text.replaceAll(/TopicId: \S{22}/g, 'TopicId: <id>');

test('README: the console lines of the quick start give the output that is shown', async () => {
  await using kafka = await target();
  const directory = mkdtempSync(join(tmpdir(), 'odradek-readme-'));
  try {
    // Stands in for npx: the same command line, against the node of this test.
    const cli = `exec "${process.execPath}" "${root}packages/cli/src/main.ts" "$@" --bootstrap-server ${kafka.bootstrap}`;
    writeFileSync(join(directory, 'npx'), `#!/bin/sh\nshift 3\n${cli}\n`, { mode: 0o755 });
    const shown = blocks('console').flatMap(shownIn);
    expect(shown.length).toBeGreaterThan(5);
    for (const { command, output } of shown) {
      expect(command).toMatch(/\bnpx -y pnpm@12 odradek /);
      const environment = { PATH: `${directory}:${process.env['PATH'] ?? ''}` };
      expect(masked(await must(['sh', '-c', command], { environment })), command).toBe(masked(output));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('README: the example of a test passes', async () => {
  const [example = ''] = blocks('ts');
  expect(example).toContain('startKafka');
  // It lies below test/, where its imports are found.
  const directory = mkdtempSync(join(root, 'test/node_modules/.readme-'));
  try {
    const file = join(directory, 'example.test.ts');
    writeFileSync(file, example);
    writeFileSync(
      join(directory, 'vitest.config.ts'),
      `export default { test: { include: ['**/example.test.ts'], exclude: [], testTimeout: 60_000, hookTimeout: 60_000 } };\n`,
    );
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const out = await must([process.execPath, vitest, 'run', '--root', directory], { environment: { NO_COLOR: '1' } });
    expect(out).toMatch(/Tests\s+1 passed/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
