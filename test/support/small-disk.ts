/**
 * A small disk (tmpfs) that only chosen processes see: it lives in a mount namespace that a process of the test holds, so it outlives the
 * nodes that are started on it, and nothing is left behind when the test ends, however it ends. Only root can make one.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { found, missing, type Found } from './run.ts';

const MOUNTED_WITHIN_MS = 10_000;
const CHUNK_BYTES = 64 * 1024;

export function smallDisks(): Found<(path: string, megabytes: number) => Promise<SmallDisk>> {
  const tried = spawnSync('unshare', [
    '-m',
    'sh',
    '-c',
    'mount -t tmpfs -o size=1m tmpfs /mnt && nsenter -t $$ -m true',
  ]);
  if (tried.status !== 0) return missing('this user may not mount a tmpfs (unshare -m)');
  return found((path, megabytes) => SmallDisk.create(path, megabytes));
}

export class SmallDisk implements AsyncDisposable {
  /** Where the chosen processes see it. */
  readonly path: string;
  readonly #holder: ChildProcess;

  private constructor(path: string, holder: ChildProcess) {
    this.path = path;
    this.#holder = holder;
  }

  /** @param path a directory that is made here, stays empty for everybody else, and is removed at the end */
  static async create(path: string, megabytes: number): Promise<SmallDisk> {
    mkdirSync(path, { recursive: true });
    const script = `mount -t tmpfs -o size=${megabytes}m tmpfs "$0" && echo mounted && exec cat`;
    const holder = spawn('unshare', ['-m', 'sh', '-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no tmpfs on ${path}`)), MOUNTED_WITHIN_MS);
      holder.stdout.once('data', () => {
        clearTimeout(late);
        resolve();
      });
      holder.once('close', () => reject(new Error(`no tmpfs on ${path}`)));
    });
    return new SmallDisk(path, holder);
  }

  /** What a command begins with to see the disk; the process that is started becomes the command itself. */
  launcher(): string[] {
    return ['nsenter', '-t', String(this.#holder.pid), '-m', '--'];
  }

  /** Writes until nothing more fits. */
  fill(): void {
    const file = openSync(this.#ballast, 'a');
    try {
      for (const bytes of [CHUNK_BYTES, 1]) {
        const chunk = Buffer.alloc(bytes);
        while (written(file, chunk) > 0);
      }
    } finally {
      closeSync(file);
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#seen);
    return bavail * bsize;
  }

  /** Removes what `fill` wrote. */
  empty(): void {
    rmSync(this.#ballast, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#holder.once('close', () => resolve()));
    this.#holder.stdin?.end();
    await ended;
    rmSync(this.path, { recursive: true, force: true });
  }

  /** The disk as this process can reach it. */
  get #seen(): string {
    return join(`/proc/${this.#holder.pid}/root`, this.path);
  }

  get #ballast(): string {
    return join(this.#seen, 'ballast');
  }
}

function written(file: number, chunk: Buffer): number {
  try {
    return writeSync(file, chunk);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return 0;
    throw error;
  }
}
