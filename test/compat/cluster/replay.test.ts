/**
 * Requests about the cluster against what Apache Kafka 4.3.1 answered (`test/data/cluster/`, made by `record.ts`), one by one, at the
 * listeners of a broker and of a controller. Where ours answers otherwise by choice, the step says so with the reason, and that it still
 * differs is checked too.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { freePort, spawnKafka } from '@odradek/testkit';
import { scenarios } from './all.ts';
import { startCluster } from '../../support/cluster.ts';
import { play, titleOf, type Json, type Place } from './steps.ts';

type Golden = readonly (readonly [step: string, answer: Json])[];
type Name = keyof typeof scenarios;

function goldenOf(name: Name): Golden {
  return JSON.parse(readFileSync(new URL(`../../data/cluster/${name}.json`, import.meta.url), 'utf8')) as Golden;
}

async function compare(name: Name, place: Place): Promise<void> {
  const golden = goldenOf(name);
  const steps = scenarios[name];
  const told = await play(place, steps);
  for (const [at, { step, answer }] of told.entries()) {
    const recorded = golden[at]?.[1] ?? null;
    const chosen = steps[at]?.ours;
    expect.soft(answer, step).toEqual(chosen === undefined ? recorded : chosen.answer);
    // A choice that Kafka would answer the same is none.
    if (chosen !== undefined) expect.soft(recorded, step).not.toEqual(chosen.answer);
  }
}

test.each(['static', 'dynamic', 'standby'] as const)('%s: every request is recorded, and none other', (name) => {
  expect(scenarios[name].map(titleOf)).toEqual(goldenOf(name).map(([step]) => step));
});

/** What says who the voters are: the properties, or the quorum itself. */
const quorums = {
  static: (controller: string) => ({ 'controller.quorum.voters': `1@${controller}` }),
  dynamic: (controller: string) => ({ 'controller.quorum.bootstrap.servers': controller }),
} as const;

test.each(['static', 'dynamic'] as const)('one node, a %s quorum: every request is answered alike', async (name) => {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const [broker, controller] = [`127.0.0.1:${port}`, `127.0.0.1:${controllerPort}`];
  await using _node = await spawnKafka({
    host: '127.0.0.1',
    port,
    config: {
      'node.id': '1',
      listeners: `PLAINTEXT://${broker},CONTROLLER://${controller}`,
      'advertised.listeners': `PLAINTEXT://${broker}`,
      'controller.listener.names': 'CONTROLLER',
      ...quorums[name](controller),
    },
  });
  await compare(name, { broker, controller });
});

test('three nodes, a controller that is not the active one: every request is answered alike', async () => {
  await using cluster = await startCluster({ nodes: 3 });
  const active = await cluster.agreed();
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  const standby = cluster.nodes.find((node) => node !== active);
  await compare('standby', { broker: active.address, controller: standby?.controllerAddress ?? '' });
});
