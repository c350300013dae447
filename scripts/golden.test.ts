import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'golden-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const sound = {
  message: 'ProduceRequest',
  version: 3,
  kind: 'default',
  json: { transactionalId: null, acks: 0, timeoutMs: 0, topicData: [] },
  hex: 'ffff00000000000000000000',
};

function golden(...files: string[]): { status: number | null; lines: string[] } {
  const script = new URL('golden.ts', import.meta.url).pathname;
  const ran = spawnSync(process.execPath, [script, ...files], { encoding: 'utf8' });
  return { status: ran.status, lines: ran.stdout.trim().split('\n') };
}

function file(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const lines = (...vectors: object[]): string => vectors.map((vector) => `${JSON.stringify(vector)}\n`).join('');

test('golden: plain and gzip files are told apart by their bytes, and counted together', () => {
  const ran = golden(file('a.txt', lines(sound, sound)), file('b.jsonl', gzipSync(lines(sound))));
  expect(ran).toEqual({ status: 0, lines: ['3 passed, 0 failed'] });
});

test('golden: a failure names file, line, message, version and kind, and the exit code is 1', () => {
  const path = file('wrong.jsonl', lines(sound, { ...sound, kind: 'edge', hex: 'ffff00010000000000000000' }));
  const ran = golden(path);
  expect(ran.status).toBe(1);
  expect(ran.lines[0]).toContain(`FAILED ${path}:2 ProduceRequest v3 edge:`);
  expect(ran.lines.at(-1)).toBe('1 passed, 1 failed');
});

test.for([
  ['a missing file', () => join(directory, 'missing'), /cannot be read: ENOENT/],
  ['a directory', () => directory, /cannot be read: EISDIR/],
  [
    'a gzip file that is cut off',
    () => file('cut.gz', gzipSync(lines(sound)).subarray(0, 60)),
    /cannot be read: unexpected end of file/,
  ],
  ['an empty file', () => file('empty', ''), /holds no vectors/],
  ['a line that is not JSON', () => file('bad', '{bad'), /:1: is not JSON/],
  ['a line that is no vector', () => file('none', '[1]'), /:1 a line: is neither/],
] as const)('golden: %s is a failure with its reason', ([, path, why]) => {
  const ran = golden(path());
  expect(ran.status).toBe(1);
  expect(ran.lines[0]).toMatch(why);
  expect(ran.lines.at(-1)).toMatch(/^\d+ passed, 1 failed$/);
});

test('golden: without files it tells its usage and the exit code is 2', () => {
  expect(golden().status).toBe(2);
});
