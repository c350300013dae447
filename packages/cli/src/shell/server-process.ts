/** Questions that only the server's code answers: in a process of their own, which prints one JSON value. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** @param door of the server's package. @returns what it printed */
export async function askBeside(door: string, args: readonly string[]): Promise<unknown> {
  const main = fileURLToPath(import.meta.resolve(door));
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, main, ...args]);
  return JSON.parse(stdout);
}
