/** Files that options name. */
import { readFileSync } from 'node:fs';
import { CommandError } from '../core/refusal.ts';
import { systemCode } from './client.ts';

export function readTextFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const cause = systemCode(error);
    const hint = cause === 'ENOENT' ? 'there is no such file; is the path right from here?' : 'can it be read by you?';
    throw new CommandError(`${option}: cannot read ${path} (${cause}): ${hint}`);
  }
}
