/**
 * How thousands of logs are made durable within the seconds that a stop has. Syncs of single files would take them all, so every log writes
 * what it has, and each file system is synced, once for the bytes and once for the names; the flushes that follow find next to nothing to do.
 */
import { StorageFault } from '@odradek/base';
import type { Log } from './log.ts';
import type { LogWorld } from './world.ts';

export type Closing = {
  readonly logs: Iterable<Log>;
  /** Log directories that are online. */
  readonly directories: readonly string[];
  /** Monotonic; undefined: there is no hurry. */
  readonly deadlineMs: number | undefined;
};

/** Does nothing where logs are few, time is over or the machine cannot: then each log's flush does all of it. */
export async function syncTogether(world: LogWorld, closing: Closing, breathe: () => Promise<void>): Promise<void> {
  const unflushed = Array.from(closing.logs).filter((log) => log.mustFlushToClose);
  if (unflushed.length < world.limits.syncTogetherLogs) return;
  const sealed = await those(world, { ...closing, logs: unflushed }, { act: (log) => log.seal(), breathe });
  const written = await syncedOf(world, closing, sealed);
  const renamed = await those(world, { ...closing, logs: written }, { act: (log) => log.renameSealed(), breathe });
  for (const log of await syncedOf(world, closing, renamed)) log.syncedFromOutside();
}

type Step = { readonly act: (log: Log) => void; readonly breathe: () => Promise<void> };

/** @returns the logs for which it went well before the time was over */
async function those(world: LogWorld, { logs, deadlineMs }: Closing, { act, breathe }: Step): Promise<Log[]> {
  const well: Log[] = [];
  for (const log of logs) {
    if (deadlineMs !== undefined && world.clock.monotonicMs() > deadlineMs) return well;
    try {
      act(log);
      if (log.fault === undefined) well.push(log);
    } catch (cause) {
      // The log has told of its fault; the others go on.
      if (!(cause instanceof StorageFault)) throw cause;
    }
    await breathe();
  }
  return well;
}

/** Syncs the file systems of the log directories. @returns those of the logs that lie on one where it went well */
async function syncedOf(world: LogWorld, closing: Closing, logs: readonly Log[]): Promise<Log[]> {
  const synced = new Set<string>();
  for (const path of closing.directories) {
    if (await withinDeadline(world, world.files.syncFileSystem(path), closing.deadlineMs)) synced.add(path);
  }
  return logs.filter((log) => synced.has(log.logDirectory));
}

/** @returns false when the time is over first */
function withinDeadline({ clock }: LogWorld, done: Promise<boolean>, deadlineMs: number | undefined): Promise<boolean> {
  if (deadlineMs === undefined) return done;
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const timer = clock.after(Math.max(0, deadlineMs - clock.monotonicMs()), () => resolve(false));
  done.then(resolve, reject).finally(() => timer.cancel());
  return promise;
}
