/**
 * What a log may hold after a power cut. The model keeps every version of the log that a truncation made: after a restart the log must be a
 * prefix of one of the versions that could still be on disk, and must reach as far as was synced.
 */
import { batch } from '@odradek/protocol';

export class History {
  /** Batches by version; the last one is the log as it is. */
  #versions: Buffer[][] = [[]];
  /** Exclusive offset up to which every version that may come back must reach. */
  durableEnd = 0;
  /** The log start that a durable checkpoint holds at least. */
  durableStart = 0;

  get end(): number {
    const last = this.#versions.at(-1)?.at(-1);
    return last === undefined ? 0 : batch.lastOffset(last, 0) + 1;
  }

  appended(written: Buffer): void {
    this.#versions.at(-1)?.push(Buffer.from(written));
  }

  /** Called before the truncation begins: from now on the old and the new may both be found. */
  truncating(offset: number): void {
    const now = this.#versions.at(-1) ?? [];
    this.#versions.push(now.filter((one) => batch.lastOffset(one, 0) < offset));
    this.durableEnd = Math.min(this.durableEnd, this.end);
  }

  /** Everything up to `end` has been synced, in the version that there is now; older ones cannot come back. */
  synced(end: number): void {
    this.durableEnd = Math.max(this.durableEnd, end);
    this.#versions = this.#versions.slice(-1);
  }

  /** The version that a restart has found goes on. */
  found(batches: readonly Buffer[]): void {
    this.#versions = [batches.map((one) => Buffer.from(one))];
    this.durableEnd = 0;
  }

  /** @returns undefined when what was found may be */
  complaint(found: {
    readonly batches: readonly Buffer[];
    readonly start: number;
    readonly end: number;
  }): string | undefined {
    if (found.end < this.durableEnd)
      return `lost: the log ends at ${found.end}, but everything below ${this.durableEnd} was synced`;
    if (found.start < this.durableStart) return `the log start fell from ${this.durableStart} to ${found.start}`;
    const complaints = this.#versions.map((version) => differs(version, found));
    if (complaints.includes(undefined)) return undefined;
    return `invented: ${complaints.join('; ')}; found [${offsetsOf(found.batches)}] from ${found.start} to ${found.end}, versions ${this.#versions.map((version) => `[${offsetsOf(version)}]`).join(' ')}`;
  }
}

function offsetsOf(batches: readonly Buffer[]): string {
  return batches.map((one) => `${batch.baseOffset(one, 0)}-${batch.lastOffset(one, 0)}`).join(' ');
}

function differs(
  version: readonly Buffer[],
  found: { batches: readonly Buffer[]; start: number; end: number },
): string | undefined {
  const expected = version.filter((one) => batch.lastOffset(one, 0) >= found.start);
  if (found.batches.length > expected.length)
    return `${found.batches.length} batches where ${expected.length} were written`;
  for (const [index, one] of found.batches.entries()) {
    const other = expected[index];
    if (other === undefined || !one.equals(other)) return `another batch at offset ${batch.baseOffset(one, 0)}`;
  }
  const next = expected[found.batches.length];
  if (next !== undefined && batch.lastOffset(next, 0) < found.end)
    return `a hole at offset ${batch.baseOffset(next, 0)}`;
  return undefined;
}
