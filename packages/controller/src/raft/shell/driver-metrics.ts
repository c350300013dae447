/** What a replica counts. */
import type { Counter, Histogram, Metrics } from '@odradek/base';
import type { RaftState } from '../core/state.ts';

type Role = 'candidate' | 'leader' | 'resigned';

export class DriverMetrics {
  readonly #roles: Readonly<Record<Role, Counter>>;
  readonly #dropped: Readonly<Record<'received' | 'unsent', Counter>>;
  readonly #snapshots: Readonly<Record<'taken' | 'installed' | 'sent', Counter>>;
  #snapshotBytes = 0;
  readonly #persistSeconds: Histogram;
  readonly #commitSeconds: Histogram;

  constructor(metrics: Metrics, state: RaftState) {
    const role = (name: Role): Counter => metrics.counter('odradek_raft_roles_total', { role: name });
    this.#roles = { candidate: role('candidate'), leader: role('leader'), resigned: role('resigned') };
    const dropped = (why: string): Counter => metrics.counter('odradek_raft_dropped_total', { why });
    this.#dropped = { received: dropped('received'), unsent: dropped('unsent') };
    const snapshots = (kind: string): Counter => metrics.counter('odradek_raft_snapshots_total', { kind });
    this.#snapshots = { taken: snapshots('taken'), installed: snapshots('installed'), sent: snapshots('sent') };
    this.#persistSeconds = metrics.histogram('odradek_raft_persist_seconds', {});
    this.#commitSeconds = metrics.histogram('odradek_raft_commit_seconds', {});
    metrics.sample('odradek_raft_snapshot_bytes', {}, () => this.#snapshotBytes);
    metrics.sample('odradek_raft_epoch', {}, () => state.epoch);
    metrics.sample('odradek_raft_high_watermark', {}, () => state.highWatermark);
    metrics.sample('odradek_raft_log_end_offset', {}, () => state.log.endOffset);
    metrics.sample('odradek_raft_leader', {}, () => leaderOf(state) ?? -1);
  }

  role(role: Role): void {
    this.#roles[role].inc();
  }

  dropped(why: 'received' | 'unsent'): void {
    this.#dropped[why].inc();
  }

  tookSnapshot(sizeBytes: number): void {
    this.#snapshots.taken.inc();
    this.#snapshotBytes = sizeBytes;
  }

  installedSnapshot(): void {
    this.#snapshots.installed.inc();
  }

  sentSnapshot(): void {
    this.#snapshots.sent.inc();
  }

  persisted(durationMs: number): void {
    this.#persistSeconds.observe(durationMs / 1000);
  }

  committed(durationMs: number): void {
    this.#commitSeconds.observe(durationMs / 1000);
  }
}

export function leaderOf({ role, self }: RaftState): number | null {
  if (role.kind === 'leader') return self.id;
  return role.kind === 'follower' ? role.leaderId : null;
}

/** The parts as they are, their bytes added up. */
export async function* counted(
  parts: Iterable<Buffer> | AsyncIterable<Buffer>,
  written: { bytes: number },
): AsyncGenerator<Buffer> {
  for await (const part of parts) {
    written.bytes += part.length;
    yield part;
  }
}
