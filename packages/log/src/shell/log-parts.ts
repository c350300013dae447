/** The files of one log and what belongs to them. A log changes them as a whole when a copy in another directory takes its place (KIP-113). */
import { assert } from '@odradek/base';
import type { LogConfig } from '../types.ts';
import { LogAppends } from './log-appends.ts';
import { LogBody } from './log-body.ts';
import type { LogOpening } from './log-body.ts';
import { LogFlushing } from './log-flushing.ts';
import { LogHealth } from './log-health.ts';
import { asideDirectoryName } from './names.ts';
import type { LogKeeper, LogWorld } from './world.ts';

export type LogIdentity = {
  readonly topic: string;
  readonly partition: number;
  /** Empty when the file that says it was lost. */
  readonly topicId: string;
  readonly logDirectory: string;
  /** The log's own directory below it. */
  readonly directory: string;
};

export type LogStart = {
  readonly identity: LogIdentity;
  readonly config: LogConfig;
  readonly opening: LogOpening;
  /** A copy that nobody reads yet: its tail is not kept in memory. */
  readonly isFuture?: boolean;
};

export class LogParts {
  readonly logDirectory: string;
  readonly body: LogBody;
  readonly health: LogHealth;
  readonly flushing: LogFlushing;
  readonly appends: LogAppends;
  /** Closed, deleted or replaced: nothing is promised of these files any more. */
  isGone = false;
  readonly #world: LogWorld;

  constructor(world: LogWorld, keeper: LogKeeper, { identity, config, opening, isFuture }: LogStart) {
    const { logDirectory, directory } = identity;
    const body = new LogBody(world, directory, config, opening);
    const health = new LogHealth(keeper, logDirectory);
    const flushing = new LogFlushing(world, { body, health, logDirectory, isClosed: () => this.isGone });
    body.keepsTail = isFuture !== true;
    this.#world = world;
    this.logDirectory = logDirectory;
    this.body = body;
    this.health = health;
    this.flushing = flushing;
    this.appends = new LogAppends({ body, health, flushing, limits: world.limits });
  }

  /** Gives the directory another name within the log directory; the files go on under it. Throws StorageFault. */
  rename(name: string): void {
    const path = `${this.logDirectory}/${name}`;
    this.health.guard(() => this.#world.files.rename(this.body.directory, path));
    this.body.moved(path);
  }

  /** Nothing is served from these files any more; what is under way with them comes to nothing. */
  letGo(): void {
    this.isGone = true;
    this.body.closeFiles();
  }

  /** These files, a copy's, take the place of others that hold the same, under the log's name. Throws StorageFault, and nothing has changed. */
  takeOver(replaced: LogParts, name: string): void {
    assert(this.body.logStartOffset === replaced.body.logStartOffset, 'a copy begins where its log does');
    // Read before anything changes, if an orderly start has left it on file.
    replaced.health.guard(() => replaced.body.state);
    this.health.guard(() => this.body.state);
    this.rename(name);
    this.body.inherit(replaced.body);
    replaced.letGo();
    replaced.health.retire();
  }

  /** The log that these files are a copy of is not there any more: they are the log. Throws StorageFault. */
  standAlone(name: string): void {
    this.rename(name);
    this.body.durability.newborn = true;
    this.body.keepsTail = true;
  }

  /**
   * Makes durable at once what was appended since the last flush, when that is only the end of the active segment: for a moment in which
   * nobody else may have a turn.
   * @returns whether all of it is durable. Throws StorageFault
   */
  syncTailNow(): boolean {
    const { body, health } = this;
    if (body.recoveryPoint === body.logEndOffset) return true;
    if (!body.lacksOnlyTail) return false;
    health.cutting(() => body.active.handle().syncNow());
    body.recoveryPoint = body.logEndOffset;
    return true;
  }
}

/** A name that no other log's directory has. */
export function asideNameOf(
  world: LogWorld,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  why: 'delete' | 'stray',
): string {
  return asideDirectoryName(topic, partition, Buffer.from(world.random.bytes(16)).toString('hex'), why);
}
