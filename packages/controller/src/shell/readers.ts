/**
 * Those who hear the committed log of the active controller: each from where it said it is, or from a snapshot of the image when it has
 * nothing or has fallen behind what the log holds. Whoever is level hears a batch as it is committed; the others catch up in turns.
 */
import { assert } from '@odradek/base';
import type { Clock, Limits } from '@odradek/base';
import type { CapturedImage } from '@odradek/metadata';
import type { CommittedBytes, LogReader } from '../ports.ts';
import type { Entry, Position } from '../raft/core/messages.ts';
import { unpackRecords } from './batch-codec.ts';
import { encodedParts } from './image-parts.ts';

export type ReadersOptions = {
  readonly clock: Clock;
  readonly limits: Limits;
  /** The image when it is what is committed, neither more nor less. */
  readonly capture: () => CapturedImage | undefined;
  /** What is committed after a position; undefined when the log does not hold it. */
  readonly after: (from: Position, bytesMax: number) => readonly Entry[] | undefined;
  readonly onFault: (cause: unknown) => void;
};

type Reading = {
  readonly reader: LogReader;
  /** undefined: a snapshot comes first. */
  at: Position | undefined;
  state: 'level' | 'busy' | 'waiting' | 'closed';
  /** Somebody is at it: whoever asks again meanwhile is served by the same. */
  isCatchingUp: boolean;
};

const NO_RECORDS: readonly Buffer[] = [];

export class Readers {
  readonly #options: ReadersOptions;
  readonly #open = new Set<Reading>();

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  /** @param from the reader's end offset; 0: it has nothing */
  open(from: { readonly endOffset: number; readonly epoch: number }, reader: LogReader): { close(): void } {
    const at = from.endOffset > 0 ? { offset: from.endOffset, epoch: from.epoch } : undefined;
    const reading: Reading = { reader, at, state: 'busy', isCatchingUp: false };
    this.#open.add(reading);
    void Promise.resolve().then(() => this.#catchUp(reading));
    return {
      close: () => {
        reading.state = 'closed';
        this.#open.delete(reading);
      },
    };
  }

  /** An entry is committed. All who are level hear it at once. */
  committed(entry: Entry): void {
    let batch: CommittedBytes | undefined;
    for (const reading of this.#open) {
      if (reading.state !== 'level') continue;
      assert(reading.at?.offset === entry.offset, 'a reader that is level hears the next entry', { at: reading.at });
      batch ??= bytesOf(entry);
      reading.at = { offset: entry.endOffset, epoch: entry.epoch };
      const taken = reading.reader.committed(batch);
      if (taken !== undefined) this.#hold(reading, taken);
    }
  }

  /** A reader that is level and wants a pause catches up from the log afterwards. */
  #hold(reading: Reading, taken: Promise<void>): void {
    if (reading.state === 'level') reading.state = 'busy';
    taken.then(
      () => this.#catchUp(reading),
      (cause: unknown) => this.#options.onFault(cause),
    );
  }

  /** The image is what is committed: those who wait for a snapshot get one of it. */
  settled(): void {
    for (const reading of this.#open) {
      if (reading.state !== 'waiting') continue;
      reading.state = 'busy';
      void this.#catchUp(reading);
    }
  }

  endAll(why: string): void {
    for (const reading of this.#open) {
      reading.state = 'closed';
      reading.reader.ended(why);
    }
    this.#open.clear();
  }

  async #catchUp(reading: Reading): Promise<void> {
    if (reading.isCatchingUp) return;
    reading.isCatchingUp = true;
    try {
      while (reading.state === 'busy') {
        if (reading.at === undefined) await this.#snapshot(reading);
        else await this.#entries(reading, reading.at);
      }
    } catch (cause) {
      this.#options.onFault(cause);
    } finally {
      reading.isCatchingUp = false;
    }
  }

  async #snapshot(reading: Reading): Promise<void> {
    const captured = this.#options.capture();
    if (captured === undefined) {
      reading.state = 'waiting';
      return;
    }
    const { endOffset, epoch } = captured;
    let isFirst = true;
    let records: readonly Buffer[] = NO_RECORDS;
    const parts = encodedParts(captured, this.#options.limits.controllerSnapshotPartBytes)[Symbol.iterator]();
    for (let part = parts.next(); ;) {
      records = part.done === true ? NO_RECORDS : part.value;
      part = parts.next();
      const isLast = part.done === true;
      await reading.reader.snapshot({ records, endOffset, epoch, isFirst, isLast });
      if (!this.#isBusy(reading)) return;
      if (isLast) break;
      isFirst = false;
      await this.#others();
      if (!this.#isBusy(reading)) return;
    }
    reading.at = { offset: endOffset, epoch };
  }

  async #entries(reading: Reading, at: Position): Promise<void> {
    const entries = this.#options.after(at, this.#options.limits.raftAppliedBytesPerTurn);
    if (entries === undefined) reading.at = undefined;
    else if (entries.length === 0) reading.state = 'level';
    else {
      for (const entry of entries) {
        if (!this.#isBusy(reading)) return;
        reading.at = { offset: entry.endOffset, epoch: entry.epoch };
        await reading.reader.committed(bytesOf(entry));
      }
      await this.#others();
    }
  }

  /** Whoever is called back may have ended the reading. */
  #isBusy(reading: Reading): boolean {
    return reading.state === 'busy';
  }

  /** Others have their turn. */
  #others(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(0, resolve));
  }
}

function bytesOf(entry: Entry): CommittedBytes {
  const records = entry.kind === 'data' ? unpackRecords(entry.data).records : NO_RECORDS;
  return { records, endOffset: entry.endOffset, epoch: entry.epoch };
}
