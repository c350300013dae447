/** `pnpm run test:kubernetes`: on a real Kubernetes, one test after another on one cluster; not part of the ordinary run. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/kubernetes/*.test.ts'],
    root: new URL('../..', import.meta.url).pathname,
    fileParallelism: false,
    testTimeout: 400_000,
    hookTimeout: 400_000,
    disableConsoleIntercept: true,
    reporters: ['verbose'],
  },
});
