/**
 * `golden FILE…`: checks files of test vectors (.jsonl or .jsonl.gz) that Kafka made. Ends with `N passed, N failed`.
 */
import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { checkVector } from '@odradek/protocol/testing';

const FAULT_CHARS_MAX = 1_000;

let passed = 0;
let failed = 0;

function fail(where: string, why: string): void {
  failed += 1;
  console.log(`FAILED ${where}: ${why.length > FAULT_CHARS_MAX ? `${why.slice(0, FAULT_CHARS_MAX)}…` : why}`);
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether a file begins as gzip does; its name does not count. */
function isGzip(file: string): boolean {
  const start = Buffer.alloc(2);
  const descriptor = openSync(file, 'r');
  try {
    return readSync(descriptor, start, 0, 2, 0) === 2 && start.readUInt16BE(0) === 0x1f8b;
  } finally {
    closeSync(descriptor);
  }
}

/** Lines of a stream; its errors come out of the loop that reads them. */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest;
}

/** A pipeline hands an error of the file on to whoever reads the unzipped stream; the callback has nothing to add. */
function unzipped(bytes: Readable): Readable {
  return pipeline(bytes, createGunzip(), () => undefined);
}

async function checkFile(file: string): Promise<void> {
  let number = 0;
  let vectors = 0;
  try {
    const gzip = isGzip(file);
    const bytes = createReadStream(file);
    for await (const line of linesOf(gzip ? unzipped(bytes) : bytes)) {
      number += 1;
      if (line.trim() === '') continue;
      vectors += 1;
      checkLine(`${file}:${number}`, line);
    }
  } catch (error) {
    fail(file, `cannot be read: ${message(error)}`);
    return;
  }
  if (vectors === 0) fail(file, 'holds no vectors');
}

function checkLine(where: string, line: string): void {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    fail(where, `is not JSON: ${message(error)}`);
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
  for (const file of files) await checkFile(file);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
