/** The thread of one compaction: questions come as messages and are answered one after another (compaction-thread.ts). */
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { StorageFault } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import type { ThreadAnswer, ThreadOrder, ThreadRequest } from './compaction-thread.ts';
import { Compactor } from './compactor.ts';

const { files, clock } = systemPorts();
const compactor = new Compactor({
  files,
  // Nothing but its timers keeps this thread going while it waits for its turn: they may not be left to chance.
  clock: {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs, fire) => {
      if (delayMs <= 0) {
        const immediate = setImmediate(fire);
        return { cancel: () => clearImmediate(immediate) };
      }
      const timer = setTimeout(fire, Math.min(delayMs, 0x7fff_ffff));
      return { cancel: () => clearTimeout(timer) };
    },
  },
});

// On Linux this is the priority of the calling thread alone. Whoever waits for an answer of the node goes first; yet a busy machine must not
// keep logs from being compacted at all.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);

parentPort?.on('message', (request: ThreadRequest | ThreadOrder) => {
  if (request.kind === 'limit') compactor.limit(request.bytesPerSecond);
  else void answer(request).then((value) => parentPort?.postMessage(value));
});

async function answer(request: ThreadRequest): Promise<ThreadAnswer> {
  try {
    if (request.kind === 'begin') return { kind: 'keysRead', value: await compactor.begin(request.plan) };
    return { kind: 'cleaned', value: await compactor.clean(request.group) };
  } catch (cause) {
    if (cause instanceof StorageFault) {
      return { kind: 'fault', path: cause.path, why: cause.message, systemCode: cause.systemCode };
    }
    return { kind: 'bug', error: cause instanceof Error ? cause : new Error(String(cause)) };
  }
}
