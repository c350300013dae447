/** Dials those who are wanted until they are reached, and again when they are lost: at a pace, and with names resolved anew each time. */
import { backoffMs } from '@odradek/rpc';
import type { Dialled, Ending, RaftMessage, Stream, Target } from '@odradek/rpc';
import type { Clock, Limits, Logger, Random, TimerHandle } from '@odradek/base';

export type RaftStream = Stream<RaftMessage, RaftMessage>;

/** Whom to dial, and how long to leave it to the other side first. */
export type Aim = Target & { readonly patienceMs: number };

export type DiallerOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly log: Logger;
  readonly dial: (target: Target) => Promise<Dialled<RaftStream>>;
  /** Whether there is no stream yet that makes dialling needless. */
  readonly isWanted: (dial: Dial) => boolean;
  readonly opened: (stream: RaftStream, dial: Dial) => void;
};

/** One address that is dialled. */
export type Dial = {
  readonly aim: Aim;
  /** Who was found there last; null: nobody yet. */
  foundId: number | null;
  failures: number;
  isDialling: boolean;
  timer: TimerHandle | undefined;
  /** The last reason that was told to people: each is told once. */
  toldWhy: string;
  isOver: boolean;
};

export class Dialler {
  readonly #options: DiallerOptions;
  readonly #dials = new Map<string, Dial>();
  #isClosed = false;

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** From now on these, and nobody else, are dialled. */
  aim(aims: readonly Aim[]): void {
    const wanted = new Map(aims.map((aim) => [nameOf(aim), aim]));
    for (const [name, dial] of this.#dials) {
      if (wanted.has(name)) continue;
      dial.isOver = true;
      dial.timer?.cancel();
      this.#dials.delete(name);
    }
    for (const [name, aim] of wanted) {
      if (this.#dials.has(name)) continue;
      const dial: Dial = {
        aim,
        foundId: aim.nodeId,
        failures: 0,
        isDialling: false,
        timer: undefined,
        toldWhy: '',
        isOver: false,
      };
      this.#dials.set(name, dial);
      this.#wait(dial, aim.patienceMs);
    }
  }

  /** Somebody was lost, or left: whoever is wanted now is dialled. */
  wake(): void {
    for (const dial of this.#dials.values()) {
      if (dial.timer !== undefined || dial.isDialling || !this.#options.isWanted(dial)) continue;
      dial.failures = Math.max(1, dial.failures);
      this.#wait(dial, dial.aim.patienceMs + this.#backoffMs(dial));
    }
  }

  /** The stream that this dial opened is in use. */
  succeeded(dial: Dial): void {
    dial.failures = 0;
    if (dial.toldWhy !== '') this.#options.log.info({ to: nameOf(dial.aim) }, `${nameOf(dial.aim)} is reached`);
    dial.toldWhy = '';
  }

  /** The stream that this dial opened came to nothing, or the dial itself did. */
  failed(dial: Dial, ending: Ending): void {
    if (this.#isClosed || dial.isOver) return;
    dial.failures += 1;
    this.#tell(dial, ending);
    if (dial.timer === undefined && !dial.isDialling) this.#wait(dial, this.#backoffMs(dial));
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#dials.values()) timer?.cancel();
    this.#dials.clear();
  }

  #wait(dial: Dial, delayMs: number): void {
    dial.timer = this.#options.clock.after(delayMs, () => {
      dial.timer = undefined;
      void this.#dial(dial);
    });
  }

  async #dial(dial: Dial): Promise<void> {
    const { dial: call, isWanted, opened } = this.#options;
    if (this.#isClosed || dial.isOver || !isWanted(dial)) return;
    dial.isDialling = true;
    const dialled = await call(dial.aim);
    dial.isDialling = false;
    if (!dialled.ok) this.failed(dial, dialled.ending);
    else if (this.#isClosed || dial.isOver) dialled.stream.close();
    else opened(dialled.stream, dial);
  }

  #backoffMs({ failures }: Dial): number {
    const { limits, random } = this.#options;
    return backoffMs(Math.max(1, failures), limits, random);
  }

  /** A peer that is down is usual for a while; one that refuses needs somebody's hand. */
  #tell(dial: Dial, { kind, why }: Ending): void {
    if (dial.toldWhy === why || kind === 'closed') return;
    dial.toldWhy = why;
    const { log } = this.#options;
    const fields = { to: nameOf(dial.aim), kind };
    if (kind === 'refused' || kind === 'invalid') log.error(fields, `another controller is not reached: ${why}`);
    else log.warn(fields, `another controller is not reached: ${why}`);
  }
}

function nameOf({ nodeId, host, port, directoryId }: Target): string {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const node = nodeId === null ? address : `node ${nodeId} (${address})`;
  return directoryId === null ? node : `${node} with directory ${directoryId}`;
}
