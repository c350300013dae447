/** Whether the storage of one log can be trusted, and what a fault of it means: THE place where that is decided. */
import { StorageFault, refuse } from '@odradek/base';
import type { Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { isFullDisk } from './world.ts';
import type { LogKeeper } from './world.ts';

export class LogHealth {
  readonly #keeper: LogKeeper;
  readonly #logDirectory: string;
  #fault: StorageFault | undefined;
  #retired = false;

  constructor(keeper: LogKeeper, logDirectory: string) {
    this.#keeper = keeper;
    this.#logDirectory = logDirectory;
  }

  /** The fault that took the log offline, if one did. */
  get fault(): StorageFault | undefined {
    return this.#fault;
  }

  /** The log has let go of these files: what still fails with them (a read that was under way) says nothing of the directory. */
  retire(): void {
    this.#retired = true;
  }

  /** Runs what touches files; a fault is noted and thrown on. */
  guard<T>(act: () => T): T {
    try {
      return act();
    } catch (cause) {
      throw this.note(cause);
    }
  }

  /** As {@link guard}, for what takes its time. */
  async asked<T>(find: () => Promise<T>): Promise<T> {
    try {
      return await find();
    } catch (cause) {
      throw this.note(cause);
    }
  }

  /** A cut that stops half-way leaves a log that cannot go on, even when the disk is merely full. */
  cutting(act: () => void): void {
    try {
      act();
    } catch (cause) {
      if (cause instanceof StorageFault) this.goOffline(cause);
      throw cause;
    }
  }

  /** A full disk does not take the log offline, every other fault does. @returns the cause, to be thrown on */
  note(cause: unknown): unknown {
    if (!(cause instanceof StorageFault) || this.#retired) return cause;
    if (isFullDisk(cause)) this.#keeper.faulted(this.#logDirectory, cause);
    else this.goOffline(cause);
    return cause;
  }

  goOffline(fault: StorageFault): void {
    if (this.#fault !== undefined || this.#retired) return;
    this.#fault = fault;
    this.#keeper.faulted(this.#logDirectory, fault);
  }

  /** Notes a fault and answers it; throws on what is none. */
  refusalOf(cause: unknown): Refusal {
    const noted = this.note(cause);
    if (noted instanceof StorageFault) return refuse(ErrorCode.KAFKA_STORAGE_ERROR, noted.message);
    throw noted;
  }
}
