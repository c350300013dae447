/** Processes that keep entries until they are killed, or until their disk takes no more. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

type Ended = {
  readonly said: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly complaints: string;
};

/** A process that keeps entries and says each end offset once it is durable. */
export async function persistForever(
  directory: string,
  how: { readonly killAfter?: number; readonly fileBlocksMax?: number; readonly entryBytes?: number },
): Promise<Ended> {
  const script = join(import.meta.dirname, 'persist-forever.ts');
  const limit = how.fileBlocksMax === undefined ? '' : `ulimit -f ${how.fileBlocksMax}; trap '' XFSZ; `;
  const command = `${limit}exec "$0" "$@"`;
  const child = spawn('/bin/sh', ['-c', command, process.execPath, script, directory, String(how.entryBytes ?? 10)]);
  let said = '';
  let complaints = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    if (how.killAfter !== undefined && said.split('\n').length > how.killAfter) child.kill('SIGKILL');
  });
  child.stderr.on('data', (bytes: Buffer) => (complaints += bytes.toString()));
  const { promise, resolve } = Promise.withResolvers<Ended>();
  child.on('close', (code, signal) => resolve({ said: Number(said.split('\n').at(-2)), code, signal, complaints }));
  return promise;
}
