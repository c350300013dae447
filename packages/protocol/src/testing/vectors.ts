/** Reads the vectors that are committed with this package; for its own tests. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export function vectorsOf(file: 'golden.jsonl.gz' | 'golden-batches.jsonl.gz'): { readonly [name: string]: unknown }[] {
  const bytes = readFileSync(new URL(`../../test-data/${file}`, import.meta.url));
  return gunzipSync(bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { [name: string]: unknown });
}
