import { NodeConfig } from '@odradek/base';
import type { QuorumStatus } from '@odradek/controller';
import { expect, test } from 'vitest';
import { votersDiffer, whatIsMissing } from './waiting.ts';

function status(given: { voters: readonly number[]; connected?: readonly number[]; leaderId?: number }): QuorumStatus {
  const unknown = { directoryId: '', logEndOffset: -1, lastFetchMs: -1, lastCaughtUpMs: -1, isRecovering: false };
  return {
    leaderId: given.leaderId ?? null,
    epoch: 1,
    highWatermark: 0,
    logEndOffset: 0,
    voters: given.voters.map((id) => ({ id, ...unknown })),
    observers: [],
    connected: given.connected ?? [],
  };
}

test('waiting: how many controllers are here, how many are needed, and who is not', () => {
  const alone = whatIsMissing(status({ voters: [1, 2, 3] }), 1);
  expect(alone).toBe('waiting for a quorum: 1 of 3 controllers is here, 2 are needed, and nodes 2, 3 are not reached');
  const five = whatIsMissing(status({ voters: [1, 2, 3, 4, 5], connected: [2, 9] }), 1);
  expect(five).toContain('2 of 5 controllers are here, 3 are needed, and nodes 3, 4, 5 are not reached');
  expect(whatIsMissing(status({ voters: [1, 2], connected: [] }), 1)).toContain('node 2 is not reached');
});

test('waiting: an election is waited for when a majority is there, and nothing once somebody leads', () => {
  expect(whatIsMissing(status({ voters: [1, 2, 3], connected: [3] }), 1)).toBe(
    'waiting for a quorum: 2 of 3 controllers are here, and they elect the active one',
  );
  expect(whatIsMissing(status({ voters: [1, 2, 3], leaderId: 2 }), 1)).toBeUndefined();
});

test('waiting: a newcomer, who counts for no majority, waits for those who know the voters', () => {
  expect(whatIsMissing(status({ voters: [] }), 4)).toContain('controller.quorum.bootstrap.servers');
  expect(whatIsMissing(status({ voters: [1, 2, 3], connected: [1] }), 4)).toContain('1 of 3 controllers is here');
});

test('waiting: voters that are not those of the log are refused with both lists and the way', () => {
  const voters = { 'controller.quorum.voters': '3@c:1,1@a:1,2@b:1' };
  const config = new NodeConfig(new Map(Object.entries(voters)));
  expect(votersDiffer(config, status({ voters: [2, 1, 3] }))).toBeUndefined();
  expect(votersDiffer(config, status({ voters: [1] }))).toMatch(/of the voters 1, and .*names 1, 2, 3.*odradek quorum/);
  expect(votersDiffer(new NodeConfig(new Map()), status({ voters: [1] }))).toBeUndefined();
});
