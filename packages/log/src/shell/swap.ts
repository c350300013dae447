/**
 * Puts a segment that compaction has written into the place of those it was made of, so that a crash at any point leaves the one or the other:
 * 1. its indexes are named `.swap`; once that is durable, so is its log. From here on recovery finishes what was begun (load.ts).
 * 2. Once that is durable, readers get the new segment, and the old files are named `.deleted`.
 * 3. Once that is durable, the indexes get their final names, and when those are durable, the log.
 * A log that is cut, closed or begun anew meanwhile does not wait: it has the swap settled first, either undone or finished.
 */
import type { Files } from '@odradek/base';
import { CLEANED_SUFFIX, LOG_SUFFIX, SEGMENT_SUFFIXES, SWAP_SUFFIX, offsetName } from './names.ts';
import { Segment } from './segment.ts';
import type { SegmentWorld } from './segment.ts';

export type CleanedSegment = { readonly baseOffset: number; readonly sizeBytes: number };

/** What a swap needs of the log. */
export interface SwappedLog {
  readonly directory: string;
  /** Whether the sources are still what they were when they were read. */
  areCurrent(sources: readonly Segment[]): boolean;
  /** Readers get `made` from now on. @returns paths of the old files, which may be removed once nobody reads them */
  replace(sources: readonly Segment[], made: Segment): string[];
}

export type SwapInput = {
  readonly sources: readonly Segment[];
  readonly cleaned: CleanedSegment;
  readonly nowMs: number;
};

export class Swap {
  readonly #world: SegmentWorld;
  readonly #log: SwappedLog;
  readonly #input: SwapInput;
  #made: Segment | undefined;
  #oldPaths: string[] = [];
  /** Somebody settled it before it came to its end by itself. */
  #settled = false;

  constructor(world: SegmentWorld, log: SwappedLog, input: SwapInput) {
    this.#world = world;
    this.#log = log;
    this.#input = input;
  }

  /** @returns paths of the old files once the new one is in its place for good; undefined when the log has changed and it is not */
  async run(): Promise<string[] | undefined> {
    if (!this.#log.areCurrent(this.#input.sources)) {
      this.#undo(CLEANED_SUFFIX);
      return undefined;
    }
    const steps = [
      () => this.#toSwap('indexes'),
      () => this.#toSwap('log'),
      () => this.#replace(),
      () => this.#made?.unsuffix('indexes'),
      () => this.#made?.unsuffix('log'),
    ];
    for (const step of steps) {
      step();
      await this.#files.syncDirectoryLater(this.#log.directory);
      if (this.#settled) break;
    }
    return this.#made === undefined ? undefined : this.#oldPaths;
  }

  /** The log is about to change in other ways: leaves nothing half-way, at once. */
  settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    const { directory } = this.#log;
    if (this.#made === undefined) {
      // The log's name goes first: without it recovery takes nothing over.
      this.#undo(SWAP_SUFFIX);
      this.#undo(CLEANED_SUFFIX);
      this.#files.syncDirectory(directory);
      return;
    }
    this.#files.syncDirectory(directory);
    this.#made.unsuffix('indexes');
    this.#files.syncDirectory(directory);
    this.#made.unsuffix('log');
    this.#files.syncDirectory(directory);
  }

  get #files(): Files {
    return this.#world.files;
  }

  #path(suffix: string): string {
    return `${this.#log.directory}/${offsetName(this.#input.cleaned.baseOffset, suffix)}`;
  }

  #toSwap(which: 'indexes' | 'log'): void {
    for (const suffix of SEGMENT_SUFFIXES) {
      if ((suffix === LOG_SUFFIX) !== (which === 'log')) continue;
      const path = this.#path(suffix);
      if (this.#files.stat(path + CLEANED_SUFFIX) !== undefined) {
        this.#files.rename(path + CLEANED_SUFFIX, path + SWAP_SUFFIX);
      }
    }
  }

  #replace(): void {
    const { sources, cleaned, nowMs } = this.#input;
    const { directory } = this.#log;
    const birth = { directory, baseOffset: cleaned.baseOffset, createdMs: nowMs, jitterMs: 0, fileSuffix: SWAP_SUFFIX };
    this.#made = new Segment(this.#world, birth, cleaned.sizeBytes);
    this.#oldPaths = this.#log.replace(sources, this.#made);
  }

  #undo(fileSuffix: string): void {
    for (const suffix of SEGMENT_SUFFIXES) this.#files.remove(this.#path(suffix) + fileSuffix);
  }
}
