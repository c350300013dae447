/** Processes that this one has started, and that are nobody's once it is gone. */
import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();
let isWatching = false;

/** Kills it when this process exits and it still runs. A process that a signal ends at once has no time for that: exit on the signal. */
export function endWithThisProcess(child: ChildProcess): void {
  running.add(child);
  child.once('close', () => running.delete(child));
  if (isWatching) return;
  isWatching = true;
  process.once('exit', () => {
    for (const each of running) each.kill('SIGKILL');
  });
}
