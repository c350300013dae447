import { configDefaults, defineConfig } from 'vitest/config';

/** What is polled for comes at once on an idle machine; only what never comes takes this long. */
const poll = { timeout: 60_000 };

/**
 * Two kinds of tests: `unit` runs beside the code and in parallel; `system` starts real processes, one file at a time. Deadlines are there
 * for what hangs: a machine at work may take ten times as long as an idle one.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          expect: { poll },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/*/**/*.test.ts'],
          // It has a command of its own: `pnpm run test:kubernetes`.
          exclude: [...configDefaults.exclude, 'test/kubernetes/**'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 240_000,
          expect: { poll },
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
