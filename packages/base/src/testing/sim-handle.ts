/** One open file of the simulated disk: what is written through it is not durable before it is synced. */
import { StorageFault } from '../outcome.ts';
import type { FileHandle } from '../ports.ts';
import { applyChange } from './sim-disk.ts';
import type { Change, FileNode } from './sim-disk.ts';

/** Operations that a test may let fail. */
export type FaultPoint =
  | 'open'
  | 'list'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'syncFileSystem';

/** What an open file asks of the disk that it lies on. */
export type Door = {
  readonly alive: () => void;
  readonly mayFail: (point: FaultPoint, path: string) => void;
  readonly point: () => void;
  readonly turn: () => Promise<void>;
  readonly nowMs: () => number;
  /** @returns bytes that the disk had room for */
  readonly take: (bytes: number) => number;
  readonly give: (bytes: number) => void;
  readonly isReadOnly: () => boolean;
  readonly closed: () => void;
};

export class SimHandle implements FileHandle {
  readonly path: string;
  readonly #door: Door;
  readonly #node: FileNode;
  #closed = false;

  constructor(door: Door, path: string, node: FileNode) {
    this.#door = door;
    this.path = path;
    this.#node = node;
  }

  sizeBytes(): number {
    this.#live();
    return this.#node.content.size;
  }

  readSync(into: Uint8Array, at: number, lengthBytes: number, position: number): number {
    this.#live();
    this.#door.mayFail('read', this.path);
    return this.#node.content.copyTo(into, at, lengthBytes, position);
  }

  async read(into: Uint8Array, at: number, lengthBytes: number, position: number): Promise<number> {
    this.#live();
    await this.#door.turn();
    this.#door.alive();
    this.#door.mayFail('read', this.path);
    return this.#node.content.copyTo(into, at, lengthBytes, position);
  }

  writeSync(chunks: readonly Uint8Array[], position: number): void {
    this.#live();
    this.#writable('write');
    const bytes = Buffer.concat(chunks);
    const grows = Math.max(0, position + bytes.length - this.#node.content.size);
    const given = this.#door.take(grows);
    const fits = given < grows ? Math.max(0, bytes.length - (grows - given)) : bytes.length;
    this.#apply({ kind: 'write', at: position, bytes: Buffer.from(bytes.subarray(0, fits)) });
    if (fits < bytes.length) throw new StorageFault(this.path, systemError('ENOSPC'));
  }

  truncateSync(sizeBytes: number): void {
    this.#live();
    this.#writable('truncate');
    const grows = sizeBytes - this.#node.content.size;
    if (grows < 0) this.#door.give(-grows);
    else this.#door.take(grows);
    this.#apply({ kind: 'truncate', size: sizeBytes });
  }

  async sync(): Promise<void> {
    this.#live();
    const covered = this.#node.changes.length;
    await this.#door.turn();
    this.#door.alive();
    this.#syncUpTo(covered);
  }

  syncNow(): void {
    this.#live();
    this.#syncUpTo(this.#node.changes.length);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#door.closed();
  }

  #syncUpTo(covered: number): void {
    this.#door.mayFail('sync', this.path);
    this.#door.point();
    const node = this.#node;
    // Another sync may have covered some of them meanwhile; what is left of the covered prefix becomes durable.
    const done = node.changes.splice(0, Math.min(covered, node.changes.length));
    for (const change of done) applyChange(node.synced, change);
  }

  #apply(change: Change): void {
    const node = this.#node;
    applyChange(node.content, change);
    node.changes.push(change);
    node.modifiedMs = this.#door.nowMs();
    this.#door.point();
  }

  #writable(point: FaultPoint): void {
    this.#door.mayFail(point, this.path);
    if (this.#door.isReadOnly()) throw new StorageFault(this.path, systemError('EROFS'));
  }

  #live(): void {
    this.#door.alive();
    if (this.#closed) throw new Error(`a closed file is used: ${this.path}`);
  }
}

/** As the operating system's: `code` is EIO, ENOSPC, … */
export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
