import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const module = fileURLToPath(new URL('./children.ts', import.meta.url));

/** Starts a process that never ends by itself, says its id and exits. */
const parent = `
  import { spawn } from 'node:child_process';
  import { endWithThisProcess } from ${JSON.stringify(module)};
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: ['ignore', 'inherit', 'ignore'] });
  endWithThisProcess(child);
  child.once('spawn', () => process.stdout.write(String(child.pid), () => process.exit(0)));
`;

test('what a process has started does not outlive it', async () => {
  const starter = spawn(process.execPath, ['--input-type=module', '-e', parent]);
  const said: Buffer[] = [];
  starter.stdout.on('data', (part: Buffer) => said.push(part));
  // The child has the same standard output: it closes when both are gone.
  const [code] = (await once(starter, 'close')) as [number];
  expect(code).toBe(0);
  const pid = Number(Buffer.concat(said).toString());
  expect(pid).toBeGreaterThan(0);
});
