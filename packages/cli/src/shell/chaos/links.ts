/** Connections to the nodes of a run by id, opened when they are needed and again after they broke. */
import type { Target } from '../../core/chaos/commands.ts';
import { AdminConnection } from '../admin-connection.ts';

/** As `reconnect.backoff.ms` and its maximum of the Java client. */
const RECONNECT_MS = { first: 50, max: 1_000 };

/** One connection that is kept up: whoever wants it finds it up, or wakes the next attempt. */
export class Link {
  readonly target: Target;
  private readonly timeoutMs: number;
  private readonly failed: (why: string) => void;
  private connection: AdminConnection | undefined;
  private opening: Promise<void> | undefined;
  private notBeforeMs = 0;
  private failures = 0;
  private isClosed = false;

  /** @param failed is told each attempt that failed */
  constructor(target: Target, timeoutMs: number, failed: (why: string) => void = () => undefined) {
    this.target = target;
    this.timeoutMs = timeoutMs;
    this.failed = failed;
  }

  /** The connection when it is up; else undefined, and an attempt is under way when it is time for one. */
  get up(): AdminConnection | undefined {
    if (this.connection !== undefined && !this.connection.lost) return this.connection;
    if (!this.isClosed && this.opening === undefined && performance.now() >= this.notBeforeMs) {
      this.opening = this.open().finally(() => (this.opening = undefined));
    }
    return undefined;
  }

  /** @returns undefined when it did not come up */
  async ready(): Promise<AdminConnection | undefined> {
    const up = this.up;
    if (up !== undefined) return up;
    await this.opening;
    return this.connection?.lost === false ? this.connection : undefined;
  }

  close(): void {
    this.isClosed = true;
    this.connection?.close();
  }

  private async open(): Promise<void> {
    try {
      const connection = await AdminConnection.open(this.target, this.timeoutMs);
      if (this.isClosed) return connection.close();
      this.connection = connection;
      this.failures = 0;
    } catch {
      this.notBeforeMs = performance.now() + Math.min(RECONNECT_MS.max, RECONNECT_MS.first * 2 ** this.failures);
      this.failures += 1;
      this.failed('cannot connect');
    }
  }
}
