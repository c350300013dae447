/** Follows the leaders of this broker's partitions on other brokers: one link for each of them, made when the first partition is followed there. */
import { assert } from '@odradek/base';
import type { Metrics } from '@odradek/base';
import type { FollowedPartition, ReplicaFetchers } from '../replica-types.ts';
import { LeaderLink } from './leader-link.ts';
import type { LinkRoom } from './leader-link.ts';
import { nothingMoves, ReassignmentBytes } from './moves.ts';
import type { MovesOf } from './moves.ts';

export type ReplicaFetcherOptions = Omit<LinkRoom, 'bytesIn' | 'reassigned'> & {
  readonly metrics: Metrics;
  /** Left out: nothing moves. */
  readonly movesOf?: MovesOf;
};

export class ReplicaFetcher implements ReplicaFetchers {
  readonly #nodeId: number;
  readonly #room: LinkRoom;
  /** By the leader's broker. */
  readonly #links = new Map<number, LeaderLink>();
  /** Where each partition is followed. */
  readonly #linkOf = new Map<FollowedPartition, LeaderLink>();
  #isClosed = false;

  constructor(options: ReplicaFetcherOptions) {
    const { nodeId, metrics } = options;
    this.#nodeId = nodeId;
    const bytesIn = metrics.counter('odradek_replication_bytes_total', { direction: 'in' });
    const reassigned = new ReassignmentBytes(metrics, 'in', options.movesOf ?? nothingMoves);
    this.#room = { ...options, bytesIn, reassigned };
    metrics.sample('odradek_replication_streams', { side: 'follower' }, () => {
      let count = 0;
      for (const link of this.#links.values()) if (link.isConnected) count += 1;
      return count;
    });
  }

  follow(partition: FollowedPartition): void {
    const { leader } = partition;
    assert(leader !== this.#nodeId && leader >= 0, 'a partition is followed on another broker', { leader });
    if (this.#isClosed) return;
    const before = this.#linkOf.get(partition);
    if (before !== undefined && before.leaderId !== leader) before.unfollow(partition);
    const link = this.#linkTo(leader);
    this.#linkOf.set(partition, link);
    link.follow(partition);
  }

  unfollow(partition: FollowedPartition): void {
    this.#linkOf.get(partition)?.unfollow(partition);
    this.#linkOf.delete(partition);
  }

  /** Some other broker is followed. */
  get isFollowing(): boolean {
    return this.#links.size > 0;
  }

  /** A broker that was followed until its stream broke, and that has not been heard since. */
  isCutOff(brokerId: number): boolean {
    return this.#links.get(brokerId)?.isCutOff ?? false;
  }

  /** Brokers have come, moved or gone, or this one has registered: whoever waits for that goes on at once. */
  metadataChanged(): void {
    for (const link of this.#links.values()) link.metadataChanged();
  }

  /** Ends every stream in words. */
  close(): void {
    this.#isClosed = true;
    for (const link of this.#links.values()) link.close(`broker ${this.#nodeId} stops`);
    this.#links.clear();
    this.#linkOf.clear();
  }

  #linkTo(leader: number): LeaderLink {
    const found = this.#links.get(leader);
    if (found !== undefined) return found;
    const link = new LeaderLink(leader, this.#room, () => {
      if (this.#links.get(leader) === link) this.#links.delete(leader);
    });
    this.#links.set(leader, link);
    return link;
  }
}
