/**
 * Requests about the cluster against what Apache Kafka 4.3.1 answered (`test/data/cluster/`, made by `record.ts`), one by one, at the
 * listeners of a broker and of a controller. Where ours answers otherwise by choice, the step says so with the reason, and that it still
 * differs is checked too.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freePort, spawnKafka } from '@odradek/testkit';
import { scenarios } from './all.ts';
import { play, titleOf, type Json } from './steps.ts';

type Golden = readonly (readonly [step: string, answer: Json])[];

/** What says who the voters are: the properties, or the quorum itself. */
const quorums = {
  static: (controller: string) => ({ 'controller.quorum.voters': `1@${controller}` }),
  dynamic: (controller: string) => ({ 'controller.quorum.bootstrap.servers': controller }),
} as const;

describe.each(['static', 'dynamic'] as const)('a %s quorum, as Apache Kafka answers', (name) => {
  const steps = scenarios[name];
  const golden = JSON.parse(
    readFileSync(new URL(`../../data/cluster/${name}.json`, import.meta.url), 'utf8'),
  ) as Golden;

  test('every request is recorded, and none other', () => {
    expect(steps.map(titleOf)).toEqual(golden.map(([step]) => step));
  });

  test('every request is answered alike', async () => {
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
    const told = await play({ broker, controller }, steps);
    for (const [at, { step, answer }] of told.entries()) {
      const recorded = golden[at]?.[1] ?? null;
      const chosen = steps[at]?.ours;
      expect.soft(answer, step).toEqual(chosen === undefined ? recorded : chosen.answer);
      // A choice that Kafka would answer the same is none.
      if (chosen !== undefined) expect.soft(recorded, step).not.toEqual(chosen.answer);
    }
  });
});
