/** The machine's files behind the `Files` port. Whatever fails leaves as a `StorageFault` with the path and the system's code. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../assert.ts';
import { StorageFault } from '../outcome.ts';
import type { FileHandle, Files, FileStat, OpenMode } from '../ports.ts';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
const openFlags: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR | O_CREAT,
  create: O_RDWR | O_CREAT | O_EXCL,
};
const SQLITE_BUSY = 5;
/** Locks are the process's: one that only its holder referred to would be let go by the garbage collector with it. */
const heldLocks = new Set<DatabaseSync>();

export function systemFiles(): Files {
  const locks = new Map<string, DatabaseSync>();
  return {
    seenByThreads: true,
    open: (path, mode) =>
      new SystemFile(
        path,
        guarded(path, () => fs.openSync(path, openFlags[mode], 0o644)),
      ),
    stat: (path) => guarded(path, () => statOf(path)),
    list: (directory) => guarded(directory, () => entriesOf(directory)),
    makeDirectory: (path) => guarded(path, () => makeDirectory(path)),
    rename: (from, to) => guarded(from, () => fs.renameSync(from, to)),
    remove: (path) => guarded(path, () => fs.rmSync(path, { recursive: true, force: true })),
    removeLater,
    syncDirectory: (path) => guarded(path, () => syncDirectory(path)),
    syncDirectoryLater,
    syncFileSystem,
    freeBytes: (path) => guarded(path, () => freeBytes(path)),
    totalBytes: (path) => guarded(path, () => totalBytes(path)),
    lock: (path) => takeLock(locks, path),
    unlock(path) {
      const held = locks.get(path);
      if (held === undefined) return;
      locks.delete(path);
      heldLocks.delete(held);
      held.close();
    },
  };
}

/** Step by step from the first parent that is there: Node's own recursion says ENOENT on a read-only file system, where it is EROFS. */
function makeDirectory(path: string): void {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  try {
    fs.mkdirSync(path);
  } catch (cause) {
    // Made by somebody else in the meantime.
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw cause;
  }
}

/** One open descriptor. `close` waits for reads and syncs under way, since the number is reused by the next open. */
class SystemFile implements FileHandle {
  readonly path: string;
  readonly #descriptor: number;
  #underWay = 0;
  #closed = false;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  sizeBytes(): number {
    return guarded(this.path, () => fs.fstatSync(this.#live()).size);
  }

  readSync(into: Uint8Array, at: number, lengthBytes: number, position: number): number {
    const descriptor = this.#live();
    try {
      let done = 0;
      while (done < lengthBytes) {
        const got = fs.readSync(descriptor, into, at + done, lengthBytes - done, position + done);
        if (got === 0) break;
        done += got;
      }
      return done;
    } catch (cause) {
      throw new StorageFault(this.path, cause);
    }
  }

  async read(into: Uint8Array, at: number, lengthBytes: number, position: number): Promise<number> {
    const descriptor = this.#live();
    this.#underWay += 1;
    try {
      let done = 0;
      while (done < lengthBytes) {
        const got = await readOnce(descriptor, into, {
          at: at + done,
          lengthBytes: lengthBytes - done,
          position: position + done,
        });
        if (got === 0) break;
        done += got;
      }
      return done;
    } catch (cause) {
      throw new StorageFault(this.path, cause);
    } finally {
      this.#finished();
    }
  }

  writeSync(chunks: readonly Uint8Array[], position: number): void {
    const descriptor = this.#live();
    try {
      writeAll(descriptor, chunks, position);
    } catch (cause) {
      throw new StorageFault(this.path, cause);
    }
  }

  truncateSync(sizeBytes: number): void {
    guarded(this.path, () => fs.ftruncateSync(this.#live(), sizeBytes));
  }

  sync(): Promise<void> {
    const descriptor = this.#live();
    this.#underWay += 1;
    return new Promise((resolve, reject) => {
      fs.fdatasync(descriptor, (cause) => {
        this.#finished();
        if (cause === null || cause === undefined) resolve();
        else reject(new StorageFault(this.path, cause));
      });
    });
  }

  syncNow(): void {
    guarded(this.path, () => fs.fdatasyncSync(this.#live()));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#underWay === 0) guarded(this.path, () => fs.closeSync(this.#descriptor));
  }

  #live(): number {
    assert(!this.#closed, 'an open file is used', this);
    return this.#descriptor;
  }

  #finished(): void {
    this.#underWay -= 1;
    if (this.#closed && this.#underWay === 0) guarded(this.path, () => fs.closeSync(this.#descriptor));
  }
}

type Span = { readonly at: number; readonly lengthBytes: number; readonly position: number };

function readOnce(descriptor: number, into: Uint8Array, span: Span): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(descriptor, into, span.at, span.lengthBytes, span.position, (cause, got) => {
      if (cause === null) resolve(got);
      else reject(cause);
    });
  });
}

function writeAll(descriptor: number, chunks: readonly Uint8Array[], position: number): void {
  let at = position;
  let left = chunks;
  while (left.length > 1) {
    const wrote = fs.writevSync(descriptor, left, at);
    at += wrote;
    left = withoutFirst(left, wrote);
  }
  let last = left[0];
  while (last !== undefined && last.length > 0) {
    const wrote = fs.writeSync(descriptor, last, 0, last.length, at);
    at += wrote;
    last = last.subarray(wrote);
  }
}

/** What is left of the chunks after a write that took their first `bytes`: usually nothing. */
function withoutFirst(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  for (let index = 0; index < chunks.length; index += 1) {
    const chunk = chunks[index];
    if (chunk === undefined) break;
    if (skip < chunk.length) return [chunk.subarray(skip), ...chunks.slice(index + 1)];
    skip -= chunk.length;
  }
  return [];
}

/** Runs one call into the file system; what it throws becomes a StorageFault. Not for the paths of single reads and writes. */
function guarded<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw cause instanceof StorageFault ? cause : new StorageFault(path, cause);
  }
}

function statOf(path: string): FileStat | undefined {
  const found = fs.statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return { kind: found.isDirectory() ? 'directory' : 'file', sizeBytes: found.size, modifiedMs: found.mtimeMs };
}

function entriesOf(directory: string): string[] {
  try {
    return fs.readdirSync(directory).toSorted();
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return [];
    throw cause;
  }
}

function syncDirectory(path: string): void {
  const descriptor = fs.openSync(path, O_RDONLY);
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

async function removeLater(path: string): Promise<void> {
  try {
    await fs.promises.rm(path, { recursive: true, force: true });
  } catch (cause) {
    throw new StorageFault(path, cause);
  }
}

async function syncDirectoryLater(path: string): Promise<void> {
  const directory = new SystemFile(
    path,
    guarded(path, () => fs.openSync(path, O_RDONLY)),
  );
  try {
    await directory.sync();
  } finally {
    directory.close();
  }
}

/** The runtime has no syncfs(2) of its own; the system's `sync` does nothing else. */
function syncFileSystem(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const sync = spawn('sync', ['-f', path], { stdio: 'ignore' });
    sync.once('error', () => resolve(false));
    sync.once('exit', (code) => resolve(code === 0));
  });
}

function freeBytes(path: string): number {
  const { bavail, bsize } = fs.statfsSync(path);
  return bavail * bsize;
}

function totalBytes(path: string): number {
  const { blocks, bsize } = fs.statfsSync(path);
  return blocks * bsize;
}

/**
 * The runtime has no flock of its own, but its SQLite takes the kernel's record locks (fcntl) on the file that it opens: they belong to
 * the process, so that kill -9 releases them, they hold between containers that share a volume, and Kafka's own `.lock` is of the same
 * kind, so a JVM broker on this directory is refused as well. Nothing is ever written: the file stays empty.
 */
function takeLock(locks: Map<string, DatabaseSync>, path: string): boolean {
  if (locks.has(path)) return false;
  let database: DatabaseSync | undefined;
  try {
    // Creating it here gives the system's own error where SQLite would only say "unable to open".
    fs.closeSync(fs.openSync(path, O_RDWR | O_CREAT, 0o644));
    // Loaded only by who locks: not every process that opens files does.
    const sqlite = process.getBuiltinModule('node:sqlite');
    database = new sqlite.DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
    locks.set(path, database);
    heldLocks.add(database);
    return true;
  } catch (cause) {
    database?.close();
    if (sqliteCode(cause) === SQLITE_BUSY) return false;
    throw new StorageFault(path, cause);
  }
}

function systemCode(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
}

function sqliteCode(cause: unknown): number | undefined {
  if (typeof cause !== 'object' || cause === null || !('errcode' in cause)) return undefined;
  return typeof cause.errcode === 'number' ? cause.errcode & 0xff : undefined;
}
