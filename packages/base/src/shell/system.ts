/** The real world behind the ports: the machine's clock, luck, files, sockets and networks. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock, Ports, Random, TimerHandle } from '../ports.ts';
import { systemFiles } from './files.ts';
import { systemNetwork } from './network.ts';
import { systemSurroundings } from './surroundings.ts';

export { watchEventLoop } from './event-loop.ts';

/** Node's timers fire at once beyond this delay (int32), so longer ones are waited for in pieces. */
const TIMER_DELAY_MAX_MS = 0x7fff_ffff;

/** The ports that a real process runs on. Cheap: nothing is opened before it is asked for. */
export function systemPorts(): Ports {
  return {
    clock: systemClock,
    random: systemRandom,
    files: systemFiles(),
    network: systemNetwork(),
    surroundings: systemSurroundings(),
  };
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fire): TimerHandle {
    // Someone gives others their turn, and waits no longer than that: node's shortest timer takes a millisecond.
    if (delayMs <= 0) {
      const turn = setImmediate(fire);
      return { cancel: () => clearImmediate(turn) };
    }
    let timer: NodeJS.Timeout;
    let leftMs = delayMs;
    const arm = (): void => {
      const waitMs = Math.min(leftMs, TIMER_DELAY_MAX_MS);
      leftMs -= waitMs;
      timer = setTimeout(leftMs > 0 ? arm : fire, waitMs).unref();
    };
    arm();
    return { cancel: () => clearTimeout(timer) };
  },
};

export const systemRandom: Random = {
  below: (bound) => randomInt(bound),
  bytes: (count) => randomBytes(count),
};
