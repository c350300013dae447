import { ErrorCode } from '@odradek/protocol';
import type { RequestInput, ResponseOf } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startSimNode } from '../testing/sim-client.ts';
import type { SimClient } from '../testing/sim-client.ts';

const init = (client: SimClient, asked: Partial<RequestInput<22>> = {}, version = 5): Promise<ResponseOf<22>> =>
  client.ask(22, { transactionalId: null, transactionTimeoutMs: 1_000, ...asked }, version);

test('init producer id: every version gives an id that nobody had, over several blocks of the controller', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  const ids = new Set<number>();
  for (let count = 0; count < 2_500; count += 1) {
    const { errorCode, producerId, producerEpoch } = await init(client, {}, count % 6);
    expect([errorCode, producerEpoch]).toEqual([0, 0]);
    ids.add(producerId);
  }
  expect(ids.size).toBe(2_500);
});

test('init producer id: after a restart no id comes again', async () => {
  const sim = await startSimNode();
  const { producerId } = await init(await sim.connect());
  const again = await startSimNode({ store: sim.node.store });
  expect((await init(await again.connect())).producerId).toBeGreaterThan(producerId);
});

test.for([
  ['an id without an epoch', { producerId: 5 }, ErrorCode.INVALID_REQUEST],
  ['an epoch without an id', { producerEpoch: 5 }, ErrorCode.INVALID_REQUEST],
  ['an empty transactional id', { transactionalId: '' }, ErrorCode.INVALID_REQUEST],
  ['a transactional id, while there are no transactions', { transactionalId: 'tx' }, ErrorCode.UNSUPPORTED_VERSION],
] as const)('init producer id: %s is refused', async ([, asked, code]) => {
  const sim = await startSimNode();
  const client = await sim.connect();
  expect(await init(client, asked)).toMatchObject({ errorCode: code, producerId: -1, producerEpoch: -1 });
});

test('init producer id: an idempotent producer that names its old id gets a new one', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  const first = await init(client);
  const second = await init(client, { producerId: first.producerId, producerEpoch: 3 });
  expect(second).toMatchObject({ errorCode: 0, producerEpoch: 0 });
  expect(second.producerId).not.toBe(first.producerId);
});
