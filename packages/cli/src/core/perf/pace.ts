/** How fast a test writes: about so many records a second, without catching up in a rush what a stall has cost. */

const SLEEP_MS_MAX = 100;

export class Pace {
  private readonly perSecond: number;
  private readonly startedMs: number;

  /** @param perSecond negative: as fast as it goes */
  constructor(perSecond: number, startedMs: number) {
    this.perSecond = perSecond;
    this.startedMs = startedMs;
  }

  /** Milliseconds to wait before the record with this number; 0 to go on. */
  waitMs(sent: number, nowMs: number): number {
    if (this.perSecond < 0) return 0;
    const aheadMs = this.startedMs + (sent * 1_000) / this.perSecond - nowMs;
    // Timers are whole milliseconds: what is less is left to add up.
    return aheadMs < 1 ? 0 : Math.min(aheadMs, SLEEP_MS_MAX);
  }
}
