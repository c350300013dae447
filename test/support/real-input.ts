/**
 * A large real text of this machine: the sources and documents of its installed packages, one file after another, until there is enough.
 * Deterministic for a machine; files with lines that no broker takes by default, or that are not text, are left out.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { odradek, root } from './run.ts';

/** Where text lies on most machines; what is missing is passed over. */
const places = [
  `${root}node_modules/.pnpm`,
  '/usr/lib/python3',
  '/usr/share/doc',
  '/usr/include',
  '/var/lib/dpkg',
  '/usr/share',
];
const LINE_BYTES_MAX = 500_000;
const FILE_BYTES_MAX = 64 * 1024 * 1024;

function* filesBelow(directory: string): Generator<string> {
  const entries = readdirSync(directory, { withFileTypes: true }).toSorted((left, right) =>
    left.name < right.name ? -1 : 1,
  );
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

function isText(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes.includes(0)) return false;
  let from = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
    if (at - from > LINE_BYTES_MAX) return false;
    from = at + 1;
  }
  return bytes.length - from <= LINE_BYTES_MAX;
}

export type RealInput = {
  readonly path: string;
  readonly bytes: number;
  readonly lines: number;
  readonly sha256: string;
};

/** Writes the text to `path`. Every line of it ends in a newline. */
export function makeRealInput(path: string, megabytes: number): RealInput {
  const wanted = megabytes * 1_000_000;
  const out = openSync(path, 'w');
  const hash = createHash('sha256');
  let bytes = 0;
  let lines = 0;
  try {
    // A small machine's texts are read again: what matters is that they are real.
    while (bytes < wanted) {
      const before = bytes;
      for (const file of places.filter(existsSync).flatMap((place) => (bytes < wanted ? [...filesBelow(place)] : []))) {
        if (bytes >= wanted) break;
        const text = readText(file);
        if (text === undefined) continue;
        writeSync(out, text);
        hash.update(text);
        bytes += text.length;
        lines += newlines(text);
      }
      if (bytes === before) throw new Error('this machine has no text files where they are looked for');
    }
  } finally {
    closeSync(out);
  }
  return { path, bytes, lines, sha256: hash.digest('hex') };
}

function readText(file: string): Buffer | undefined {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) return undefined;
    const bytes = readFileSync(file);
    if (!isText(bytes)) return undefined;
    return bytes.at(-1) === 10 ? bytes : Buffer.concat([bytes, Buffer.from('\n')]);
  } catch {
    return undefined; // unreadable, or gone since it was listed
  }
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
}

export type Streamed = {
  readonly seconds: number;
  /** The largest resident memory of the command, in MB. */
  readonly peakRssMb: number;
  readonly sha256: string;
  readonly bytes: number;
};

/** Runs the command line with a file as its input; its output is hashed as it comes, never held. */
export function stream(args: readonly string[], inputPath: string | undefined): Promise<Streamed> {
  const input = inputPath === undefined ? 'ignore' : openSync(inputPath, 'r');
  const [file = '', ...rest] = odradek(...args);
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, { stdio: [input, 'pipe', 'pipe'], cwd: dirname(root) });
    if (typeof input === 'number') closeSync(input);
    const hash = createHash('sha256');
    let bytes = 0;
    let errors = '';
    let peakRssMb = 0;
    const watch = setInterval(() => (peakRssMb = Math.max(peakRssMb, highWater(child.pid))), 50);
    child.stdout?.on('data', (part: Buffer) => {
      hash.update(part);
      bytes += part.length;
    });
    child.stderr?.on('data', (part: Buffer) => (errors += part.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(watch);
      if (code !== 0) reject(new Error(`odradek ${args.join(' ')}: exit ${code ?? 'by signal'}\n${errors}`));
      else resolve({ seconds: (performance.now() - from) / 1000, peakRssMb, sha256: hash.digest('hex'), bytes });
    });
  });
}

function highWater(pid: number | undefined): number {
  try {
    const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it has just ended
  }
}
