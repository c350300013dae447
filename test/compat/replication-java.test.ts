/**
 * What Apache Kafka's own tools, unmodified, tell of replicas: where logs end, whether all copies are the same, which partitions lack some, and
 * an unclean election. One controller and three brokers, so that brokers can die in any number.
 */
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { LineProcess } from '../support/line-process.ts';
import { placedTopic } from '../support/placement.ts';
import { allInSync, partitionsOf, readAll } from '../support/replicated.ts';
import { kafkaTool, must, title } from '../support/run.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName } from '../support/target.ts';
import { batchOf, produceAtLeader, Wire } from '../support/wire.ts';

const need = kafkaTool();
const TOOLS = 'org.apache.kafka.tools';
/** Each look is the start of a Java program. */
const POLL = { timeout: 120_000 };
/** The controller is node 1. */
const [A, B, C] = [2, 3, 4];

describe.skipIf(need.missing !== undefined)(title("Apache Kafka's tools and replicas", need), () => {
  const suite = suiteCluster({ controllers: 1, brokers: 3 });
  const tool = (name: string, ...args: string[]): Promise<string> =>
    must(need.use?.(name, ...suite.brokers(), ...args) ?? []);
  const describedBy = (...flags: string[]): Promise<string> => tool(`${TOOLS}.TopicCommand`, '--describe', ...flags);

  async function write(id: number, topic: string, ...values: string[]): Promise<void> {
    using wire = await Wire.open(suite.cluster.node(id).address);
    for (const value of values) await produceAtLeader(wire, topic, batchOf(value));
  }

  async function placed(topic: string, ...replicas: number[][]): Promise<void> {
    using wire = await Wire.open(suite.cluster.node(A).address);
    await placedTopic(wire, topic, ...replicas);
  }

  async function viewOf(id: number, topic: string) {
    return (await partitionsOf(suite.cluster.node(id), topic))[0];
  }

  async function values(topic: string): Promise<string[]> {
    return [...(await readAll(suite.cluster, topic, 0)).values()];
  }

  test('GetOffsetShell tells the ends of partitions that different brokers lead', async () => {
    const topic = freshName('java-offsets');
    await placed(topic, [A, B], [B, C], [C, A]);
    for (const [index, id] of [A, B, C].entries()) {
      using wire = await Wire.open(suite.cluster.node(id).address);
      for (let count = 0; count <= index; count += 1) await produceAtLeader(wire, topic, batchOf('x'), index);
    }
    const shown = await tool(`${TOOLS}.GetOffsetShell`, '--topic', topic);
    expect(shown.trim().split('\n').toSorted()).toEqual([`${topic}:0:1`, `${topic}:1:2`, `${topic}:2:3`]);
    const earliest = await tool(`${TOOLS}.GetOffsetShell`, '--topic', topic, '--time', 'earliest');
    expect(earliest.trim().split('\n').toSorted()).toEqual([0, 1, 2].map((partition) => `${topic}:${partition}:0`));
  });

  test('ReplicaVerificationTool finds every copy to be the same', async () => {
    const topic = freshName('java-verified');
    await placed(topic, [A, B, C], [B, C, A]);
    for (const [index, id] of [A, B].entries()) {
      using wire = await Wire.open(suite.cluster.node(id).address);
      for (let count = 0; count < 20; count += 1) await produceAtLeader(wire, topic, batchOf('x', 'y'), index);
    }
    const name = `${TOOLS}.ReplicaVerificationTool`;
    const args = ['--broker-list', suite.cluster.bootstrap, '--topics-include', topic, '--time', '-2'];
    await using verification = LineProcess.start(need.use?.(name, ...args, '--report-interval-ms', '500') ?? []);
    const isSame = (line: string): boolean =>
      /max lag is 0 for partition \S+ at offset 40 among 2 partitions/.test(line);
    await eventually('both partitions are compared to their end', () => verification.lines.some(isSame));
    expect(verification.lines.filter((line) => /doesn't match|checksum/.test(line))).toEqual([]);
  });

  test('TopicCommand shows what lacks replicas while a broker is dead, and nothing once it is back', async () => {
    const [three, strict, lone] = [freshName('java-three'), freshName('java-strict'), freshName('java-lone')];
    await placed(three, [A, B, C]);
    await placed(strict, [A, B, C]);
    await placed(lone, [C]);
    const minIsr = ['--add-config', 'min.insync.replicas=3'];
    await tool('kafka.admin.ConfigCommand', '--alter', '--entity-type', 'topics', '--entity-name', strict, ...minIsr);
    const shown = async (...flags: string[]): Promise<string[][]> => {
      const texts = await Promise.all(flags.map((flag) => describedBy(`--${flag}-partitions`)));
      return texts.map((text) => [three, strict, lone].filter((topic) => text.includes(`Topic: ${topic}\t`)));
    };
    const [under, underMin, atMin, gone] = ['under-replicated', 'under-min-isr', 'at-min-isr', 'unavailable'] as const;
    // The tool asks any of the brokers, and each hears of a change in its own time.
    await expect.poll(() => shown(under, atMin), POLL).toEqual([[], [strict, lone]]);
    await suite.cluster.node(C).kill();
    await eventually('the dead broker has left the in-sync sets', async () => {
      const views = await Promise.all([three, strict].map((topic) => viewOf(A, topic)));
      return views.every((view) => view?.isr.length === 2) && (await viewOf(A, lone))?.leader === -1;
    });
    await expect
      .poll(() => shown(under, underMin), POLL)
      .toEqual([
        [three, strict, lone],
        [strict, lone],
      ]);
    await expect.poll(() => shown(atMin, gone), POLL).toEqual([[], [lone]]);
    await suite.cluster.node(C).start();
    await suite.cluster.node(C).ready();
    for (const topic of [three, strict, lone]) await allInSync(suite.cluster, topic);
    await expect.poll(() => shown(under, gone), POLL).toEqual([[], []]);
  });

  test('LeaderElectionCommand elects uncleanly: what only the dead leader had is lost, and the copies agree again', async () => {
    const topic = freshName('java-unclean');
    await placed(topic, [A, B]);
    await write(A, topic, 'both');
    await suite.cluster.node(B).kill();
    await eventually('only the leader is in sync', async () => (await viewOf(A, topic))?.isr.length === 1);
    await write(A, topic, 'lost 1', 'lost 2');
    await suite.cluster.node(A).kill();
    await suite.cluster.node(B).start();
    await suite.cluster.node(B).ready();
    await eventually('nobody leads', async () => (await viewOf(B, topic))?.leader === -1);
    const election = ['--election-type', 'unclean', '--topic', topic, '--partition', '0'];
    expect(await tool(`${TOOLS}.LeaderElectionCommand`, ...election)).toContain(
      `Successfully completed leader election (UNCLEAN) for partitions ${topic}-0`,
    );
    await eventually('the other one leads', async () => (await viewOf(B, topic))?.leader === B);
    await write(B, topic, 'after');
    await suite.cluster.node(A).start();
    await suite.cluster.node(A).ready();
    await allInSync(suite.cluster, topic);
    expect(await values(topic)).toEqual(['both', 'after']);
    await tool(`${TOOLS}.LeaderElectionCommand`, '--election-type', 'preferred', '--topic', topic, '--partition', '0');
    await eventually('the first one leads again', async () => (await viewOf(B, topic))?.leader === A);
    expect(await values(topic)).toEqual(['both', 'after']);
  });

  test('unclean.leader.election.enable, set while nobody leads, lets a replica lead that was out of sync', async () => {
    const topic = freshName('java-allowed');
    await placed(topic, [B, C]);
    await write(B, topic, 'both');
    await suite.cluster.node(C).kill();
    await eventually('only the leader is in sync', async () => (await viewOf(B, topic))?.isr.length === 1);
    await write(B, topic, 'lost');
    await suite.cluster.node(B).kill();
    await suite.cluster.node(C).start();
    await suite.cluster.node(C).ready();
    await eventually('nobody leads', async () => (await viewOf(A, topic))?.leader === -1);
    using wire = await Wire.open(suite.cluster.node(A).address);
    const configs = [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }];
    const resources = [{ resourceType: 2, resourceName: topic, configs }];
    const { responses } = await wire.call(ApiKey.IncrementalAlterConfigs, { resources, validateOnly: false });
    expect(responses[0]?.errorCode).toBe(ErrorCode.NONE);
    await eventually('the other one leads', async () => (await viewOf(A, topic))?.leader === C);
    expect(await values(topic)).toEqual(['both']);
    await suite.cluster.node(B).start();
    await suite.cluster.node(B).ready();
    await allInSync(suite.cluster, topic);
    expect(await describedBy('--topic', topic)).toMatch(/Leader: 4\tReplicas: 3,4\tIsr: 4,3\t/);
  });
});
