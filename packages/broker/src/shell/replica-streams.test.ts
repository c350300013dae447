import { limits as allLimits, MetricsRegistry, NodeConfig, ok, Prng, silent, UUID_ZERO } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';
import { MetadataImage, record, type MetadataRecord } from '@odradek/metadata';
import { noReplicaFetchers, type FollowedPartition } from '@odradek/replication';
import { replicaFetchService, type Ending, type FromFollower } from '@odradek/rpc';
import { SimStreams, type SimNode } from '@odradek/rpc/testing';
import { expect, test } from 'vitest';
import { ReplicaStreams } from './replica-streams.ts';

const limits = allLimits.tiny;
const STEPS = 200;
const STEP_MS = 10;
const TOPIC_ID = 'TTTTTTTTTTTTTTTTTTTTTA';

function registered(brokerId: number, brokerEpoch: number, port: number): MetadataRecord {
  return record('RegisterBrokerRecord', {
    brokerId,
    isMigratingZkBroker: false,
    incarnationId: 'IIIIIIIIIIIIIIIIIIIIIA',
    brokerEpoch,
    endPoints: [{ name: 'PLAINTEXT', host: `b${brokerId}`, port, securityProtocol: 0, auto: null }],
    features: [],
    rack: null,
    fenced: false,
    inControlledShutdown: false,
    logDirs: [],
    cordonedLogDirs: null,
  });
}

/** A partition that broker 2 leads, and whose log is empty. */
const followed: FollowedPartition = {
  topic: 't',
  partition: 0,
  topicId: TOPIC_ID,
  leader: 2,
  leaderEpoch: 0,
  logStartOffset: 0,
  logEndOffset: 0,
  highWatermark: 0,
  position: () => ({ fetchOffset: 0, lastFetchedEpoch: -1, logStartOffset: 0 }),
  replicate: () => ok(0),
  progress: () => undefined,
  diverging: () => ok(undefined),
  outOfRange: () => ok(undefined),
};

/** Broker 1 and its streams; others are lives of processes that note what they hear. */
class World {
  readonly clock = new SimClock();
  readonly streams = new SimStreams({ clock: this.clock, limits, delayMs: () => 1 });
  readonly image = new MetadataImage();
  readonly node = this.process(1);
  epoch = 4;
  readonly replicas: ReplicaStreams;

  constructor(isAlone = false) {
    this.replicas = new ReplicaStreams({
      nodeId: 1,
      clock: this.clock,
      random: new Prng(1),
      limits,
      log: silent,
      metrics: new MetricsRegistry(),
      config: () => new NodeConfig(new Map([['node.id', '1']])),
      image: () => this.image,
      brokerEpoch: () => this.epoch,
      peers: isAlone
        ? undefined
        : {
            dial: (service, target) => this.node.client.dial(service, target),
            serve: (service, handler) => this.node.server.serve(service, handler),
          },
    });
  }

  process(nodeId: number): SimNode {
    const self = { clusterId: 'c', nodeId, directoryId: UUID_ZERO, incarnationId: UUID_ZERO };
    return this.streams.node(self, `b${nodeId}`);
  }

  /** In steps, so that what one of them brings about has its turn before the next. */
  async passes(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) await this.clock.advance(STEP_MS);
  }

  /** A life of a broker that listens there. @returns what it hears */
  async listens(nodeId: number, port: number): Promise<{ heard: FromFollower[]; node: SimNode }> {
    const heard: FromFollower[] = [];
    const node = this.process(nodeId);
    node.server.serve(replicaFetchService, {
      opened: (stream) => stream.onMessage((message) => void heard.push(message)),
    });
    await node.server.listen('', port);
    return { heard, node };
  }

  apply(...records: readonly MetadataRecord[]): void {
    const endOffset = this.image.endOffset + records.length;
    this.replicas.changed(this.image.applyBatch({ records, endOffset, epoch: 1 }));
  }
}

const named = (heard: readonly FromFollower[]): string[] =>
  heard.map((message) => (message.kind === 'hello' ? `hello of epoch ${message.brokerEpoch}` : message.kind));

test('replica streams: a leader is dialled where its broker has registered, and elsewhere when it comes back elsewhere', async () => {
  const world = new World();
  const first = await world.listens(2, 9_000);
  world.apply(registered(1, 4, 8_000), registered(2, 5, 9_000));
  world.replicas.fetchers.follow(followed);
  await world.passes();
  expect(named(first.heard)).toEqual(['hello of epoch 4', 'follow']);
  first.node.kill();
  const second = await world.listens(2, 9_500);
  await world.passes();
  expect(second.heard).toEqual([]);
  world.apply(registered(2, 11, 9_500));
  await world.passes();
  expect(named(second.heard)).toEqual(['hello of epoch 4', 'follow']);
});

test('replica streams: a leader that is followed before metadata tells where it is, is dialled as soon as it does', async () => {
  const world = new World();
  const leader = await world.listens(2, 9_000);
  world.replicas.fetchers.follow(followed);
  await world.passes();
  world.apply(registered(1, 4, 8_000), registered(2, 5, 9_000));
  await world.passes();
  expect(named(leader.heard)).toEqual(['hello of epoch 4', 'follow']);
});

test('replica streams: who lives on under another epoch says so on a new stream', async () => {
  const world = new World();
  const leader = await world.listens(2, 9_000);
  world.apply(registered(1, 4, 8_000), registered(2, 5, 9_000));
  world.replicas.fetchers.follow(followed);
  await world.passes();
  world.epoch = 12;
  world.replicas.registered();
  await world.passes();
  expect(named(leader.heard)).toEqual(['hello of epoch 4', 'follow', 'hello of epoch 12', 'follow']);
});

test.each([
  ['a broker of the cluster', 3, undefined],
  ['no broker of the cluster', 7, /node 7 is not registered as a broker/],
  ['another process with its own id', 1, /node.id/],
])('replica streams: %s that dials is taken, or refused in words', async (_, nodeId, refused) => {
  const world = new World();
  world.apply(registered(1, 4, 8_000), registered(3, 5, 9_000));
  world.replicas.serve(() => undefined);
  await world.node.server.listen('', 8_000);
  const target = { host: 'b1', port: 8_000, nodeId: 1, directoryId: null };
  const dialling = world.process(nodeId).client.dial(replicaFetchService, target);
  await world.passes();
  const dialled = await dialling;
  expect(dialled.ok).toBe(refused === undefined);
  if (!dialled.ok) expect(dialled.ending.why).toMatch(refused ?? /never/);
});

test('replica streams: a broker that stops ends the streams of its followers in words, and takes no other', async () => {
  const world = new World();
  world.apply(registered(1, 4, 8_000), registered(3, 5, 9_000));
  world.replicas.serve(() => undefined);
  await world.node.server.listen('', 8_000);
  const target = { host: 'b1', port: 8_000, nodeId: 1, directoryId: null };
  const follower = world.process(3);
  const endings: Ending[] = [];
  void follower.client.dial(replicaFetchService, target).then((dialled) => {
    if (!dialled.ok) return void endings.push(dialled.ending);
    dialled.stream.onMessage(() => undefined);
    dialled.stream.onClosed((ending) => endings.push(ending));
    dialled.stream.send({ kind: 'hello', brokerEpoch: 5 });
  });
  await world.passes();
  expect(endings).toEqual([]);
  world.replicas.close();
  await world.passes();
  expect(endings).toMatchObject([{ kind: 'closed', by: 'peer', why: expect.stringContaining('broker 1 stops') }]);
  const again = follower.client.dial(replicaFetchService, target);
  await world.passes();
  expect(await again).toMatchObject({ ok: false, ending: { kind: 'refused' } });
});

test('replica streams: a broker on its own follows nobody', () => {
  expect(new World(true).replicas.fetchers).toBe(noReplicaFetchers);
});
