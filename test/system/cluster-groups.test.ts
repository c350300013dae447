/** Groups of a cluster with racks: how far they are behind wherever their partitions are led, and who gets which partitions. */
import { ApiKey, ErrorCode, type ResponseOf } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { Pipeline } from '../support/pipeline.ts';
import { placedTopic } from '../support/placement.ts';
import { RawConsumer, reconcile } from '../support/raw-consumers.ts';
import { must, odradek } from '../support/run.ts';
import { everyNodeKnows } from '../support/replicated.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName, quickGroups } from '../support/target.ts';
import { batchOf, produceAtLeader, Wire } from '../support/wire.ts';

const NODES = [1, 2, 3];
const RECORDS = [5, 7, 9];
const COMMITTED = 3;

/** Long enough that a held broker still leads while a test looks. */
const config = { ...quickGroups, 'broker.session.timeout.ms': '60000' };
const configOf = (id: number) => ({ 'broker.rack': `rack-${id}` });

describe('three brokers in three racks', () => {
  const suite = suiteCluster({ config, configOf });

  const at = (id: number): Promise<Wire> => Wire.open(suite.cluster.node(id).address);

  /** One partition led by each broker, with that many records. */
  async function filledTopic(what: string): Promise<string> {
    const topic = freshName(what);
    using wire = await at(1);
    await placedTopic(wire, topic, [1, 2], [2, 3], [3, 1]);
    await everyNodeKnows(suite.cluster, topic, NODES.length);
    for (const [index, id] of NODES.entries()) {
      using leader = await at(id);
      const values = Array.from({ length: RECORDS[index] ?? 0 }, (_, number) => String(number));
      await produceAtLeader(leader, topic, batchOf(...values), index);
    }
    return topic;
  }

  async function coordinatorOf(group: string): Promise<number> {
    let nodeId = -1;
    await eventually(`${group} has a coordinator`, async () => {
      using wire = await at(1);
      const asked = { keyType: 0, coordinatorKeys: [group] };
      const { coordinators } = await wire.call(ApiKey.FindCoordinator, asked);
      nodeId = coordinators[0]?.errorCode === ErrorCode.NONE ? coordinators[0].nodeId : -1;
      return nodeId > 0;
    });
    return nodeId;
  }

  /** A group that has committed for each partition. @returns its coordinator */
  async function committed(group: string, topic: string): Promise<number> {
    const coordinator = await coordinatorOf(group);
    using wire = await at(coordinator);
    const partitions = NODES.map((_, partitionIndex) => ({
      partitionIndex,
      committedOffset: COMMITTED,
      committedMetadata: null,
    }));
    const request = { groupId: group, memberId: '', topics: [{ name: topic, partitions }] };
    await eventually('the offsets are committed', async () => {
      const { topics } = await wire.call(ApiKey.OffsetCommit, request, 9);
      return topics[0]?.partitions.every(({ errorCode }) => errorCode === ErrorCode.NONE) ?? false;
    });
    return coordinator;
  }

  type Lag = ResponseOf<10000>['groups'][number]['topics'][number]['partitions'][number];

  async function lagsOf(group: string, coordinator: number): Promise<Lag[]> {
    using wire = await at(coordinator);
    const { groups } = await wire.call(ApiKey.DescribeGroupLag, { groupIds: [group] });
    const rows = groups[0]?.topics[0]?.partitions ?? [];
    return rows.toSorted((left, right) => left.partitionIndex - right.partitionIndex);
  }

  test('the lag of a group is told for partitions of every leader, with its age, by the coordinator and the CLI', async () => {
    const topic = await filledTopic('lag');
    const group = freshName('behind');
    const coordinator = await committed(group, topic);
    // A leader that stands still for a moment is not waited for.
    let lags: Lag[] = [];
    const told = async () => {
      lags = await lagsOf(group, coordinator);
      return lags.map(({ lagRecords, highWatermark, note }) => [lagRecords, highWatermark, note]);
    };
    await expect.poll(told).toEqual(RECORDS.map((count) => [count - COMMITTED, count, null]));
    for (const { lagMs, behindSinceMs } of lags) {
      expect(lagMs).toBeGreaterThan(0);
      expect(behindSinceMs).toBeGreaterThan(0);
    }
    const shown = async (): Promise<number | null | undefined> => {
      const text = await must(odradek('groups', 'describe', '--group', group, '--json', ...suite.brokers()));
      const [first] = [JSON.parse(text) as { lag: number | null }[] | { lag: number | null }].flat();
      return first?.lag;
    };
    await expect.poll(shown).toBe(RECORDS.reduce((sum, count) => sum + count - COMMITTED, 0));
  });

  test('a leader that does not answer makes the lag of its partitions unknown, in words, and keeps nobody waiting', async () => {
    const topic = await filledTopic('held');
    const group = freshName('held-behind');
    const coordinator = await committed(group, topic);
    const held = NODES.find((id) => id !== coordinator) ?? 0;
    suite.cluster.node(held).pause();
    try {
      const told = async () =>
        (await lagsOf(group, coordinator)).map(({ lagRecords, note }) => [lagRecords, note ?? '']);
      await expect
        .poll(told)
        .toEqual(
          RECORDS.map((count, index) =>
            NODES[index] === held
              ? [-1, expect.stringContaining(`broker ${held} does not answer`)]
              : [count - COMMITTED, ''],
          ),
        );
    } finally {
      suite.cluster.node(held).resume();
    }
    await eventually('all of it is known again', async () => {
      const again = await lagsOf(group, coordinator);
      return again.every(({ lagRecords }) => lagRecords >= 0);
    });
  });

  test.each(['uniform', 'range'])('assignor %s gives members what lies in their racks', async (serverAssignor) => {
    const topic = freshName(`racks-${serverAssignor}`);
    using wire = await at(1);
    await placedTopic(wire, topic, [3], [1], [2], [2], [3], [1]);
    await everyNodeKnows(suite.cluster, topic, 6);
    const group = freshName(`racks-${serverAssignor}`);
    const coordinator = suite.cluster.node(await coordinatorOf(group)).address;
    const pipes = await Promise.all(NODES.map(() => Pipeline.open(coordinator)));
    const members = pipes.map(
      (pipe, index) => new RawConsumer(pipe, group, [topic], { rackId: `rack-${index + 1}`, serverAssignor }),
    );
    await reconcile(members);
    const owned = members.map((member) =>
      member.owned.flatMap(({ partitions }) => partitions).toSorted((a, b) => a - b),
    );
    expect(owned).toEqual([
      [1, 5],
      [2, 3],
      [0, 4],
    ]);
    for (const pipe of pipes) pipe.close();
  });
});
