import { ApiKey, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startSimNode } from '../testing/node.ts';

test('describe node: who was asked says who it is, and what its own clock says just then', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const { clusterId } = await client.request(ApiKey.DescribeCluster, 1, { includeClusterAuthorizedOperations: false });
  const beforeMs = node.clock.nowMs();
  const answer = await client.request(ApiKey.DescribeNode, 0, {});
  expect(answer).toMatchObject({ errorCode: ErrorCode.NONE, clusterId, roles: ['broker', 'controller'] });
  const { brokers } = await client.request(ApiKey.Metadata, 9, { topics: [] });
  expect(brokers.map(({ nodeId }) => nodeId)).toEqual([answer.nodeId]);
  expect(answer.wallClockMs).toBeGreaterThanOrEqual(beforeMs);
  expect(answer.controllerSilentMs).toBeGreaterThanOrEqual(0);
  expect(answer.addressProblems).toEqual([]);
  expect(answer.wallClockMs).toBeLessThanOrEqual(node.clock.nowMs());
  await node.close();
});
