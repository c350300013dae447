/**
 * What three brokers answer about one partition, request by request: who leads it and where that is (KIP-951), which replica a consumer should
 * read from and what a follower gives (KIP-392), where epochs and logs end. The same claims hold of three nodes of Apache Kafka with racks
 * rack-1 to rack-3 and the rack-aware selector, named in order by ODRADEK_COMPAT_BOOTSTRAP.
 */
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, foreign, freshName } from '../support/target.ts';
import { batchOf } from '../support/wire.ts';

const configOf = (id: number): Record<string, string> => ({
  'broker.rack': `rack-${id}`,
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
});
const LEADER = 1;
const FOLLOWER = 2;
const STRANGER = 3;
const NOBODY = { leaderId: -1, leaderEpoch: -1 };
const NOT_LEADER = ErrorCode.NOT_LEADER_OR_FOLLOWER;

type Asked = Readonly<Record<string, string | number>>;

describe('one partition of three brokers: 1 leads, 2 follows, 3 has nothing of it', () => {
  const suite = foreign === undefined ? suiteCluster({ configOf }) : undefined;
  const topic = freshName('placed');
  const wires = new Map<number, Wire>();
  let topicId = '';
  let records = 0;

  const at = (id: number): Wire => {
    const wire = wires.get(id);
    if (wire === undefined) throw new Error(`no connection to broker ${id}`);
    return wire;
  };

  beforeAll(async () => {
    const addresses = (foreign ?? suite?.cluster.bootstrap ?? '').split(',');
    for (const [index, address] of addresses.entries()) wires.set(index + 1, await Wire.open(address));
    const assignments = [{ partitionIndex: 0, brokerIds: [LEADER, FOLLOWER] }];
    const made = { name: topic, numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
    const { topics } = await at(LEADER).call(
      ApiKey.CreateTopics,
      { topics: [made], timeoutMs: 20_000, validateOnly: false },
      7,
    );
    expect(topics[0]?.errorCode).toBe(ErrorCode.NONE);
    topicId = topics[0]?.topicId ?? '';
    await eventually('a record is acknowledged by both', async () => {
      const { partition } = await produce(LEADER, 12);
      return partition?.errorCode === ErrorCode.NONE;
    });
    records = (await listed(LEADER, -1)).offset;
    await eventually('the follower knows that it is committed', async () => {
      const { partition } = await fetch(FOLLOWER, 12);
      return partition?.highWatermark === records;
    });
    // Each hears of a topic in its own time.
    await eventually('every broker knows the topic, who leads it, and all others', async () => {
      const seen = await Promise.all([LEADER, FOLLOWER, STRANGER].map(seenBy));
      return seen.every(({ isrOfLeader, brokers }) => isrOfLeader === 2 && brokers === 3);
    });
  });

  afterAll(() => {
    for (const wire of wires.values()) wire[Symbol.dispose]();
  });

  async function seenBy(broker: number) {
    const asked = { topics: [{ name: topic }], allowAutoTopicCreation: false };
    const { brokers, topics } = await at(broker).call(ApiKey.Metadata, asked, 12);
    const [partition] = topics[0]?.partitions ?? [];
    return { brokers: brokers.length, isrOfLeader: partition?.leaderId === LEADER ? partition.isrNodes.length : 0 };
  }

  async function produce(broker: number, version: number) {
    const partitionData = [{ index: 0, records: batchOf('x') }];
    const topicData = [version >= 13 ? { topicId, partitionData } : { name: topic, partitionData }];
    const answer = await at(broker).call(ApiKey.Produce, { acks: -1, timeoutMs: 20_000, topicData }, version);
    return { partition: answer.responses[0]?.partitionResponses[0], nodeEndpoints: answer.nodeEndpoints };
  }

  async function fetch(broker: number, version: number, asked: Asked = {}, request: Asked = {}) {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000, ...asked }];
    const topics = [version >= 13 ? { topicId, partitions } : { topic, partitions }];
    const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, isolationLevel: 0 };
    const answer = await at(broker).call(ApiKey.Fetch, { ...limits, topics, ...request }, version);
    return { ...answer, partition: answer.responses[0]?.partitions[0] };
  }

  async function listed(broker: number, replicaId: number) {
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }];
    const request = { replicaId, isolationLevel: 0, timeoutMs: 1_000, topics: [{ name: topic, partitions }] };
    const { topics } = await at(broker).call(ApiKey.ListOffsets, request, 8);
    const found = topics[0]?.partitions[0];
    if (found === undefined) throw new Error('the answer names no partition');
    return found;
  }

  /** How clients of this test reach a broker, as hints name it. */
  async function endpointOf(nodeId: number) {
    const { brokers } = await at(LEADER).call(ApiKey.Metadata, { topics: [], allowAutoTopicCreation: false }, 12);
    const { host, port } = brokers.find((broker) => broker.nodeId === nodeId) ?? { host: '', port: 0 };
    return { nodeId, host, port, rack: `rack-${nodeId}` };
  }

  test.each([
    [STRANGER, 9],
    [STRANGER, 10],
    [STRANGER, 13],
    [FOLLOWER, 10],
    [FOLLOWER, 12],
  ])(
    'produce to broker %i in version %i is refused, and from version 10 on told where the leader is',
    async (id, v) => {
      const { partition, nodeEndpoints } = await produce(id, v);
      const isHinted = v >= 10;
      expect(partition).toMatchObject({ errorCode: NOT_LEADER, baseOffset: -1 });
      expect(partition?.currentLeader).toEqual(isHinted ? { leaderId: LEADER, leaderEpoch: 0 } : NOBODY);
      expect(nodeEndpoints).toEqual(isHinted ? [await endpointOf(LEADER)] : []);
    },
  );

  test.each([
    [STRANGER, 10],
    [STRANGER, 12],
    [STRANGER, 15],
    [STRANGER, 16],
    [STRANGER, 17],
    [FOLLOWER, 10],
  ])(
    'fetch from broker %i in version %i is refused, and from version 16 on told where the leader is',
    async (id, v) => {
      const { partition, nodeEndpoints } = await fetch(id, v);
      const isHinted = v >= 16;
      expect(partition).toMatchObject({ errorCode: NOT_LEADER, highWatermark: -1, preferredReadReplica: -1 });
      expect(partition?.currentLeader).toEqual(isHinted ? { leaderId: LEADER, leaderEpoch: 0 } : NOBODY);
      expect(nodeEndpoints).toEqual(isHinted ? [await endpointOf(LEADER)] : []);
    },
  );

  test('what the leader answers needs no hint', async () => {
    const produced = await produce(LEADER, 13);
    expect([produced.partition?.currentLeader, produced.nodeEndpoints]).toEqual([NOBODY, []]);
    const fetched = await fetch(LEADER, 17);
    expect([fetched.partition?.currentLeader, fetched.nodeEndpoints]).toEqual([NOBODY, []]);
  });

  test.each([11, 12, 17])('a follower gives what is committed, from version 11 on: %i', async (version) => {
    const { partition } = await fetch(FOLLOWER, version, {}, { rackId: 'rack-1' });
    expect(partition).toMatchObject({ errorCode: ErrorCode.NONE, logStartOffset: 0, preferredReadReplica: -1 });
    expect(partition?.highWatermark).toBeGreaterThanOrEqual(records);
    expect(partition?.records?.length).toBeGreaterThan(0);
  });

  test.each([
    ['an offset beyond its log', { fetchOffset: 1_000 }, ErrorCode.OFFSET_OUT_OF_RANGE],
    ['an epoch that is not known', { currentLeaderEpoch: 99 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
    [
      'a last record of an epoch that never was',
      { lastFetchedEpoch: 5, fetchOffset: 1 },
      ErrorCode.OFFSET_OUT_OF_RANGE,
    ],
  ])('a follower refuses %s', async (_what, asked, code) => {
    expect((await fetch(FOLLOWER, 17, asked)).partition?.errorCode).toBe(code);
  });

  test.each([
    ['', -1],
    ['rack-1', -1],
    ['rack-2', FOLLOWER],
    ['rack-3', -1],
    ['nowhere', -1],
  ])("the leader sends a consumer of rack '%s' to %i, and gives records to those that it keeps", async (rackId, to) => {
    const { partition } = await fetch(LEADER, 17, {}, { rackId });
    expect(partition).toMatchObject({ errorCode: ErrorCode.NONE, preferredReadReplica: to });
    expect((partition?.records?.length ?? 0) > 0).toBe(to === -1);
    expect(partition?.highWatermark).toBeGreaterThanOrEqual(records);
    expect(partition?.lastStableOffset).toBe(partition?.highWatermark);
  });

  test.each([
    ['at the end of the log', () => ({ fetchOffset: records }), {}],
    ['that reads what is committed alone', () => ({}), { isolationLevel: 1 }],
    ['whose last record is of another epoch, which the follower will find out', () => ({ lastFetchedEpoch: 5 }), {}],
    ['that would wait for more', () => ({}), { minBytes: 1_000_000, maxWaitMs: 20_000 }],
  ])('the leader sends a consumer on at once %s', async (_where, asked, request) => {
    const { partition } = await fetch(LEADER, 17, asked(), { rackId: 'rack-2', ...request });
    expect(partition).toMatchObject({ errorCode: 0, preferredReadReplica: FOLLOWER, abortedTransactions: null });
    expect(partition?.records).toHaveLength(0);
  });

  test.each([
    ['beyond the log', { fetchOffset: 1_000 }, ErrorCode.OFFSET_OUT_OF_RANGE],
    ['before it', { fetchOffset: -1 }, ErrorCode.OFFSET_OUT_OF_RANGE],
    ['of another epoch', { currentLeaderEpoch: 99 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ])('the leader refuses a consumer %s, whatever its rack', async (_where, asked, code) => {
    const { partition } = await fetch(LEADER, 17, asked, { rackId: 'rack-2' });
    expect(partition).toMatchObject({ errorCode: code, preferredReadReplica: -1 });
  });

  test('a version without racks is answered by the leader itself', async () => {
    const { partition } = await fetch(LEADER, 10);
    expect(partition?.records?.length).toBeGreaterThan(0);
  });

  test('a session names the preferred replica in every answer, and the records once the consumer names no rack', async () => {
    const { sessionId, partition } = await fetch(LEADER, 17, {}, { rackId: 'rack-2', sessionEpoch: 0 });
    expect(partition?.preferredReadReplica).toBe(FOLLOWER);
    const again = { sessionId, sessionEpoch: 1, topics: [] };
    const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, isolationLevel: 0 };
    const second = await at(LEADER).call(ApiKey.Fetch, { ...limits, ...again, rackId: 'rack-2' }, 17);
    expect(second.responses[0]?.partitions[0]).toMatchObject({ preferredReadReplica: FOLLOWER });
    const third = await at(LEADER).call(ApiKey.Fetch, { ...limits, ...again, sessionEpoch: 2, rackId: '' }, 17);
    expect(third.responses[0]?.partitions[0]?.preferredReadReplica).toBe(-1);
    expect(third.responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(0);
  });

  test.each([
    [LEADER, 'a consumer', -1, ErrorCode.NONE],
    [LEADER, 'a debugger', -2, ErrorCode.NONE],
    [LEADER, 'a follower', FOLLOWER, ErrorCode.NONE],
    [FOLLOWER, 'a consumer', -1, NOT_LEADER],
    [FOLLOWER, 'a debugger', -2, ErrorCode.NONE],
    [FOLLOWER, 'a follower', FOLLOWER, NOT_LEADER],
    [STRANGER, 'a consumer', -1, NOT_LEADER],
    [STRANGER, 'a debugger', -2, NOT_LEADER],
  ])('broker %i tells the end of the log to %s (%i) with code %i', async (id, _who, replicaId, code) => {
    const { errorCode, offset } = await listed(id, replicaId);
    expect(errorCode).toBe(code);
    expect(offset >= records).toBe(code === ErrorCode.NONE);
  });

  test.each([
    [LEADER, 0, -1, ErrorCode.NONE, 0],
    [LEADER, 7, -1, ErrorCode.NONE, -1],
    [LEADER, 0, 9, ErrorCode.UNKNOWN_LEADER_EPOCH, -1],
    [FOLLOWER, 0, -1, NOT_LEADER, -1],
    [FOLLOWER, 0, 9, ErrorCode.UNKNOWN_LEADER_EPOCH, -1],
    [STRANGER, 0, -1, NOT_LEADER, -1],
  ])(
    'broker %i, asked for the end of epoch %i at epoch %i, answers %i and epoch %i',
    async (id, leaderEpoch, currentLeaderEpoch, code, told) => {
      const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch }];
      const request = { replicaId: -1, topics: [{ topic, partitions }] };
      const { topics } = await at(id).call(ApiKey.OffsetForLeaderEpoch, request, 4);
      const end = topics[0]?.partitions[0];
      expect([end?.errorCode, end?.leaderEpoch]).toEqual([code, told]);
      expect((end?.endOffset ?? -1) >= records).toBe(told !== -1);
    },
  );
});
