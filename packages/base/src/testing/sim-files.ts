/**
 * Files in memory with the manners of a real disk: what was not synced is lost, torn or kept by chance when the power goes; directory changes
 * live only once their directory is synced; space ends; devices fail. Every change is a write point at which a test may cut the power.
 */
import { StorageFault } from '../outcome.ts';
import type { FileHandle, Files, FileStat, OpenMode, Random } from '../ports.ts';
import { directoryNode, fileNode, settle, syncAll } from './sim-disk.ts';
import type { DirectoryNode, Node } from './sim-disk.ts';
import { SimHandle, systemError } from './sim-handle.ts';
import type { Door, FaultPoint } from './sim-handle.ts';

const DEFAULT_CAPACITY_BYTES = 2 ** 40;

/** Thrown by every operation from the moment the power goes until `restart`. Not a StorageFault: nobody is there to handle it. */
export class PowerCut extends Error {
  constructor() {
    super('the power is off');
    this.name = 'PowerCut';
  }
}

export type SimFilesOptions = {
  readonly capacityBytes?: number;
  readonly nowMs?: () => number;
  /** How a promise of a read or sync comes to its end: at once (a microtask) when left out. The simulator schedules it. */
  readonly later?: (finish: () => void) => void;
};

export class SimFiles implements Files {
  readonly #nowMs: () => number;
  readonly #later: (finish: () => void) => void;
  #capacityBytes: number;
  #root: DirectoryNode = directoryNode();
  #locks = new Set<string>();
  #readOnly = false;
  #powerOff = false;
  #cutAfter = Infinity;
  #points = 0;
  #epoch = 0;
  #fault: ((point: FaultPoint, path: string) => string | undefined) | undefined;
  #usedBytes = 0;
  openHandles = 0;

  constructor(options: SimFilesOptions = {}) {
    this.#capacityBytes = options.capacityBytes ?? DEFAULT_CAPACITY_BYTES;
    this.#nowMs = options.nowMs ?? (() => 0);
    this.#later = options.later ?? queueMicrotask;
  }

  // What a test does to the disk.

  /** Changes made so far: each is a point at which the power may go. */
  get writePoints(): number {
    return this.#points;
  }

  /** The power goes in the middle of the change number `point` (from 1): it may be there, torn, or not. */
  cutPowerAt(point: number): void {
    this.#cutAfter = point;
  }

  get isOff(): boolean {
    return this.#powerOff;
  }

  cutPowerNow(): void {
    this.#powerOff = true;
  }

  /** Power comes back. What was not synced survives as `luck` has it. Handles from before are dead. */
  restart(luck: Random): void {
    this.#epoch += 1;
    this.#powerOff = false;
    this.#cutAfter = Infinity;
    this.#locks.clear();
    this.openHandles = 0;
    const settled = new Set<Node>();
    settle(this.#root, luck, settled);
    this.#usedBytes = 0;
    for (const node of settled) if (node.kind === 'file') this.#usedBytes += node.content.size;
  }

  /** A process that dies: everything written stays, what it held open does not. */
  killProcess(): void {
    this.#epoch += 1;
    this.#locks.clear();
    this.openHandles = 0;
  }

  setReadOnly(readOnly: boolean): void {
    this.#readOnly = readOnly;
  }

  setCapacity(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** `decide` returns a system code (EIO, …) for the operations that are to fail. */
  failWhen(decide: ((point: FaultPoint, path: string) => string | undefined) | undefined): void {
    this.#fault = decide;
  }

  /** Every byte of a file as it stands now, for a test to look at or to damage. */
  peek(path: string): Buffer | undefined {
    const node = this.#find(path);
    return node?.kind === 'file' ? node.content.read(0, node.content.size) : undefined;
  }

  /** Overwrites bytes behind everyone's back, durably: a disk that lies. */
  damage(path: string, at: number, bytes: Uint8Array): void {
    const node = this.#find(path);
    if (node?.kind !== 'file') throw new StorageFault(path, systemError('ENOENT'));
    node.content.write(at, Buffer.from(bytes));
    node.synced = node.content.clone();
    node.changes = [];
  }

  // The port.

  open(path: string, mode: OpenMode): FileHandle {
    this.#alive();
    this.#mayFail('open', path);
    const { parent, name } = this.#parentOf(path);
    let node = parent.entries.get(name);
    if (node === undefined) {
      if (mode === 'read') throw new StorageFault(path, systemError('ENOENT'));
      const made = fileNode(this.#nowMs());
      this.#change(path, parent, (entries) => entries.set(name, made));
      node = made;
    } else if (mode === 'create') {
      throw new StorageFault(path, systemError('EEXIST'));
    } else if (mode === 'write' && this.#readOnly) {
      throw new StorageFault(path, systemError('EROFS'));
    }
    if (node.kind === 'directory') throw new StorageFault(path, systemError('EISDIR'));
    this.openHandles += 1;
    return new SimHandle(this.#door(), path, node);
  }

  stat(path: string): FileStat | undefined {
    this.#alive();
    const node = this.#find(path);
    if (node === undefined) return undefined;
    if (node.kind === 'directory') return { kind: 'directory', sizeBytes: 0, modifiedMs: 0 };
    return { kind: 'file', sizeBytes: node.content.size, modifiedMs: node.modifiedMs };
  }

  list(directory: string): string[] {
    this.#alive();
    this.#mayFail('list', directory);
    const node = this.#find(directory);
    if (node === undefined) return [];
    if (node.kind === 'file') throw new StorageFault(directory, systemError('ENOTDIR'));
    return Array.from(node.entries.keys()).toSorted();
  }

  makeDirectory(path: string): void {
    this.#alive();
    this.#mayFail('makeDirectory', path);
    let node = this.#root;
    for (const name of parts(path)) {
      let next = node.entries.get(name);
      if (next === undefined) {
        const made = directoryNode();
        this.#change(path, node, (entries) => entries.set(name, made));
        next = made;
      }
      if (next.kind === 'file') throw new StorageFault(path, systemError('EEXIST'));
      node = next;
    }
  }

  rename(from: string, to: string): void {
    this.#alive();
    this.#mayFail('rename', from);
    const source = this.#parentOf(from);
    const target = this.#parentOf(to);
    const node = source.parent.entries.get(source.name);
    if (node === undefined) throw new StorageFault(from, systemError('ENOENT'));
    const replaced = target.parent.entries.get(target.name);
    if (replaced?.kind === 'directory' && replaced.entries.size > 0)
      throw new StorageFault(to, systemError('ENOTEMPTY'));
    if (source.parent !== target.parent)
      throw new StorageFault(from, 'the simulated disk renames within one directory only');
    this.#change(from, source.parent, (entries) => {
      entries.delete(source.name);
      entries.set(target.name, node);
    });
    if (replaced !== undefined) this.#release(replaced);
  }

  remove(path: string): void {
    this.#alive();
    this.#mayFail('remove', path);
    const { parent, name } = this.#parentOf(path);
    const node = parent.entries.get(name);
    if (node === undefined) return;
    this.#change(path, parent, (entries) => entries.delete(name));
    this.#release(node);
  }

  async removeLater(path: string): Promise<void> {
    await this.#turn();
    this.remove(path);
  }

  syncDirectory(path: string): void {
    this.#alive();
    this.#mayFail('syncDirectory', path);
    const node = this.#find(path);
    if (node?.kind !== 'directory') throw new StorageFault(path, systemError('ENOENT'));
    this.#point();
    node.syncedEntries = new Map(node.entries);
    node.changes = [];
  }

  async syncFileSystem(path: string): Promise<boolean> {
    this.#alive();
    if (this.#fault?.('syncFileSystem', path) !== undefined) return false;
    syncAll(this.#root);
    this.#point();
    await this.#turn();
    return true;
  }

  async syncDirectoryLater(path: string): Promise<void> {
    await this.#turn();
    this.syncDirectory(path);
  }

  freeBytes(_path: string): number {
    this.#alive();
    return Math.max(0, this.#capacityBytes - this.#usedBytes);
  }

  totalBytes(_path: string): number {
    this.#alive();
    return this.#capacityBytes;
  }

  lock(path: string): boolean {
    this.#alive();
    if (this.#locks.has(path)) return false;
    this.#locks.add(path);
    return true;
  }

  unlock(path: string): void {
    this.#locks.delete(path);
  }

  #door(): Door {
    const born = this.#epoch;
    return {
      alive: () => {
        if (born !== this.#epoch) throw new PowerCut();
        this.#alive();
      },
      mayFail: (point, path) => this.#mayFail(point, path),
      point: () => this.#point(),
      turn: () => this.#turn(),
      nowMs: this.#nowMs,
      take: (bytes) => {
        const room = this.#capacityBytes - this.#usedBytes;
        this.#usedBytes += Math.min(room, bytes);
        if (bytes > room) return room;
        return bytes;
      },
      give: (bytes) => {
        this.#usedBytes -= bytes;
      },
      isReadOnly: () => this.#readOnly,
      closed: () => {
        if (born === this.#epoch) this.openHandles -= 1;
      },
    };
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#later(resolve);
    });
  }

  #alive(): void {
    if (this.#powerOff) throw new PowerCut();
  }

  #mayFail(point: FaultPoint, path: string): void {
    const code = this.#fault?.(point, path);
    if (code !== undefined) throw new StorageFault(path, systemError(code));
  }

  /** Counts a change; throws when the power goes at it. The change itself has been made, so that chance may keep it. */
  #point(): void {
    this.#points += 1;
    if (this.#points < this.#cutAfter) return;
    this.#powerOff = true;
    throw new PowerCut();
  }

  #change(path: string, directory: DirectoryNode, act: (entries: Map<string, Node>) => void): void {
    if (this.#readOnly) throw new StorageFault(path, systemError('EROFS'));
    act(directory.entries);
    directory.changes.push(act);
    this.#point();
  }

  #release(node: Node): void {
    if (node.kind === 'file') this.#usedBytes -= node.content.size;
    else for (const child of node.entries.values()) this.#release(child);
  }

  #find(path: string): Node | undefined {
    let node: Node = this.#root;
    for (const name of parts(path)) {
      if (node.kind === 'file') return undefined;
      const next = node.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  #parentOf(path: string): { parent: DirectoryNode; name: string } {
    const names = parts(path);
    const name = names.pop();
    const parent = this.#find(`/${names.join('/')}`);
    if (name === undefined || parent?.kind !== 'directory') throw new StorageFault(path, systemError('ENOENT'));
    return { parent, name };
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}
