import { configDefaults, defineConfig } from 'vitest/config';

/** Two kinds of tests: `unit` runs beside the code and in parallel; `system` starts real processes, one file at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/*/**/*.test.ts'],
          // It has a command of its own: `pnpm run test:kubernetes`.
          exclude: [...configDefaults.exclude, 'test/kubernetes/**'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
