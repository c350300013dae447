/**
 * The copies of partitions between this broker and others: it dials the brokers that lead what it follows, where metadata says that they are,
 * and hears those that follow what it leads. A broker on its own follows nobody.
 */
import type { Clock, Limits, Logger, Metrics, NodeConfig, Random } from '@odradek/base';
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import { noReplicaFetchers, ReplicaFetcher, ReplicaService, ReplicationThrottle } from '@odradek/replication';
import type { LedPartition, MovesOf, ReplicaFetchers } from '@odradek/replication';
import { ConfigResourceType } from '@odradek/protocol';
import { replicaFetchService } from '@odradek/rpc';
import { placeOf, strangerProblem } from '../core/peers.ts';
import type { MetadataFollower } from './controller-link.ts';
import type { BrokerOptions } from './options.ts';

const MS_PER_SECOND = 1_000;

export type ReplicaStreamsOptions = {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly config: () => NodeConfig;
  readonly image: () => MetadataImage;
  /** Of the own registration; -1: there is none yet. */
  readonly brokerEpoch: () => number;
  readonly peers: BrokerOptions['peers'];
};

/** Learns of metadata after the partitions. */
export class ReplicaStreams implements MetadataFollower {
  readonly #options: ReplicaStreamsOptions;
  readonly #fetcher: ReplicaFetcher | undefined;
  readonly #throttles: Throttles;
  #service: ReplicaService | undefined;

  constructor(options: ReplicaStreamsOptions) {
    this.#options = options;
    this.#throttles = throttlesOf(options);
    this.#fetcher =
      options.peers === undefined ? undefined : fetcherOf(options, options.peers, this.#throttles.follower);
  }

  /** Who keeps the partitions up to date that are followed here. */
  get fetchers(): ReplicaFetchers {
    return this.#fetcher ?? noReplicaFetchers;
  }

  /** Some other broker leads what lies here. */
  get isFollowing(): boolean {
    return this.#fetcher?.isFollowing ?? false;
  }

  /** A leader that this broker followed until the stream broke: dead, or cut off, and not fenced yet. */
  isCutOff(brokerId: number): boolean {
    return this.#fetcher?.isCutOff(brokerId) ?? false;
  }

  /** From now on others may follow what is led here. */
  serve(partitionOf: (topicId: string, partition: number) => LedPartition | undefined): void {
    const { nodeId, peers, image, ...room } = this.#options;
    const brokerEpochOf = (brokerId: number): number | undefined => image().cluster.broker(brokerId)?.epoch;
    const throttle = this.#throttles.leader;
    const movesOf = movesIn(image);
    const service = new ReplicaService({ ...room, nodeId, throttle, partitionOf, movesOf, brokerEpochOf });
    this.#service = service;
    peers?.serve(replicaFetchService, {
      admit: (peer) => strangerProblem(image(), peer.nodeId, nodeId) ?? service.admit(peer),
      opened: (stream) => service.opened(stream),
    });
  }

  snapshot(): void {
    for (const throttle of [this.#throttles.leader, this.#throttles.follower]) throttle.clear();
    for (const { name } of this.#options.image().topics.all()) this.#throttle(name);
    this.#fetcher?.metadataChanged();
  }

  changed(delta: MetadataDelta): void {
    for (const topic of delta.configs.get(ConfigResourceType.TOPIC) ?? []) this.#throttle(topic);
    if (delta.brokers.size > 0) this.#fetcher?.metadataChanged();
  }

  /** This broker lives on under another epoch: streams that say the old one are begun anew. */
  registered(): void {
    this.#fetcher?.metadataChanged();
  }

  /** Which replicas of a topic are slowed (KIP-73). */
  #throttle(topic: string): void {
    const configs = this.#options.image().configs.of(ConfigResourceType.TOPIC, topic);
    const { leader, follower } = this.#throttles;
    leader.throttle(topic, configs.get('leader.replication.throttled.replicas') ?? '');
    follower.throttle(topic, configs.get('follower.replication.throttled.replicas') ?? '');
  }

  /** Nothing is followed any more, here or by others: the logs are about to be closed. */
  close(): void {
    this.#fetcher?.close();
    this.#service?.close(`broker ${this.#options.nodeId} stops`);
  }
}

function movesIn(image: () => MetadataImage): MovesOf {
  return (topicId, partition) => image().topics.byId(topicId)?.partitions[partition];
}

type Throttles = { readonly leader: ReplicationThrottle; readonly follower: ReplicationThrottle };

function throttlesOf({ config, ...room }: ReplicaStreamsOptions): Throttles {
  const count = config().get('replication.quota.window.num');
  const lengthMs = config().get('replication.quota.window.size.seconds') * MS_PER_SECOND;
  const common = { ...room, windows: { count, lengthMs } };
  const leaderRate = (): number => config().get('leader.replication.throttled.rate');
  const followerRate = (): number => config().get('follower.replication.throttled.rate');
  return {
    leader: new ReplicationThrottle({ ...common, side: 'leader', bytesPerSecond: leaderRate }),
    follower: new ReplicationThrottle({ ...common, side: 'follower', bytesPerSecond: followerRate }),
  };
}

function fetcherOf(
  options: ReplicaStreamsOptions,
  streams: NonNullable<BrokerOptions['peers']>,
  throttle: ReplicationThrottle,
): ReplicaFetcher {
  const { config, image, brokerEpoch, ...room } = options;
  return new ReplicaFetcher({
    ...room,
    streams,
    throttle,
    movesOf: movesIn(image),
    brokerEpoch: () => (brokerEpoch() < 0 ? undefined : brokerEpoch()),
    fetchBackoffMs: () => config().get('replica.fetch.backoff.ms'),
    peerOf: (brokerId) => {
      const place = placeOf(image(), brokerId, config().interBrokerListener);
      return place === undefined ? undefined : { host: place.host, port: place.port, epoch: place.brokerEpoch };
    },
  });
}
