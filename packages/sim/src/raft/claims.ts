/**
 * The claims of the Raft paper (figure 3), each checked over all replicas as things happen. A replica's log is known by a digest a position:
 * equal digests are equal logs up to there.
 */
import { assert } from '@odradek/base';
import type { Entry, Position } from '@odradek/controller/raft';

export class Violation extends Error {
  readonly claim: string;
  readonly what: string;
  constructor(claim: string, what: string) {
    super(`${claim}: ${what}`);
    this.name = 'Violation';
    this.claim = claim;
    this.what = what;
  }
}

export class Claims {
  readonly #leaders = new Map<number, number>();
  /** Digest of the log up to a position, by `offset/epoch`. */
  readonly #logs = new Map<string, number>([['0/0', 0]]);
  /** Digest of what is applied, by offset. */
  readonly #applied = new Map<number, number>();
  #committed: Position = { offset: 0, epoch: 0 };

  /** Election safety: at most one leader is elected in an epoch (5.2). */
  elected(node: number, epoch: number): void {
    const leader = this.#leaders.get(epoch);
    if (leader !== undefined && leader !== node)
      throw new Violation('election safety', `nodes ${leader} and ${node} both lead epoch ${epoch}`);
    this.#leaders.set(epoch, node);
  }

  /** Leader append-only: a leader never overwrites or deletes entries in its log (5.3). */
  truncated(node: number, isLeader: boolean, offset: number): void {
    if (isLeader) throw new Violation('leader append-only', `node ${node} leads and cut its log at ${offset}`);
  }

  /** Log matching: logs with an entry of the same offset and epoch are identical up to there (5.3). */
  appended(node: number, before: Position, entry: Entry): void {
    const previous = this.#logs.get(key(before));
    assert(previous !== undefined, 'an entry follows one that is known', before);
    const digest = mix(previous, entry);
    const position = { offset: entry.endOffset, epoch: entry.epoch };
    const known = this.#logs.get(key(position));
    if (known !== undefined && known !== digest)
      throw new Violation('log matching', `node ${node} has another log at ${key(position)} than another node`);
    this.#logs.set(key(position), digest);
  }

  /** Leader completeness: what is committed is in the log of every leader of a later epoch (5.4). */
  leads(
    node: number,
    leaderEpoch: number,
    log: { readonly start: Position; epochAt(offset: number): number | undefined },
  ): void {
    const { offset, epoch } = this.#committed;
    if (leaderEpoch > epoch && offset > log.start.offset && log.epochAt(offset) !== epoch)
      throw new Violation(
        'leader completeness',
        `node ${node} leads without the committed entry at ${offset}/${epoch}`,
      );
  }

  committed(position: Position): void {
    if (position.offset > this.#committed.offset) this.#committed = position;
  }

  /** State machine safety: no two replicas apply different entries at one offset (5.4.3). */
  applied(node: number, offset: number, digest: number): void {
    const known = this.#applied.get(offset);
    if (known !== undefined && known !== digest)
      throw new Violation(
        'state machine safety',
        `node ${node} has applied something else before ${offset} than another node`,
      );
    this.#applied.set(offset, digest);
  }

  /** What a client was told is done stays done. */
  acknowledged(offset: number, digest: number): void {
    const known = this.#applied.get(offset);
    if (known !== undefined && known !== digest)
      throw new Violation('acknowledged', `what was acknowledged at ${offset} is not what was applied there`);
  }

  get committedOffset(): number {
    return this.#committed.offset;
  }

  get leaderCount(): number {
    return this.#leaders.size;
  }
}

function key({ offset, epoch }: Position): string {
  return `${offset}/${epoch}`;
}

/** A digest of `before` and the entry after it (FNV-1a over its bytes). */
export function mix(before: number, entry: Entry): number {
  let hash = (before ^ 0x811c9dc5) >>> 0;
  const put = (byte: number): void => {
    hash = Math.imul(hash ^ (byte & 0xff), 0x01000193) >>> 0;
  };
  put(entry.epoch);
  put(entry.offset);
  put(entry.endOffset);
  if (entry.kind === 'data') for (const byte of entry.data) put(byte);
  if (entry.kind === 'voters') for (const voter of entry.voters) put(voter.id);
  return hash;
}
