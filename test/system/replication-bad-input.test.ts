/**
 * What is wrong between brokers and on followers' disks: refused or repaired, named in the log, and nothing that was acknowledged is lost. A
 * writer goes on through all of it.
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ApiKey, buildBatch } from '@odradek/protocol';
import { startCluster, steadyBrokers, type Cluster, type ClusterNode } from '../support/cluster.ts';
import { RawFollower } from '../support/raw-follower.ts';
import {
  allInSync,
  createReplicated,
  judgeWriters,
  leaderOf,
  partitionsOf,
  readAll,
  ReplicatedWriter,
} from '../support/replicated.ts';
import { eventually, freshName } from '../support/target.ts';
import { batchOf, produceAtLeader, Wire } from '../support/wire.ts';

const OTHER_CLUSTER_ID = 'b2RyYWRlay1hbm90aGVyMQ';
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

let cluster: Cluster;
let topic: string;
let writers: ReplicatedWriter[];

beforeAll(async () => {
  cluster = await startCluster({ nodes: 3, config: steadyBrokers });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  topic = freshName('bad-input');
  await createReplicated(cluster, { name: topic, partitions: 1 }, { 'min.insync.replicas': '2' });
  writers = ReplicatedWriter.beginAll(cluster, topic, 1, 10);
});

afterEach(async () => {
  await writers[0]?.goesOn();
  await allInSync(cluster, topic);
});

afterAll(async () => {
  if (cluster === undefined) return;
  await Promise.all(writers.map((writer) => writer.stop()));
  const verdict = await judgeWriters(cluster, topic, writers);
  await cluster[Symbol.asyncDispose]();
  expect(verdict).toMatchObject({ lost: [], duplicated: [], outOfOrder: [] });
});

const some = (): ClusterNode => cluster.node(1);

/** What the nodes have said since, in one text. */
function listen(): () => string {
  const before = cluster.nodes.map(({ output }) => output().length);
  return () => cluster.nodes.map(({ output }, index) => output().slice(before[index])).join('');
}

describe('garbage on the port of brokers', () => {
  test.each([
    ['noise', () => randomBytes(4_096)],
    ['a preface of HTTP/2 and noise', () => Buffer.concat([PREFACE, randomBytes(4_096)])],
    ['a frame of HTTP/2 that is longer than any', () => Buffer.concat([PREFACE, Buffer.alloc(64, 0xff)])],
    ['half a preface', () => PREFACE.subarray(0, 10)],
  ])('is refused or waited out, and disturbs nobody: %s', async (_, bytesOf) => {
    for (let times = 0; times < 20; times += 1) {
      using wire = await Wire.open(some().address);
      wire.send(bytesOf());
    }
    await writers[0]?.goesOn();
    expect(cluster.nodes.every(({ isRunning }) => isRunning)).toBe(true);
  });
});

describe('a peer', () => {
  test('of another cluster is refused with both ids, and the log says so', async () => {
    const said = listen();
    const refused = await RawFollower.dial(some(), { nodeId: 2, clusterId: OTHER_CLUSTER_ID });
    expect(refused).toContain(OTHER_CLUSTER_ID);
    await eventually('the log names the stranger', () => said().includes(OTHER_CLUSTER_ID));
  });

  test('that is no broker of the cluster is refused with its id, and the log says so', async () => {
    const said = listen();
    expect(await RawFollower.dial(some(), { nodeId: 77 })).toMatch(/node 77 is not registered as a broker/);
    await eventually('the log names the stranger', () => said().includes('node 77 is not registered'));
  });

  test('of an earlier life of a broker is refused with its epoch, and the one that lives goes on following', async () => {
    const said = listen();
    using follower = dialled(await RawFollower.dial(some(), { nodeId: 2 }));
    follower.say({ kind: 'hello', brokerEpoch: 0 });
    expect(await follower.refusal()).toMatch(/refused: .*epoch/);
    await eventually('the log names the follower', () => /a follower is refused: .*epoch/.test(said()));
  });

  test('that says nothing, or something before hello, is cut', async () => {
    using silent = dialled(await RawFollower.dial(some(), { nodeId: 2 }));
    using rash = dialled(await RawFollower.dial(some(), { nodeId: 3 }));
    rash.say({ kind: 'appended', positions: [{ slot: 1, endOffset: 1_000_000, logStartOffset: 0 }] });
    expect(await rash.refusal()).toMatch(/invalid: .*hello/);
    expect((await silent.ended).kind).not.toBe('refused');
  });

  test('that says to have what it was never sent is cut, and none of it counts', async () => {
    const [view] = await partitionsOf(some(), topic);
    const follower = await aFollower();
    using liar = dialled(await RawFollower.dial(cluster.node(view?.leader ?? -1), { nodeId: follower.id }));
    // Nobody has registered with it yet: such a life may be one that this leader has not heard of.
    liar.say({ kind: 'hello', brokerEpoch: 2 ** 40 });
    const place = { topicId: await topicId(), partition: 0, leaderEpoch: view?.leaderEpoch ?? -1 };
    const position = { slot: 1, fetchOffset: 0, lastFetchedEpoch: -1, logStartOffset: 0 };
    liar.say({ kind: 'follow', partitions: [{ ...place, ...position }] });
    await eventually('the leader sends', () => liar.heard.some(({ kind }) => kind === 'batches'));
    liar.say({ kind: 'appended', positions: [{ slot: 1, endOffset: 1_000_000_000, logStartOffset: 0 }] });
    expect(await liar.refusal()).toMatch(/invalid: .*up to 1000000000: it was sent offsets up to/);
  });
});

async function topicId(): Promise<string> {
  using wire = await Wire.open(some().address);
  const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name: topic }], allowAutoTopicCreation: false });
  return topics[0]?.topicId ?? '';
}

function dialled(follower: RawFollower | string): RawFollower {
  if (typeof follower === 'string') throw new Error(follower);
  return follower;
}

/** A batch each, to the leader; every replica in sync has them when this resolves. */
async function write(name: string, ...values: string[]): Promise<void> {
  using wire = await Wire.open((await leaderOf(cluster, name)).address);
  for (const value of values) await produceAtLeader(wire, name, batchOf(value));
}

/** A follower of the partition that is written to. */
async function aFollower(of = topic): Promise<ClusterNode> {
  const leader = await leaderOf(cluster, of);
  const node = cluster.nodes.find((each) => each !== leader);
  if (node === undefined) throw new Error('one of three follows');
  return node;
}

function logFile(node: ClusterNode, of = topic): string {
  const directory = join(node.directory, 'data', `${of}-0`);
  const segments = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return join(directory, segments.toSorted().at(-1) ?? '');
}

const EPOCH_AT = 12;
const LENGTH_AT = 8;
const HEADER_BYTES = 12;

/** Where each batch of a log file begins. */
function batchesOf(bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at += HEADER_BYTES + bytes.readInt32BE(at + LENGTH_AT))
    places.push(at);
  return places;
}

describe('a follower', () => {
  test('that is ahead of its leader gives up what nobody acknowledged, says so, and holds what the others hold', async () => {
    const quiet = freshName('ahead');
    await createReplicated(cluster, { name: quiet, partitions: 1 });
    const kept = ['a', 'b', 'c'].map((value) => `kept ${value}`);
    await write(quiet, ...kept);
    await allInSync(cluster, quiet);
    const follower = await aFollower(quiet);
    await follower.kill();
    const outOfSync = async (): Promise<boolean> => {
      const [view] = await partitionsOf(await leaderOf(cluster, quiet), quiet);
      return view?.isr.includes(follower.id) === false;
    };
    await eventually('it is out of sync, and will not be elected', outOfSync);
    const path = logFile(follower, quiet);
    const bytes = readFileSync(path);
    const partitionLeaderEpoch = bytes.readInt32BE((batchesOf(bytes).at(-1) ?? 0) + EPOCH_AT);
    for (let ahead = 0; ahead < 100; ahead += 1) {
      const value = Buffer.from(`invented ${ahead}`);
      const place = { baseOffset: kept.length + ahead, partitionLeaderEpoch };
      appendFileSync(path, buildBatch(place, [{ timestampMs: Date.now(), value }]));
    }
    const said = listen();
    await follower.start();
    await follower.ready();
    await allInSync(cluster, quiet);
    expect(readFileSync(logFile(follower, quiet)).includes('invented')).toBe(false);
    await expect
      .poll(said)
      .toMatch(new RegExp(`"topic":"${quiet}".*the log is cut to where it agrees with its leader`));
    await write(quiet, 'kept d');
    await sameLogs(follower, quiet);
    expect([...(await readAll(cluster, quiet, 0)).values()]).toEqual([...kept, 'kept d']);
  });

  test('with a corrupt batch on its disk after a crash cuts it off, says so, and gets it again', async () => {
    await writers[0]?.goesOn();
    const follower = await aFollower();
    await follower.kill();
    const path = logFile(follower);
    const bytes = readFileSync(path);
    const places = batchesOf(bytes);
    const middle = places[Math.floor(places.length / 2)] ?? 0;
    const at = middle + 70;
    bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    writeFileSync(path, bytes);
    const said = listen();
    await follower.start();
    await follower.ready();
    await allInSync(cluster, topic);
    await eventually('the log names the partition and the damage', () => new RegExp(`${topic}-0`).test(said()));
    await expect.poll(said).toMatch(/corrupt|damaged|checksum|CRC/i);
    await sameLogs(follower);
  });
});

/** What the follower holds is byte for byte what its leader holds, as far as it goes. */
async function sameLogs(follower: ClusterNode, of = topic): Promise<void> {
  const leader = await leaderOf(cluster, of);
  await eventually('the logs agree', () => {
    const [theirs, ours] = [readFileSync(logFile(leader, of)), readFileSync(logFile(follower, of))];
    const length = Math.min(theirs.length, ours.length);
    return length > 0 && theirs.subarray(0, length).equals(ours.subarray(0, length));
  });
}
