/**
 * LevelDB as the store of a replica sees it, in memory and on simulated time: synced batches are there after a crash whole or, when they
 * were under way, perhaps; what was removed without a sync may be there again. The store itself is production's.
 */
import type { Prng } from '@odradek/base';
import type { Database } from '@odradek/controller/testing';

type Write = Parameters<Database['batch']>[0][number];
type Range = Parameters<Database['clear']>[0];

/** What lies on a disk. Survives processes. */
export class DiskImage {
  /** By key in latin1, whose order is that of the bytes. */
  readonly rows = new Map<string, Buffer>();
  /** Removed, and not known to be so on the disk. */
  readonly unsynced = new Map<string, Buffer>();
  /** Under way when the process ended. */
  readonly underWay: Set<readonly Write[]> = new Set();

  apply(writes: readonly Write[]): void {
    for (const write of writes) {
      const key = write.key.toString('latin1');
      this.unsynced.delete(key);
      if (write.type === 'put') this.rows.set(key, write.value);
      else this.rows.delete(key);
    }
  }

  remove(range: Range): void {
    const [from, to] = [range.gte.toString('latin1'), range.lt.toString('latin1')];
    for (const [key, value] of this.rows) {
      if (key < from || key >= to) continue;
      this.rows.delete(key);
      this.unsynced.set(key, value);
    }
  }

  /** The process is gone. What it had under way reached the disk, or did not. */
  crash(random: Prng): void {
    const arrived = random.below(this.underWay.size + 1);
    for (const writes of [...this.underWay].slice(0, arrived)) this.apply(writes);
    this.underWay.clear();
    for (const [key, value] of this.unsynced) if (random.chance(1, 3)) this.rows.set(key, value);
    this.unsynced.clear();
  }

  sorted(range: Range): [Buffer, Buffer][] {
    const [from, to] = [range.gte.toString('latin1'), range.lt.toString('latin1')];
    return [...this.rows]
      .filter(([key]) => key >= from && key < to)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [Buffer.from(key, 'latin1'), value]);
  }
}

export type DatabaseWorld = {
  readonly disk: DiskImage;
  /** Does something to the disk after the time that it takes, then tells the process. */
  readonly later: (kind: 'read' | 'write', act: () => void, told: () => void) => void;
  /** Why writes fail now; undefined: they do not. */
  readonly failure: () => string | undefined;
  /** The process is dead: what is left of it writes nothing. */
  readonly isOver: () => boolean;
};

/** One process's view of its disk. */
export function openDatabase({ disk, later, failure, isOver }: DatabaseWorld): Database {
  const read = <T>(look: () => T): Promise<T> => {
    const { promise, resolve } = Promise.withResolvers<T>();
    let found: T;
    later(
      'read',
      () => (found = look()),
      () => resolve(found),
    );
    return promise;
  };
  const write = (act: () => void): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let why: string | undefined;
    const attempt = (): void => {
      why = failure();
      if (why === undefined) act();
    };
    later('write', attempt, () => (why === undefined ? resolve() : reject(new Error(why))));
    return promise;
  };
  return {
    get: (key) => read(() => disk.rows.get(key.toString('latin1'))),
    async *iterator(range) {
      yield* await read(() => disk.sorted(range));
    },
    keys: ({ limit }) => ({
      all: () => read(() => Array.from(disk.rows.keys(), (key) => Buffer.from(key, 'latin1')).slice(0, limit)),
    }),
    batch: (given) => {
      const writes = [...given];
      if (!isOver()) disk.underWay.add(writes);
      return write(() => {
        disk.underWay.delete(writes);
        disk.apply(writes);
      });
    },
    del: (key) => write(() => disk.remove({ gte: key, lt: Buffer.concat([key, Buffer.from([0])]) })),
    clear: (range) => write(() => disk.remove(range)),
    close: () => Promise.resolve(),
  };
}
