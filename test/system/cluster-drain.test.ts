/** `odradek cluster drain` against real nodes: a broker is emptied while it runs, gets nothing new, and is forgotten once it has stopped. */
import { describe, expect, test } from 'vitest';
import { Wire } from '@odradek/testkit';
import { READY_WITHIN_MS } from '../support/chaos/play.ts';
import { startCluster, steadyBrokers } from '../support/cluster.ts';
import { fill, filled, placedTopic } from '../support/placement.ts';
import { must, odradek, run } from '../support/run.ts';
import { eventually, freshName } from '../support/target.ts';

type Described = { readonly partitions: readonly { readonly leader: number; readonly replicas: readonly number[] }[] };

describe('cluster drain', () => {
  test('a running broker is emptied and gets nothing new; stopped, it is forgotten; what nobody can take is refused', async () => {
    await using cluster = await startCluster({
      controllers: 1,
      brokers: 3,
      config: steadyBrokers,
      readyWithinMs: READY_WITHIN_MS,
    });
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    const [second, third, leaving] = cluster.brokers.map(({ id }) => id) as [number, number, number];
    const where = ['--bootstrap-server', cluster.brokers[0]?.address ?? ''];
    const drain = ['cluster', 'drain', '--broker', String(leaving), ...where];
    const replicasOf = async (topic: string): Promise<(readonly number[])[]> => {
      const text = await must(odradek('topics', 'describe', '--topic', topic, '--json', ...where));
      const [described] = JSON.parse(text) as [Described];
      return described.partitions.map(({ replicas }) => replicas);
    };
    const [topic, single] = [freshName('drained'), freshName('single')];
    using wire = await Wire.open(cluster.brokers[0]?.address ?? '');
    await placedTopic(wire, topic, [leaving, second], [third, leaving], [second, third]);
    await placedTopic(wire, single, [leaving]);
    using leader = await Wire.open(cluster.brokers[2]?.address ?? '');
    const counts = [await fill(leader, topic, 1_000_000, 0), await fill(leader, single, 1_000_000, 0)];

    const wide = freshName('wide');
    await placedTopic(wire, wide, [second, third, leaving]);
    const stuck = await run(odradek(...drain));
    expect([stuck.code, stuck.stderr]).toEqual([1, expect.stringContaining(`nobody can take broker ${leaving}'s`)]);
    expect(stuck.stderr).toContain(`${wide}-0`);
    expect(await replicasOf(topic)).toContainEqual([leaving, second]);

    const throttled = ['--throttle', '100000000'];
    const told = JSON.parse(await must(odradek(...drain, '--fewer-replicas', ...throttled, '--json'))) as object;
    expect(told).toEqual({ broker: leaving, moved: 4, left: 0, unregistered: false });
    expect(await replicasOf(topic)).toEqual([
      [third, second],
      [third, second],
      [second, third],
    ]);
    expect([[[second]], [[third]]]).toContainEqual(await replicasOf(single));
    expect(await replicasOf(wide)).toEqual([[second, third]]);
    expect([await filled(cluster, topic, 0), await filled(cluster, single, 0)]).toEqual(counts);
    // The throttle went with the moves.
    for (const entity of [
      ['--topic', topic],
      ['--broker', String(second)],
    ])
      expect(await must(odradek('configs', '--describe', ...entity, ...where))).not.toContain('throttled');

    const later = freshName('later');
    const create = ['topics', 'create', '--topic', later, '--partitions', '9', '--replication-factor', '2', ...where];
    await must(odradek(...create));
    expect((await replicasOf(later)).flat()).not.toContain(leaving);

    // Whoever was drained is the emptiest, and is no taker when the next one is.
    const [first, next] = [freshName('first'), freshName('next')];
    await placedTopic(wire, first, [third, second]);
    const drainNext = ['cluster', 'drain', '--broker', String(third), ...where];
    const cordoned = await run(odradek(...drainNext));
    expect([cordoned.code, cordoned.stderr]).toEqual([1, expect.stringContaining(`${leaving} (cordoned: `)]);
    expect((await replicasOf(first)).flat()).not.toContain(leaving);
    const notDrained = await run(odradek(...drainNext, '--undo'));
    expect([notDrained.code, notDrained.stderr]).toEqual([1, expect.stringContaining('no drain to take back')]);

    await must(odradek(...drain, '--undo'));
    await placedTopic(wire, next, [leaving]);
    expect(await must(odradek(...drain))).toContain('1 partition moved');
    await cluster.brokers[2]?.stop();
    await eventually('it is stopped, and forgotten', async () =>
      (await must(odradek(...drain))).includes(`Broker ${leaving} is no longer registered.`),
    );
    const gone = await run(odradek(...drain));
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining(`broker ${leaving} is not registered`)]);
  });
});
