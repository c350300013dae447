/** What the controller says about the request of a client: a whole node, from the client's bytes to the controller's lines. */
import type { Logger } from '@odradek/base';
import { Prng } from '@odradek/base';
import { SimClock, SimFiles, SimNetwork } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { startTestNode } from '../testing/node.ts';
import { createTopic, SimClient } from '../testing/sim-client.ts';

type Line = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

/** With the fields of its parents, as they are shown. */
function keeping(lines: Line[], own: object = {}): Logger {
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ ...own, ...fields, level, message });
  const child = (fields: object): Logger => keeping(lines, { ...own, ...fields });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child };
}

async function asked(ask: (client: SimClient) => Promise<unknown>): Promise<Line[]> {
  const clock = new SimClock();
  const files = new SimFiles({ nowMs: () => clock.nowMs() });
  const network = new SimNetwork();
  const lines: Line[] = [];
  const ports = { clock, files, network, random: new Prng(7) };
  const node = await startTestNode({ ports, logDir: '/data', log: keeping(lines) });
  await ask(new SimClient(await network.connect('localhost', node.port, 1_000), 'admin'));
  let isClosed = false;
  void node.close().finally(() => (isClosed = true));
  while (!isClosed) await clock.advance(10);
  expect(node.bugs).toEqual([]);
  return lines.filter(({ logger, request }) => logger === 'org.apache.kafka.controller' && request !== undefined);
}

/** By the broker that hands requests on, which is the same node here. */
const of = (correlationId: number): object => ({
  request: expect.stringMatching(new RegExp(`^PLAINTEXT-\\d+-${correlationId}$`)) as string,
  broker: 1,
});

test('lines of the controller: what it decides for a client has the id of the request, and what was not asked for has none', async () => {
  const lines = await asked(async (client) => {
    await createTopic(client, 'orders');
    await client.ask(20, { topics: [], topicNames: ['orders'], timeoutMs: 5_000 }, 5);
  });
  expect(lines).toMatchObject([
    { ...of(1), level: 'info', message: 'created topic orders' },
    { ...of(1), level: 'debug', message: 'createTopics is decided', principal: 'User:ANONYMOUS' },
    { ...of(2), level: 'info', message: 'deleted topic orders' },
    { ...of(2), level: 'debug', message: 'deleteTopics is decided' },
  ]);
});

test('lines of the controller: a refusal names its error, and the request that was refused', async () => {
  const lines = await asked(async (client) => {
    await createTopic(client, 'orders');
    await createTopic(client, 'orders').catch(() => undefined);
  });
  expect(lines.slice(2)).toMatchObject([
    {
      ...of(2),
      level: 'debug',
      message: 'createTopics is decided, with TOPIC_ALREADY_EXISTS',
      errors: ['TOPIC_ALREADY_EXISTS'],
    },
  ]);
});
