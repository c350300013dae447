/**
 * `pnpm run test:kubernetes`: `deploy/kubernetes` on a real Kubernetes, which is no part of `pnpm test`. Build the image first (`pnpm run image`);
 * what the engine and Helm are called is told in test/support/kubernetes.ts and test/kubernetes/chart.test.ts. Arguments go to vitest.
 */
import { spawn } from 'node:child_process';
import { kubernetes } from '../test/support/kubernetes.ts';

const { missing } = kubernetes();
if (missing === undefined) {
  const args = ['run', '--config', 'test/kubernetes/vitest.config.ts', ...process.argv.slice(2)];
  const tests = spawn('vitest', args, { cwd: new URL('..', import.meta.url).pathname, stdio: 'inherit' });
  tests.on('error', (error) => {
    throw error;
  });
  tests.on('close', (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  process.stderr.write(`nothing was tested: ${missing}\n`);
  process.exitCode = 1;
}
