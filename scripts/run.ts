/** Runs commands as named steps, tells how each ended, and sums up in the line that CI reads. */
import { spawn } from 'node:child_process';

export type Step = { readonly name: string; readonly command: readonly string[] };
export type Ended = { readonly name: string; readonly passed: boolean; readonly seconds: number };

type Options = { readonly cwd: string; readonly parallel: number };

/** @returns one entry a step, in the order of the steps; the output of a failed one is printed whole */
export async function run(steps: readonly Step[], options: Options): Promise<Ended[]> {
  const ended: Ended[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < steps.length) {
      const at = next;
      next += 1;
      const step = steps[at];
      if (step !== undefined) ended[at] = await runStep(step, options.cwd);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, worker));
  return ended;
}

async function runStep(step: Step, cwd: string): Promise<Ended> {
  const from = performance.now();
  const { code, output } = await capture(step.command, cwd);
  const seconds = Math.round((performance.now() - from) / 100) / 10;
  if (code !== 0) process.stdout.write(output);
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)\n`);
  return { name: step.name, passed: code === 0, seconds };
}

function capture(command: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const [file = '', ...args] = command;
    const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => parts.push(part));
    child.on('error', (error) => resolve({ code: 1, output: `${file}: ${error.message}\n` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(parts).toString() }));
  });
}

/** Prints `N passed, N failed`; @returns the exit code */
export function summary(ended: readonly Ended[]): number {
  const failed = ended.filter((step) => !step.passed).length;
  process.stdout.write(`${ended.length - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
