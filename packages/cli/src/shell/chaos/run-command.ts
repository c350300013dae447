/** Commands of other programs and of users, to their end and within bounds. */
import { spawn } from 'node:child_process';

const WITHIN_MS = 120_000;
const OUTPUT_CHARS_MAX = 1_000_000;

export type Ran = { readonly code: number | null; readonly output: string };

/** A line for the shell, as a user has written it. */
export function runShell(line: string): Promise<Ran> {
  return run('sh', ['-c', line]);
}

/** @returns what it wrote to stdout and stderr; a process that it leaves behind is not waited for */
export function run(file: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: WITHIN_MS, killSignal: 'SIGKILL' });
    let output = '';
    const keep = (part: Buffer): void => {
      if (output.length < OUTPUT_CHARS_MAX) output += part.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (cause) => reject(new Error(`${file} cannot be run: ${cause.message}`, { cause })));
    // `exit`, not `close`: a node that the command has started keeps the pipes open.
    child.once('exit', (code) => {
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code, output });
    });
  });
}
