/** The packages as npm users have them: packed, installed by npm into an empty directory, run and type-checked there. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, untilAnswers } from '@odradek/testkit/process';
import { LineProcess } from '../support/line-process.ts';
import { npm, NpmUser } from '../support/npm-user.ts';
import { must as mustRun, root, title } from '../support/run.ts';

const need = npm();
/** Seconds when the machine is idle. */
const WITHIN_MS = 150_000;

describe.skipIf(need.missing !== undefined)(title('npm', need), () => {
  let user: NpmUser;
  beforeAll(async () => {
    user = await NpmUser.install();
  }, 300_000);
  afterAll(() => user[Symbol.dispose]());

  const must = (command: readonly string[]): Promise<string> => mustRun(command, { withinMs: WITHIN_MS });
  const below = (pattern: string): string[] =>
    globSync(pattern, { cwd: join(user.directory, 'node_modules') }).toSorted();

  test('npm: a tarball holds what its doors lead to: no tests, no sources, nothing of the simulator, and nothing was compiled', () => {
    expect(below('{odradek,@odradek/*}/package.json')).toHaveLength(12);
    expect(below('{odradek,@odradek/*}/dist/**/*.test.*')).toEqual([]);
    expect(below('{odradek,@odradek/*}/dist/**/!(*.d).ts')).toEqual([]);
    expect(below('{odradek,@odradek/*}/{src,test-data,tsconfig.json}')).toEqual([]);
    // The disk and the log in memory, which the test kit stands on.
    expect(below('{odradek,@odradek/*}/dist/**/testing/index.js')).toEqual([
      '@odradek/base/dist/testing/index.js',
      '@odradek/server/dist/testing/index.js',
    ]);
    expect(below('@odradek/sim')).toEqual([]);
    expect(below('**/build/Release')).toEqual([]);
  });

  test('npm: `npx odradek start` serves clients, and ends in order when it is told to', async () => {
    const [port, controllerPort] = [await freePort(), await freePort()];
    const listeners = `listeners=PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`;
    const start = ['npx', 'odradek', 'start', '--override', listeners, '--override', 'odradek.http.port=0'];
    await using node = LineProcess.start(user.command(...start));
    expect(await untilAnswers(port, 60_000), node.lines.join('\n')).toBe(true);
    const at = ['--bootstrap-server', `localhost:${port}`];
    const say = (...words: string[]): Promise<string> => must(user.command('npx', 'odradek', ...words, ...at));
    expect(await say('topics', 'create', '--topic', 'greetings')).toBe('Created topic greetings.\n');
    expect(await say('topics', 'list')).toBe('greetings\n');
    await node.stop('SIGINT');
    expect(node.lines.join('\n')).toMatch(/stopped in \d+ ms/);
  });

  test('npm: the test kit starts one and three nodes in node:test, from TypeScript, JavaScript and CommonJS', async () => {
    const told = await must(user.command('node', '--test', '--test-reporter=tap', 'node.ts', 'node.mjs', 'node.cjs'));
    expect(told).toMatch(/^# pass 3$/m);
  });

  test('npm: the test kit starts one and three nodes in vitest, from TypeScript and JavaScript', async () => {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const told = await must(user.command('node', vitest, 'run', '--test-timeout=60000', '--no-color'));
    expect(told).toMatch(/Tests +4 passed/);
  });

  test.for(['tsconfig.json', 'tsconfig.bundler.json'])(
    'npm: types hold under strict, libraries checked too (%s)',
    async (file) => {
      expect(await must(user.command(join(root, 'node_modules/.bin/tsc'), '-p', file))).toBe('');
    },
  );
});
