/**
 * What lies on the simulated disk, and what a power cut leaves of it.
 *
 * A file keeps what its last sync covered. Of the changes after it a prefix survives, the last one of them
 * possibly torn: some of its sectors are there, others are not (zeros where the file grew). A directory keeps the entries of its last sync
 * and a prefix of the changes after it; files that no entry names any more are gone.
 */
import type { Random } from '../ports.ts';

const SECTOR_BYTES = 512;

export type Change =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

export type FileNode = {
  readonly kind: 'file';
  content: Content;
  /** What a power cut leaves at least. */
  synced: Content;
  /** Since `synced`, in order. */
  changes: Change[];
  modifiedMs: number;
};
export type DirectoryNode = {
  readonly kind: 'directory';
  entries: Map<string, Node>;
  syncedEntries: Map<string, Node>;
  changes: ((entries: Map<string, Node>) => void)[];
};
export type Node = FileNode | DirectoryNode;

/** Bytes that grow; holes read as zeros. */
class Content {
  #bytes: Buffer;
  size: number;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  clone(): Content {
    return new Content(Buffer.from(this.#bytes.subarray(0, this.size)));
  }

  read(at: number, length: number): Buffer {
    return Buffer.from(this.#bytes.subarray(at, Math.min(this.size, at + length)));
  }

  copyTo(into: Uint8Array, at: number, length: number, position: number): number {
    const end = Math.min(this.size, position + length);
    if (end <= position) return 0;
    into.set(this.#bytes.subarray(position, end), at);
    return end - position;
  }

  write(at: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.size, at + bytes.length));
    this.#bytes.set(bytes, at);
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, this.#bytes.length * 2, 256));
      this.#bytes.copy(larger, 0, 0, this.size);
      this.#bytes = larger;
    } else if (size < this.size) {
      this.#bytes.fill(0, size, this.size);
    }
    this.size = size;
  }
}

export function applyChange(content: Content, change: Change): void {
  if (change.kind === 'write') content.write(change.at, change.bytes);
  else content.resize(change.size);
}

/** What a tree holds now survives every power cut. */
export function syncAll(directory: DirectoryNode): void {
  directory.syncedEntries = new Map(directory.entries);
  directory.changes = [];
  for (const node of directory.entries.values()) {
    if (node.kind === 'directory') syncAll(node);
    else for (const change of node.changes.splice(0)) applyChange(node.synced, change);
  }
}

/** Decides what of a tree survives a power cut, and collects it in `settled`. */
export function settle(directory: DirectoryNode, luck: Random, settled: Set<Node>): void {
  const survivors = luck.below(directory.changes.length + 1);
  const entries = new Map(directory.syncedEntries);
  for (const change of directory.changes.slice(0, survivors)) change(entries);
  directory.entries = entries;
  directory.syncedEntries = new Map(entries);
  directory.changes = [];
  for (const node of entries.values()) {
    if (settled.has(node)) continue;
    settled.add(node);
    if (node.kind === 'directory') settle(node, luck, settled);
    else settleFile(node, luck);
  }
}

function settleFile(node: FileNode, luck: Random): void {
  const survivors = luck.below(node.changes.length + 1);
  for (const change of node.changes.slice(0, survivors)) applyChange(node.synced, change);
  const torn = node.changes[survivors];
  if (torn?.kind === 'write' && luck.below(2) === 0) tear(node.synced, torn, luck);
  node.content = node.synced.clone();
  node.changes = [];
}

/** Some sectors of a write arrive; where the file grew over the others, zeros are found. */
function tear(content: Content, change: { readonly at: number; readonly bytes: Buffer }, luck: Random): void {
  const end = change.at + change.bytes.length;
  if (luck.below(2) === 0) content.resize(Math.max(content.size, end));
  let at = change.at;
  while (at < end) {
    const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (luck.below(2) === 0) content.write(at, change.bytes.subarray(at - change.at, sectorEnd - change.at));
    at = sectorEnd;
  }
}

export function fileNode(nowMs: number): FileNode {
  return { kind: 'file', content: new Content(), synced: new Content(), changes: [], modifiedMs: nowMs };
}

export function directoryNode(): DirectoryNode {
  return { kind: 'directory', entries: new Map(), syncedEntries: new Map(), changes: [] };
}
