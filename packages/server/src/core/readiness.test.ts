import { expect, test } from 'vitest';
import { whyNotReady, whyNotStop } from './readiness.ts';
import type { BrokerView, ControllerStanding, NodeStanding } from './readiness.ts';

const none = { count: 0, example: '' };
const broker: BrokerView = { state: 'running', isFenced: false, registeredAt: 7, silentMs: 400, behind: none };
const controller: ControllerStanding = { leaderlessMs: 0, isRecovering: false, highWatermark: 8 };
const well: NodeStanding = { broker, controller, missing: undefined, patienceMs: 10_000 };

test('readiness: a node that serves, has caught up and hears its quorum is ready, whatever its roles', () => {
  expect(whyNotReady(well)).toBeUndefined();
  expect(whyNotReady({ ...well, broker: undefined })).toBeUndefined();
  expect(whyNotReady({ ...well, controller: undefined })).toBeUndefined();
});

test('readiness: a quorum that is gone makes nobody unready before any failover would be over, and everybody after', () => {
  const missing = 'waiting for a quorum: 1 of 3 controllers is here, 2 are needed, and nodes 1, 2 are not reached';
  const gone = (ms: number): NodeStanding => ({
    ...well,
    missing,
    broker: { ...broker, silentMs: ms },
    controller: { ...controller, leaderlessMs: ms },
  });
  expect(whyNotReady(gone(10_000))).toBeUndefined();
  expect(whyNotReady(gone(10_001))).toBe(`no active controller has answered this broker for 10 s: ${missing}`);
  expect(whyNotReady({ ...gone(62_500), broker: undefined })).toBe(`the quorum has had no leader for 62 s: ${missing}`);
  expect(whyNotReady({ ...gone(20_000), controller: undefined })).toContain('for 20 s');
});

test('readiness: a broker that is fenced, stops, or has not caught up since its start is not ready, and says why', () => {
  const as = (more: Partial<BrokerView>) => whyNotReady({ ...well, broker: { ...broker, ...more } });
  expect(as({ isFenced: true })).toContain('fenced');
  expect(as({ state: 'stopping' })).toBe('stopping');
  expect(as({ behind: { count: 1, example: 't-0' } })).toBe('catching up after the start: t-0 is not in sync yet');
  expect(as({ behind: { count: 12, example: 't-0' } })).toBe(
    'catching up after the start: 12 partitions (as t-0) are not in sync yet',
  );
});

test('readiness: a controller that is not level with what its broker was registered by is not ready, nor one without its disk', () => {
  expect(whyNotReady({ ...well, controller: { ...controller, highWatermark: 7 } })).toContain('not level');
  expect(whyNotReady({ ...well, controller: { ...controller, isRecovering: true } })).toContain('lost its disk');
});

test('stopping: not while copies elsewhere are missing, nor when the quorum would lose its majority or has no leader', () => {
  const quorum = { voters: 3, othersConnected: 2, hasLeader: true };
  expect(whyNotStop({ shortOfOthers: none, quorum })).toBeUndefined();
  expect(whyNotStop({ shortOfOthers: { count: 2, example: 't-0' }, quorum })).toBe(
    'copies elsewhere are missing: 2 partitions (as t-0) are under-replicated',
  );
  expect(whyNotStop({ shortOfOthers: none, quorum: { ...quorum, othersConnected: 1 } })).toBe(
    'without this node only 1 of 3 controllers are here, and 2 are needed',
  );
  expect(whyNotStop({ shortOfOthers: undefined, quorum: { ...quorum, hasLeader: false } })).toContain('no leader');
  expect(whyNotStop({ shortOfOthers: none, quorum: undefined })).toBeUndefined();
});

test('stopping: of one or two controllers each is needed always, so that nothing is waited for', () => {
  for (const voters of [1, 2])
    expect(
      whyNotStop({ shortOfOthers: none, quorum: { voters, othersConnected: 0, hasLeader: false } }),
    ).toBeUndefined();
});
