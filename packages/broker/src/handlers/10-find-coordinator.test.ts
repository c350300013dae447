import { ApiKey, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startSimNode } from '../testing/node.ts';

test('find coordinator: the first client of a group makes the topic of groups and is told its leader in the same answer', async () => {
  const node = await startSimNode();
  const answer = await node.connect().request(ApiKey.FindCoordinator, 2, { key: 'g', keyType: 0 });
  expect(answer).toMatchObject({ errorCode: ErrorCode.NONE, nodeId: 1, host: 'localhost', port: node.port });
  const topic = node.broker.image().topics.byName('__consumer_offsets');
  expect(topic?.partitions.length).toBe(3);
  await node.close();
});

test('find coordinator: several keys are answered each, and version 0 knows groups only', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const { coordinators } = await client.request(ApiKey.FindCoordinator, 4, {
    keyType: 0,
    coordinatorKeys: ['a', 'b', ''],
  });
  expect(coordinators.map(({ key, nodeId, errorCode }) => [key, nodeId, errorCode])).toEqual([
    ['a', 1, 0],
    ['b', 1, 0],
    ['', 1, 0],
  ]);
  expect(await client.request(ApiKey.FindCoordinator, 0, { key: 'g' })).toMatchObject({ errorCode: 0, nodeId: 1 });
  expect((await client.request(ApiKey.FindCoordinator, 4, { keyType: 0, coordinatorKeys: [] })).coordinators).toEqual(
    [],
  );
  await node.close();
});

test('find coordinator: before version 4 a coordinator that was found is told with the message NONE, as Kafka tells it', async () => {
  const node = await startSimNode();
  const client = node.connect();
  for (const version of [1, 2, 3]) {
    expect(await client.request(ApiKey.FindCoordinator, version, { key: 'g', keyType: 0 })).toMatchObject({
      errorCode: ErrorCode.NONE,
      errorMessage: 'NONE',
    });
  }
  const { coordinators } = await client.request(ApiKey.FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
  expect(coordinators[0]?.errorMessage).toBe('');
  await node.close();
});

test.for([
  ['transactions, which are not built', 4, 1, /transactional\.id/],
  ['share groups, which are not built', 6, 2, /share/],
  ['share groups before version 6', 5, 2, /version 6/],
  ['a type that does not exist', 6, 9, /type 9/],
] as const)(
  'find coordinator: %s are refused with a sentence, and no topic is made',
  async ([, version, keyType, words]) => {
    const node = await startSimNode();
    const client = node.connect();
    const { coordinators } = await client.request(ApiKey.FindCoordinator, version, { keyType, coordinatorKeys: ['x'] });
    expect(coordinators).toMatchObject([
      { key: 'x', nodeId: -1, host: '', port: -1, errorCode: ErrorCode.INVALID_REQUEST },
    ]);
    expect(coordinators[0]?.errorMessage).toMatch(words);
    expect(await client.request(ApiKey.FindCoordinator, 3, { key: 'x', keyType })).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      nodeId: -1,
    });
    expect(node.broker.image().topics.size).toBe(0);
    await node.close();
  },
);

test('find coordinator: librdkafka, which asks for transactions for ever after other errors, gets the one that it gives up on', async () => {
  const node = await startSimNode();
  const client = node.connect();
  for (const version of [1, 2]) {
    expect(await client.request(ApiKey.FindCoordinator, version, { key: 'x', keyType: 1 })).toMatchObject({
      errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      errorMessage: expect.stringMatching(/no transaction coordinator.*transactional\.id/),
      nodeId: -1,
    });
  }
  await node.close();
});

test('find coordinator: many first clients at once make one topic', async () => {
  const node = await startSimNode();
  const asked = Array.from({ length: 6 }, (_, at) =>
    node.connect().request(ApiKey.FindCoordinator, 4, { keyType: 0, coordinatorKeys: [`g${at}`] }),
  );
  for (const { coordinators } of await Promise.all(asked)) expect(coordinators[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(node.lines.filter(({ message }) => message.includes('created __consumer_offsets')).length).toBe(1);
  await node.close();
});
