/** How busy the event loop of this process is, and how late: the one thread that does everything here. */
import { performance } from 'node:perf_hooks';
import type { Limits } from '../limits.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Clock } from '../ports.ts';

export type EventLoopOptions = {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly limits: Pick<Limits, 'eventLoopLookMs' | 'eventLoopAlarmMs'>;
};

/** Lasts as long as the process. A line tells of every time that the loop stood still for longer than the alarm's bound. */
export function watchEventLoop({ clock, metrics, log, limits }: EventLoopOptions): void {
  const delays = metrics.histogram('odradek_event_loop_delay_seconds', {});
  metrics.sample(
    'odradek_event_loop_active_seconds_total',
    {},
    () => performance.eventLoopUtilization().active / 1_000,
  );
  const look = (): void => {
    const dueMs = clock.monotonicMs() + limits.eventLoopLookMs;
    clock.after(limits.eventLoopLookMs, () => {
      const delayMs = Math.max(0, clock.monotonicMs() - dueMs);
      delays.observe(delayMs / 1_000);
      if (delayMs >= limits.eventLoopAlarmMs) log.warn({ delayMs: Math.round(delayMs) }, stoodStill(delayMs));
      look();
    });
  };
  look();
}

function stoodStill(delayMs: number): string {
  const seconds = (delayMs / 1_000).toFixed(1);
  return (
    `nothing was done for ${seconds} s: a long piece of work, a machine without CPU or memory to spare (look at its steal and swap), ` +
    'or a process that was stopped; clients and controllers may have taken this node for gone'
  );
}
