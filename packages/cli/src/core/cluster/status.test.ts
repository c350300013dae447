import { expect, test } from 'vitest';
import type { LogDir, TopicFacts } from '../doctor/facts.ts';
import { statusOf, statusScreen, type BrokerSeen, type ClusterSeen } from './status.ts';

const GIB = 1024 ** 3;
const plain = (_style: string, text: string): string => text;

const dir: LogDir = {
  path: '/data',
  wrong: undefined,
  totalBytes: 100 * GIB,
  usableBytes: 40 * GIB,
  isCordoned: false,
  replicaCount: 2,
  replicaBytes: 3 * GIB,
  future: [],
};

function broker(id: number, change: Partial<BrokerSeen> = {}): BrokerSeen {
  return { id, address: `kafka-${id}:9092`, rack: null, isFenced: false, logDirs: [dir], ...change };
}

function replica(id: number, change = {}) {
  return { id, isVoter: true, lag: 0, fetchedAgoMs: 100, caughtUpAgoMs: 100, ...change };
}

const orders: TopicFacts = {
  name: 'orders',
  isInternal: false,
  configs: new Map([['min.insync.replicas', '2']]),
  newestRecordMs: undefined,
  partitions: [
    { partition: 0, leader: 1, replicas: [1, 2], isr: [1, 2], offline: [] },
    { partition: 1, leader: 1, replicas: [2, 1], isr: [1, 2], offline: [] },
    { partition: 2, leader: 2, replicas: [2, 3], isr: [2], offline: [] },
    { partition: 3, leader: undefined, replicas: [3], isr: [3], offline: [3] },
  ],
};

const seen: ClusterSeen = {
  clusterId: 'of-this',
  metadataVersion: 30,
  brokers: [broker(1), broker(2), broker(3, { isFenced: true, logDirs: undefined })],
  quorum: { leaderId: 2, epoch: 7, replicas: [replica(1), replica(2), replica(9, { fetchedAgoMs: 60_000, lag: 12 })] },
  controllerAddresses: new Map([[9, 'controller-9:9093']]),
  topics: [orders],
};

test('status: every node once, with its roles, who leads, and what it leads, holds and lacks', () => {
  const { nodes, controllerId, controllerEpoch, partitions } = statusOf(seen);
  expect({ controllerId, controllerEpoch }).toEqual({ controllerId: 2, controllerEpoch: 7 });
  expect(nodes.map(({ id, roles, isLeader, state }) => [id, roles.join(), isLeader, state])).toEqual([
    [1, 'broker,controller', false, 'up'],
    [2, 'broker,controller', true, 'up'],
    [3, 'broker', false, 'fenced'],
    [9, 'controller', false, 'silent'],
  ]);
  expect(nodes.map(({ leads, replicas, outOfSync }) => [leads, replicas, outOfSync])).toEqual([
    [2, 2, 0],
    [1, 3, 0],
    [0, 2, 1],
    [0, 0, 0],
  ]);
  expect(partitions).toEqual({ total: 4, offline: 1, underMinIsr: 1, underReplicated: 0, notPreferred: 1 });
});

test('status: a broker that did not answer is told apart from one that is fenced', () => {
  const { nodes } = statusOf({ ...seen, brokers: [broker(1, { logDirs: undefined })] });
  expect(nodes[0]).toMatchObject({ state: 'no answer', usableBytes: null, recordBytes: null });
});

test('status: directories on one disk are counted once, on two disks both', () => {
  const usable = (...dirs: LogDir[]): number | null | undefined =>
    statusOf({ ...seen, brokers: [broker(1, { logDirs: dirs })] }).nodes[0]?.usableBytes;
  expect(usable(dir, { ...dir, path: '/other' })).toBe(40 * GIB);
  expect(usable(dir, { ...dir, path: '/other', usableBytes: 10 * GIB })).toBe(50 * GIB);
  expect(usable({ ...dir, totalBytes: undefined, usableBytes: undefined })).toBeNull();
});

test('status: the screen, to the blank', () => {
  expect(statusScreen(statusOf(seen), plain).map((line) => line.trimEnd())).toEqual([
    'cluster of-this: controller 2 leads, epoch 7, metadata.version 30',
    '1 topic, 4 partitions: 1 without a leader, 1 under min ISR, 1 not led by the preferred replica',
    '',
    'NODE ROLES             ADDRESS           STATE  LEADS REPLICAS BEHIND META-LAG RECORDS FREE',
    '1    broker,controller kafka-1:9092      up     2     2        0      0        3.0 GiB 40 GiB of 100 GiB (40 %)',
    '2*   broker,controller kafka-2:9092      up     1     3        0      0        3.0 GiB 40 GiB of 100 GiB (40 %)',
    '3    broker            kafka-3:9092      fenced 0     2        1      -        -       -',
    '9    controller        controller-9:9093 silent -     -        -      12       -       -',
  ]);
});

test('status: without a leader of the controllers the reason stands where it would', () => {
  const trouble = { leaderId: -1, epoch: -1, replicas: [], trouble: 'NOT_\x1bLEADER' };
  const status = statusOf({ ...seen, quorum: trouble });
  expect(status).toMatchObject({ controllerId: null, controllerTrouble: 'NOT_\x1bLEADER' });
  expect(statusScreen(status, plain)[0]).toContain('no controller is known to lead (NOT_\\u001bLEADER)');
  expect(statusOf({ ...seen, quorum: undefined }).controllerTrouble).toBe('nobody told of the quorum in time');
});

test('status: a directory that is offline has a line of its own', () => {
  const broken = { ...seen, brokers: [broker(1, { logDirs: [{ ...dir, wrong: 'KAFKA_STORAGE_ERROR' }] })] };
  expect(statusScreen(statusOf(broken), plain).at(-1)).toBe('node 1: /data is offline');
});

test('status: a record that is missing for a moment has no colour, one that is missing for long has', () => {
  const marks = (style: string, text: string): string => `<${style}>${text}`;
  const lagging = (caughtUpAgoMs: number): string => {
    const quorum = { leaderId: 1, epoch: 1, replicas: [replica(1), replica(2, { lag: 41, caughtUpAgoMs })] };
    return statusScreen(statusOf({ ...seen, brokers: [broker(2)], topics: [], quorum }), marks).join('\n');
  };
  expect(lagging(400)).not.toContain('<yellow>41');
  expect(lagging(60_000)).toContain('<yellow>41');
});
