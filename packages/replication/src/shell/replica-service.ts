/**
 * What brokers that follow partitions of this one dial (proto/replica_fetch.proto): one stream for each. A broker says hello with the epoch of
 * its registration; one of a former life is refused in words, and of two streams of one broker the newer counts.
 * Sources: KIP-595 (divergence), KIP-903 (broker epochs).
 */
import type { Clock, Counter, Limits, Logger, Metrics } from '@odradek/base';
import type { Ending, FromFollower, FromLeader, Peer, ServiceHandler, Stream } from '@odradek/rpc';
import type { LedPartition } from '../replica-types.ts';
import type { ReplicationThrottle } from './replication-throttle.ts';
import { FollowerStream } from './follower-stream.ts';
import { nothingMoves, ReassignmentBytes } from './moves.ts';
import type { MovesOf } from './moves.ts';

export type ReplicaServiceOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** `leader.replication.throttled.*` */
  readonly throttle: ReplicationThrottle;
  /** What this broker has of a partition, whoever leads it. */
  readonly partitionOf: (topicId: string, partition: number) => LedPartition | undefined;
  /** Left out: nothing moves. */
  readonly movesOf?: MovesOf;
  /** Of the last registration of a broker that metadata tells; undefined: of none. */
  readonly brokerEpochOf: (brokerId: number) => number | undefined;
};

type Incoming = Stream<FromLeader, FromFollower>;

export class ReplicaService implements ServiceHandler<FromFollower, FromLeader> {
  readonly #options: ReplicaServiceOptions;
  readonly #bytesOut: Counter;
  readonly #reassigned: ReassignmentBytes;
  /** By broker. */
  readonly #followers = new Map<number, { readonly stream: Incoming; readonly follower: FollowerStream }>();
  /** Why nobody is heard any more. */
  #closedWhy: string | undefined;

  constructor(options: ReplicaServiceOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#bytesOut = metrics.counter('odradek_replication_bytes_total', { direction: 'out' });
    this.#reassigned = new ReassignmentBytes(metrics, 'out', options.movesOf ?? nothingMoves);
    metrics.sample('odradek_replication_streams', { side: 'leader' }, () => this.#followers.size);
  }

  admit(peer: Peer): string | undefined {
    const { nodeId } = this.#options;
    return this.#closedWhy ?? (peer.nodeId === nodeId ? `broker ${nodeId} does not follow itself` : undefined);
  }

  opened(stream: Incoming): void {
    const { clock, limits } = this.#options;
    let follower: FollowerStream | undefined;
    const late = clock.after(limits.rpcDialMs, () => {
      if (follower === undefined) stream.destroy(`broker ${stream.peer.nodeId} has not said hello`);
    });
    stream.onMessage((message) => {
      if (follower !== undefined) this.#heard(stream, follower, message);
      else if (message.kind !== 'hello') stream.close({ reason: 'invalid', why: 'a stream begins with hello' });
      else follower = this.#greet(stream, message.brokerEpoch);
    });
    stream.onClosed((ending) => {
      late.cancel();
      if (follower !== undefined) this.#closed(stream, follower, ending);
    });
  }

  /** Ends every stream in words: the logs are about to be closed. */
  close(why: string): void {
    this.#closedWhy = why;
    for (const { stream, follower } of this.#followers.values()) {
      follower.over();
      stream.close({ reason: 'closed', why });
    }
    this.#followers.clear();
  }

  #greet(stream: Incoming, brokerEpoch: number): FollowerStream | undefined {
    const { clock, limits, log, throttle, partitionOf } = this.#options;
    const { nodeId } = stream.peer;
    const why = this.#closedWhy ?? this.#whyNot(nodeId, brokerEpoch);
    if (why !== undefined) {
      log.warn({ broker: nodeId, brokerEpoch, address: stream.peer.address }, `a follower is refused: ${why}`);
      stream.close({ reason: 'refused', why });
      return undefined;
    }
    this.#replace(nodeId);
    const counted = { bytesOut: this.#bytesOut, reassigned: this.#reassigned };
    const follower = new FollowerStream({ stream, brokerEpoch, clock, limits, log, ...counted, throttle, partitionOf });
    this.#followers.set(nodeId, { stream, follower });
    log.debug({ broker: nodeId, brokerEpoch }, `broker ${nodeId} follows`);
    return follower;
  }

  /** A broker dials when it has no stream: it has lost the one before, which this side has not noticed yet. */
  #replace(brokerId: number): void {
    const before = this.#followers.get(brokerId);
    if (before === undefined) return;
    this.#followers.delete(brokerId);
    before.follower.over();
    before.stream.close({ reason: 'closed', why: `broker ${brokerId} has a newer stream` });
  }

  #whyNot(brokerId: number, brokerEpoch: number): string | undefined {
    const known = this.#options.brokerEpochOf(brokerId);
    const stream = this.#followers.get(brokerId)?.follower.brokerEpoch ?? -1;
    if (known === undefined) return `metadata of broker ${this.#options.nodeId} has no broker ${brokerId}`;
    const newest = Math.max(known, stream);
    if (brokerEpoch >= newest) return undefined;
    return `broker ${brokerId} comes with epoch ${brokerEpoch}, but has registered with epoch ${newest} since`;
  }

  #heard(stream: Incoming, follower: FollowerStream, message: FromFollower): void {
    switch (message.kind) {
      case 'hello':
        return stream.close({ reason: 'invalid', why: 'a stream says hello once' });
      case 'follow':
        return follower.follow(message.partitions);
      case 'unfollow':
        return follower.unfollow(message.slots);
      case 'appended':
        return follower.appended(message.positions);
    }
  }

  #closed(stream: Incoming, follower: FollowerStream, { kind, why }: Ending): void {
    const { nodeId } = stream.peer;
    follower.over();
    if (this.#followers.get(nodeId)?.follower === follower) this.#followers.delete(nodeId);
    this.#options.log.debug({ broker: nodeId, kind }, `broker ${nodeId} does not follow any more: ${why}`);
  }
}
