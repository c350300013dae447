/** The first groups of a node, all at once: its coordinator is there for whoever was told so. */
import { expect, test } from 'vitest';
import { ApiKey, ErrorCode, errorName, type ResponseOf } from '@odradek/protocol';
import { spawnKafka } from '@odradek/testkit';
import { ready } from '../support/raw-groups.ts';
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
      const asked = { keyType: 0, coordinatorKeys: [groupId] };
      const codeOf = (answer: ResponseOf<typeof ApiKey.FindCoordinator>): number =>
        answer.coordinators[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      // On a slow machine it may take longer than one answer waits.
      const found = await ready(() => wire.call(ApiKey.FindCoordinator, asked), codeOf);
      if (codeOf(found) !== ErrorCode.NONE) return codeOf(found);
      const member = { memberId: 'nobody', generationId: 1 };
      return (await wire.call(ApiKey.Heartbeat, { groupId, ...member })).errorCode;
    }),
  );
  for (const wire of wires) wire.close();
  expect([...new Set(heard.map(errorName))]).toEqual(['UNKNOWN_MEMBER_ID']);
});
