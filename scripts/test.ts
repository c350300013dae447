/**
 * `pnpm test`: everything that must hold before a change lands: `check` (types, lint, format, documents), the build of the published
 * packages, and every test (unit, property, compat, system). Arguments go to vitest: `pnpm test packages/log` runs only those tests.
 * Names what was skipped, for a tool that the machine lacks, and ends with `N passed, N failed` over all of it.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isBuildable } from '../test/support/container-image.ts';
import { checkSteps } from './check.ts';
import { run } from './run.ts';

const root = new URL('..', import.meta.url).pathname;
const filters = process.argv.slice(2);

type Counts = { passed: number; failed: number; skipped: readonly string[] };

async function vitest(args: readonly string[]): Promise<Counts> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-test-'));
  const report = join(directory, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const code = await new Promise<number>((resolve) => {
      const child = spawn('vitest', ['run', ...reporters, ...args], {
        cwd: root,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      child.on('error', () => resolve(1));
      child.on('close', (exit) => resolve(exit ?? 1));
    });
    return counts(report, code);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function counts(report: string, code: number): Counts {
  let told: unknown;
  try {
    told = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
  const number = (key: string): number => {
    const value: unknown = typeof told === 'object' && told !== null ? Reflect.get(told, key) : 0;
    return typeof value === 'number' ? value : 0;
  };
  const failed = number('numFailedTests');
  const passed = number('numPassedTests');
  // A file that cannot be loaded, or an error outside any test, fails the run without a failed test.
  const unseen = code !== 0 && failed === 0 ? 1 : 0;
  return { passed, failed: failed + unseen, skipped: skippedIn(told) };
}

type Report = { testResults?: { assertionResults?: { status: string; fullName: string }[] }[] };

function skippedIn(told: unknown): string[] {
  const results = (told as Report | null)?.testResults ?? [];
  const assertions = results.flatMap(({ assertionResults }) => assertionResults ?? []);
  return assertions.filter(({ status }) => !['passed', 'failed'].includes(status)).map(({ fullName }) => fullName);
}

const checks =
  filters.length > 0
    ? []
    : await run([...checkSteps(), { name: 'build', command: ['node', 'scripts/build.ts', '--check'] }], {
        cwd: root,
        parallel: 2,
      });
// Tests of deploy/ run the image of these very sources.
if (filters.length === 0 && isBuildable()) {
  checks.push(...(await run([{ name: 'image', command: ['node', 'scripts/image.ts'] }], { cwd: root, parallel: 1 })));
}
const tests = await vitest(filters);
const failed = checks.filter((step) => !step.passed).length + tests.failed;
const passed = checks.length + tests.passed - (failed - tests.failed);
process.stdout.write('\n');
if (filters.length === 0) for (const name of tests.skipped) process.stdout.write(`skipped: ${name}\n`);
if (tests.skipped.length > 0) process.stdout.write(`${tests.skipped.length} skipped\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && tests.passed > 0 ? 0 : 1;
