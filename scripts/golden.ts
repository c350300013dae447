/** `golden FILE…`: checks files of test vectors (.jsonl or .jsonl.gz) that Kafka made. Ends with `N passed, N failed`. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { checkVector } from '@odradek/protocol/testing';

const FAULT_CHARS_MAX = 1_000;
const GZIP_MAGIC = [0x1f, 0x8b];

let passed = 0;
let failed = 0;

function fail(where: string, why: string): void {
  failed += 1;
  console.log(`FAILED ${where}: ${why.length > FAULT_CHARS_MAX ? `${why.slice(0, FAULT_CHARS_MAX)}…` : why}`);
}

function readLines(file: string): string[] | undefined {
  try {
    const bytes = readFileSync(file);
    const plain = GZIP_MAGIC.every((byte, i) => bytes[i] === byte) ? gunzipSync(bytes) : bytes;
    return plain.toString('utf8').split('\n');
  } catch (error) {
    fail(file, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function checkLine(where: string, line: string): void {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    fail(where, `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const { subject, fault } = checkVector(json);
  if (fault === undefined) passed += 1;
  else fail(`${where} ${subject}`, fault);
}

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: golden FILE…   (vectors, one JSON object a line; plain or gzip)');
  process.exitCode = 2;
} else {
  for (const file of files) {
    const lines = readLines(file) ?? [];
    for (const [index, line] of lines.entries()) if (line.trim() !== '') checkLine(`${file}:${index + 1}`, line);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
