/** The metadata log of a node of ours, whose files are not Kafka's: written by the server's own code as files that are, for a while. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../core/refusal.ts';
import { askBeside } from './server-process.ts';

type Told = { readonly ok: true; readonly files: readonly string[] } | { readonly ok: false; readonly why: string };

export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** @param work is given the paths of the files, which are gone afterwards */
export async function withMetadataLog(
  directory: string,
  work: (paths: readonly string[]) => Promise<void>,
): Promise<void> {
  const into = mkdtempSync(join(tmpdir(), 'odradek-metadata-log-'));
  try {
    const told = (await askBeside('@odradek/server/metadata-log', [
      `--directory=${directory}`,
      `--into=${into}`,
    ])) as Told;
    if (!told.ok) throw new CommandError(`--files: ${told.why}`);
    await work(told.files.map((name) => join(into, name)));
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
}
