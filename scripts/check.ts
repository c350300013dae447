/**
 * `pnpm check`: types of every package, lint (layers and purity included), format, generated documents. Prints a line a step and ends
 * with `N passed, N failed`.
 */
import { readdirSync, existsSync } from 'node:fs';
import { run, summary, type Step } from './run.ts';

const root = new URL('..', import.meta.url).pathname;

export function checkSteps(): Step[] {
  const projects = readdirSync(`${root}packages`)
    .filter((name) => existsSync(`${root}packages/${name}/tsconfig.json`))
    .map((name) => `packages/${name}`);
  return [
    ...[...projects, 'test', 'scripts'].map((project) => ({
      name: `types ${project}`,
      command: ['tsc', '-p', project],
    })),
    { name: 'lint', command: ['oxlint', '--quiet'] },
    { name: 'format', command: ['oxfmt', '--check'] },
    { name: 'generated documents', command: ['node', 'scripts/docs.ts', '--check'] },
  ];
}

if (import.meta.main) process.exitCode = summary(await run(checkSteps(), { cwd: root, parallel: 2 }));
