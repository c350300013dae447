/** The first groups of a node, all at once: its coordinator is there for whoever was told so. */
import { expect, test } from 'vitest';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { spawnKafka } from '@odradek/testkit';
import { Wire } from '../support/wire.ts';

const CLIENTS = 40;

test('first groups: nobody who is told of the coordinator hears from it that it is none', async () => {
  await using node = await spawnKafka();
  const wires = await Promise.all(Array.from({ length: CLIENTS }, () => Wire.open(node.bootstrap)));
  const heard = await Promise.all(
    wires.map(async (wire, index) => {
      const groupId = `first-${index}`;
      // They come one after another while the topic of groups is being made.
      await new Promise((resolve) => setTimeout(resolve, index));
      const found = await wire.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: [groupId] });
      if (found.coordinators[0]?.errorCode !== ErrorCode.NONE) return found.coordinators[0]?.errorCode ?? -1;
      const member = { memberId: 'nobody', generationId: 1 };
      return (await wire.call(ApiKey.Heartbeat, { groupId, ...member })).errorCode;
    }),
  );
  for (const wire of wires) wire.close();
  expect([...new Set(heard.map(errorName))]).toEqual(['UNKNOWN_MEMBER_ID']);
});
