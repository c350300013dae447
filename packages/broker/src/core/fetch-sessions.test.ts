import fc from 'fast-check';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { FetchSessions, nextEpoch, NO_SESSION } from './fetch-sessions.ts';
import type { FetchContext, SessionAnswer, SessionPartition, SessionRequest, SessionResult } from './fetch-sessions.ts';

function partition(topic: string, index: number, change: Partial<SessionPartition> = {}): SessionPartition {
  return {
    topic,
    topicId: '',
    partition: index,
    fetchOffset: 0,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    maxBytes: 1_000,
    toldHighWatermark: -1,
    toldLogStartOffset: -1,
    ...change,
  };
}

function request(change: Partial<SessionRequest>): SessionRequest {
  return { sessionId: 0, sessionEpoch: 0, usesTopicIds: false, partitions: [], forgotten: [], nowMs: 0, ...change };
}

const result = (change: Partial<SessionResult> = {}): SessionResult => ({
  code: ErrorCode.NONE,
  highWatermark: 10,
  logStartOffset: 0,
  sizeBytes: 0,
  ...change,
});

const partitionsOf = (context: FetchContext): readonly SessionPartition[] =>
  context.kind === 'refused' ? [] : context.partitions;
const names = (context: FetchContext): string[] =>
  partitionsOf(context).map(({ topic, partition: index }) => `${topic}-${index}`);

/** A full fetch that opens a session over `count` partitions of `t`. */
function opened(
  sessions: FetchSessions,
  count: number,
  nowMs = 0,
): { readonly id: number; readonly answer: SessionAnswer } {
  const partitions = Array.from({ length: count }, (_, index) => partition('t', index));
  const context = sessions.open(request({ partitions, nowMs }));
  const answer = sessions.answered(
    context,
    partitions.map(() => result()),
    nowMs,
  );
  return { id: answer.sessionId, answer };
}

const bounds = { sessions: 100, partitions: 10_000 };

test('fetch sessions: a full fetch opens a session and answers every partition', () => {
  const { id, answer } = opened(new FetchSessions(bounds, 1), 3);
  expect(id).toBeGreaterThan(0);
  expect(answer).toEqual({ code: ErrorCode.NONE, sessionId: id, changed: null });
});

test('fetch sessions: an incremental fetch that names nothing asks for all that the session knows and hears only news', () => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 3);
  const context = sessions.open(request({ sessionId: id, sessionEpoch: 1 }));
  expect(names(context)).toEqual(['t-0', 't-1', 't-2']);
  const told = sessions.answered(context, [result(), result({ highWatermark: 11 }), result({ logStartOffset: 3 })], 0);
  expect(told).toEqual({ code: ErrorCode.NONE, sessionId: id, changed: [1, 2] });
  const again = sessions.open(request({ sessionId: id, sessionEpoch: 2 }));
  expect(
    sessions.answered(again, [result(), result({ highWatermark: 11 }), result({ logStartOffset: 3 })], 0).changed,
  ).toEqual([]);
});

test('fetch sessions: an error is told each time, and the partition once more when it is over', () => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 1);
  const refused = result({ code: ErrorCode.NOT_LEADER_OR_FOLLOWER, highWatermark: -1, logStartOffset: -1 });
  const outcomes = [refused, refused, result(), result()].map((each, at) => {
    const context = sessions.open(request({ sessionId: id, sessionEpoch: at + 1 }));
    return sessions.answered(context, [each], 0).changed;
  });
  expect(outcomes).toEqual([[0], [0], [0], []]);
});

test('fetch sessions: who got records comes last the next time, so that none starves', () => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 3);
  const context = sessions.open(request({ sessionId: id, sessionEpoch: 1 }));
  sessions.answered(context, [result({ sizeBytes: 5 }), result(), result()], 0);
  expect(names(sessions.open(request({ sessionId: id, sessionEpoch: 2 })))).toEqual(['t-1', 't-2', 't-0']);
});

test('fetch sessions: partitions are added, moved on and forgotten by naming them', () => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 2);
  const context = sessions.open(
    request({
      sessionId: id,
      sessionEpoch: 1,
      partitions: [partition('t', 1, { fetchOffset: 7, maxBytes: 5 }), partition('u', 0)],
      forgotten: [
        { topic: 't', topicId: '', partition: 0 },
        { topic: 'never', topicId: '', partition: 9 },
      ],
    }),
  );
  expect(names(context)).toEqual(['t-1', 'u-0']);
  expect(partitionsOf(context)[0]).toMatchObject({ fetchOffset: 7, maxBytes: 5 });
  expect(sessions.partitionCount).toBe(2);
});

test('fetch sessions: a session that forgets its last partition is closed', () => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 1);
  const forgotten = [{ topic: 't', topicId: '', partition: 0 }];
  expect(sessions.open(request({ sessionId: id, sessionEpoch: 1, forgotten })).kind).toBe('sessionless');
  expect([sessions.sessionCount, sessions.partitionCount]).toEqual([0, 0]);
});

test.for([
  ['an id that nobody has', { sessionId: 77, sessionEpoch: 1 }, ErrorCode.FETCH_SESSION_ID_NOT_FOUND],
  ['an epoch that was used', { sessionEpoch: 3 }, ErrorCode.INVALID_FETCH_SESSION_EPOCH],
  ['topic ids in a session of names', { sessionEpoch: 1, usesTopicIds: true }, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR],
] as const)('fetch sessions: %s is refused', ([, change, code]) => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 1);
  const context = sessions.open(request({ sessionId: id, ...change }));
  expect(context).toEqual({ kind: 'refused', code });
  expect(sessions.answered(context, [], 0)).toEqual({ code, sessionId: NO_SESSION, changed: [] });
});

test('fetch sessions: epoch -1 closes the session it names and opens none', () => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 1);
  const context = sessions.open(request({ sessionId: id, sessionEpoch: -1, partitions: [partition('t', 0)] }));
  expect(sessions.answered(context, [result()], 0)).toEqual({ code: 0, sessionId: NO_SESSION, changed: null });
  expect(sessions.sessionCount).toBe(0);
});

test('fetch sessions: epoch 0 replaces the session it names', () => {
  const sessions = new FetchSessions(bounds, 1);
  const first = opened(sessions, 2);
  const context = sessions.open(request({ sessionId: first.id, sessionEpoch: 0, partitions: [partition('u', 0)] }));
  const second = sessions.answered(context, [result()], 0);
  expect(second.sessionId).not.toBe(first.id);
  expect([sessions.sessionCount, sessions.partitionCount]).toEqual([1, 1]);
});

test('fetch sessions: the answer to a request that another overtook is refused', () => {
  const sessions = new FetchSessions(bounds, 1);
  const { id } = opened(sessions, 1);
  const slow = sessions.open(request({ sessionId: id, sessionEpoch: 1 }));
  sessions.open(request({ sessionId: id, sessionEpoch: 2 }));
  expect(sessions.answered(slow, [result()], 0).code).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
});

test('fetch sessions: epochs count up to the largest int32 and go on at 1', () => {
  expect([nextEpoch(0), nextEpoch(1), nextEpoch(0x7fff_ffff)]).toEqual([1, 2, 1]);
});

test('fetch sessions: when all places are taken by young sessions, a new client goes without', () => {
  const sessions = new FetchSessions({ sessions: 2, partitions: 100 }, 1);
  opened(sessions, 1, 0);
  opened(sessions, 1, 0);
  expect(opened(sessions, 9, 120_000).id).toBe(NO_SESSION);
});

test('fetch sessions: the least recently used session gives way when it is stale', () => {
  const sessions = new FetchSessions({ sessions: 2, partitions: 100 }, 1);
  const stale = opened(sessions, 5, 0);
  const used = opened(sessions, 5, 0);
  const context = sessions.open(request({ sessionId: used.id, sessionEpoch: 1, nowMs: 100_000 }));
  expect(context.kind).toBe('incremental');
  expect(opened(sessions, 1, 120_001).id).not.toBe(NO_SESSION);
  expect(sessions.open(request({ sessionId: stale.id, sessionEpoch: 1 })).kind).toBe('refused');
  expect(sessions.open(request({ sessionId: used.id, sessionEpoch: 2 })).kind).toBe('incremental');
});

test('fetch sessions: an old session in use gives way to one that remembers more partitions, not to a smaller one', () => {
  const sessions = new FetchSessions({ sessions: 1, partitions: 100 }, 1);
  const { id } = opened(sessions, 3, 0);
  sessions.open(request({ sessionId: id, sessionEpoch: 1, nowMs: 200_000 }));
  expect(opened(sessions, 3, 200_001).id).toBe(NO_SESSION);
  expect(opened(sessions, 4, 200_001).id).not.toBe(NO_SESSION);
});

test('fetch sessions: partitions over all sessions are bounded; who would exceed it goes on without a session', () => {
  const sessions = new FetchSessions({ sessions: 10, partitions: 5 }, 1);
  const { id } = opened(sessions, 4);
  expect(opened(sessions, 2).id).toBe(NO_SESSION);
  const more = [partition('u', 0), partition('u', 1)];
  const context = sessions.open(request({ sessionId: id, sessionEpoch: 1, partitions: more }));
  expect(context).toEqual({ kind: 'refused', code: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
  expect(sessions.partitionCount).toBe(0);
});

test('fetch sessions: what a client learns over a session is what it would have learnt by asking for all each time', () => {
  const round = fc.array(
    fc.record({ highWatermark: fc.nat(3), logStartOffset: fc.nat(2), code: fc.constantFrom(0, 6) }),
    {
      minLength: 3,
      maxLength: 3,
    },
  );
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 10 }), (rounds) => {
      const sessions = new FetchSessions(bounds, 1);
      const first = [partition('t', 0), partition('t', 1), partition('t', 2)];
      const client = new Map<number, SessionResult>();
      let id = 0;
      for (const [epoch, states] of rounds.entries()) {
        const asked = epoch === 0 ? { partitions: first } : { sessionId: id, sessionEpoch: epoch };
        const context = sessions.open(request(asked));
        const results = partitionsOf(context).map(({ partition: at }) => result(states[at]));
        const answer = sessions.answered(context, results, 0);
        id = answer.sessionId;
        for (const at of answer.changed ?? results.keys()) {
          const told = results[at];
          const named = partitionsOf(context)[at];
          if (told !== undefined && named !== undefined) client.set(named.partition, told);
        }
        for (const [at, state] of states.entries()) expect(client.get(at)).toEqual(result(state));
      }
    }),
  );
});
