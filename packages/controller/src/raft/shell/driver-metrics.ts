/** What a replica counts. */
import type { Collected, Counter, Histogram, Metrics } from '@odradek/base';
import type { RaftState } from '../core/state.ts';

type Role = 'candidate' | 'leader' | 'resigned';
type Dropped = 'received' | 'unsent';
type Snapshot = 'taken' | 'installed' | 'sent';

export class DriverMetrics {
  readonly #roles: Readonly<Record<Role, Counter>>;
  readonly #dropped: Readonly<Record<Dropped, Counter>>;
  readonly #snapshots: Readonly<Record<Snapshot, Counter>>;
  #snapshotBytes = 0;
  readonly #electionSeconds: Histogram;
  /** When it first asked for votes since it knew a leader. */
  #asksSinceMs: number | undefined;
  readonly #persistSeconds: Histogram;
  readonly #commitSeconds: Histogram;

  constructor(metrics: Metrics, state: RaftState, fewMax: number) {
    const role = (name: Role): Counter => metrics.counter('odradek_raft_roles_total', { role: name });
    this.#roles = { candidate: role('candidate'), leader: role('leader'), resigned: role('resigned') };
    const dropped = (why: Dropped): Counter => metrics.counter('odradek_raft_dropped_total', { why });
    this.#dropped = { received: dropped('received'), unsent: dropped('unsent') };
    const snapshots = (kind: Snapshot): Counter => metrics.counter('odradek_raft_snapshots_total', { kind });
    this.#snapshots = { taken: snapshots('taken'), installed: snapshots('installed'), sent: snapshots('sent') };
    this.#electionSeconds = metrics.histogram('odradek_raft_election_seconds', {});
    this.#persistSeconds = metrics.histogram('odradek_raft_persist_seconds', {});
    this.#commitSeconds = metrics.histogram('odradek_raft_commit_seconds', {});
    metrics.sample('odradek_raft_snapshot_bytes', {}, () => this.#snapshotBytes);
    metrics.sample('odradek_raft_epoch', {}, () => state.epoch);
    metrics.sample('odradek_raft_high_watermark', {}, () => state.highWatermark);
    metrics.sample('odradek_raft_log_end_offset', {}, () => state.log.endOffset);
    metrics.sample('odradek_raft_leader', {}, () => leaderOf(state) ?? -1);
    for (const name of ['leader', 'candidate', 'follower', 'unattached', 'observer'] as const)
      metrics.sample('odradek_raft_role', { role: name }, () => (roleOf(state) === name ? 1 : 0));
    metrics.sample('odradek_raft_members', { kind: 'voters' }, () => state.members.voters.length);
    metrics.sample('odradek_raft_members', { kind: 'observers' }, () => observerCount(state));
    metrics.collect('odradek_raft_peer_lag_records', fewMax, () => peerLags(state));
  }

  role(role: Role): void {
    this.#roles[role].inc();
  }

  asksForVotes(nowMs: number): void {
    this.role('candidate');
    this.#asksSinceMs ??= nowMs;
  }

  knowsLeader(nowMs: number): void {
    if (this.#asksSinceMs !== undefined) this.#electionSeconds.observe((nowMs - this.#asksSinceMs) / 1000);
    this.#asksSinceMs = undefined;
  }

  dropped(why: Dropped): void {
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

type Shown = 'leader' | 'candidate' | 'follower' | 'unattached' | 'observer';

function roleOf(state: RaftState): Shown {
  const { role, members, self } = state;
  if (role.kind !== 'follower') return role.kind;
  if (!members.isVoter(self)) return 'observer';
  return role.leaderId === null ? 'unattached' : 'follower';
}

function observerCount({ role, members }: RaftState): number {
  if (role.kind !== 'leader') return 0;
  let count = 0;
  for (const { key } of role.progress.values()) if (!members.isVoter(key)) count += 1;
  return count;
}

function* peerLags({ role, log }: RaftState): Iterable<Collected<'odradek_raft_peer_lag_records'>> {
  if (role.kind !== 'leader') return;
  for (const { key, matchOffset } of role.progress.values()) {
    yield [{ peer: String(key.id) }, matchOffset < 0 ? -1 : Math.max(0, log.endOffset - matchOffset)];
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
