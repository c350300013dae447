/** The files of one log and what belongs to them. A log changes them as a whole when a copy in another directory takes its place (KIP-113). */
import type { LogConfig } from '../types.ts';
import { LogAppends } from './log-appends.ts';
import { LogBody } from './log-body.ts';
import type { LogOpening } from './log-body.ts';
import { LogFlushing } from './log-flushing.ts';
import { LogHealth } from './log-health.ts';
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
}
