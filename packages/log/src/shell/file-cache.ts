/**
 * Open file handles over all logs, at most `openMax`: a file is opened when it is used and closed when others need the room. Which one goes
 * is decided by a second chance: a hand walks round the open files, spares each that was used since it last came by, and closes the next.
 */
import type { FileHandle, Files } from '@odradek/base';

export class FileCache {
  readonly files: Files;
  readonly openMax: number;
  readonly #open: CachedFile[] = [];
  #hand = 0;

  constructor(files: Files, openMax: number) {
    this.files = files;
    this.openMax = Math.max(1, openMax);
  }

  get openCount(): number {
    return this.#open.length;
  }

  opened(file: CachedFile): void {
    while (this.#open.length >= this.openMax) this.#closeOne();
    this.#open.push(file);
  }

  closed(file: CachedFile): void {
    const slot = this.#open.indexOf(file);
    if (slot < 0) return;
    const last = this.#open.pop();
    if (last !== undefined && last !== file) this.#open[slot] = last;
  }

  /** Ends: every file passed over loses its chance, so that the second round finds one. */
  #closeOne(): void {
    for (;;) {
      if (this.#hand >= this.#open.length) this.#hand = 0;
      const file = this.#open[this.#hand];
      if (file === undefined) return;
      if (file.used) {
        file.used = false;
        this.#hand += 1;
        continue;
      }
      file.close();
      return;
    }
  }
}

/** A file by path that is open only while it is used now and then. Reads and syncs under way survive its closing (see FileHandle). */
export class CachedFile {
  readonly #cache: FileCache;
  path: string;
  /** Used since the cache's hand last came by. */
  used = false;
  #handle: FileHandle | undefined;

  constructor(cache: FileCache, path: string) {
    this.#cache = cache;
    this.path = path;
  }

  /** Opens it for reading and writing; creates it when it is missing. */
  handle(): FileHandle {
    this.used = true;
    return this.#handle ?? this.#openNow();
  }

  close(): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    this.#cache.closed(this);
    handle.close();
  }

  #openNow(): FileHandle {
    const handle = this.#cache.files.open(this.path, 'write');
    this.#cache.opened(this);
    this.#handle = handle;
    return handle;
  }
}
