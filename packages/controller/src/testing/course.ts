/** Simulated time for several nodes whose disks may be real: time passes in small steps, and disks get as much of theirs as they want in between. */
import { assert } from '@odradek/base';
import { SimClock, drain } from '@odradek/base/testing';

const STEP_MS = 5;
const PATIENCE_MS = 20_000;

export abstract class Course {
  readonly clock = new SimClock();

  /** Of all nodes: what their disks have not answered yet. */
  protected abstract disks(): Iterable<{ readonly pendingCount: number }>;

  /** For whoever reads that something did not come to be. */
  summary(): object {
    return {};
  }

  async pass(durationMs: number): Promise<void> {
    for (let left = durationMs; left > 0; left -= STEP_MS) {
      await this.clock.advance(Math.min(STEP_MS, left));
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    await drain();
    for (const disk of this.disks()) while (disk.pendingCount > 0) await drain();
  }

  /** Lets time pass until `holds`. */
  async until(holds: () => boolean, claim: string, patienceMs = PATIENCE_MS): Promise<void> {
    await this.settle();
    for (let waitedMs = 0; !holds(); waitedMs += STEP_MS) {
      assert(waitedMs < patienceMs, `in ${patienceMs} ms: ${claim}`, this.summary());
      await this.pass(STEP_MS);
    }
  }

  /** Lets time pass until the promise has settled. */
  async got<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => (isSettled = true));
    settled.catch(() => undefined);
    await this.until(() => isSettled, 'it is answered');
    return settled;
  }
}
