import { refuse, silent } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { Proposal, ProposalAnswer } from '../core/isr.ts';
import type { IsrPort } from '../replica-types.ts';
import { IsrChanges } from './isr-changes.ts';
import type { Proposer } from './isr-changes.ts';

type Request = Parameters<IsrPort['alterPartition']>[0];
type Answer = Awaited<ReturnType<IsrPort['alterPartition']>>;

/** A controller that answers when the test says so. */
class Controller implements IsrPort {
  readonly requests: Request[] = [];
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];

  alterPartition(request: Request): Promise<Answer> {
    this.requests.push(request);
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** Partitions asked for in the last request, in order. */
  get asked(): readonly string[] {
    const topics = this.requests.at(-1)?.topics ?? [];
    return topics.flatMap(({ topicId, partitions }) => partitions.map((each) => `${topicId}${each.partitionIndex}`));
  }

  /** Answers the oldest request with `code` for every partition but those left out. */
  async answer(code: number, leftOut: readonly string[] = []): Promise<void> {
    const request = this.requests[this.requests.length - this.#waiting.length];
    const topics = (request?.topics ?? []).map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions
        .filter(({ partitionIndex }) => !leftOut.includes(`${topicId}${partitionIndex}`))
        .map(({ partitionIndex, leaderEpoch, partitionEpoch }) => ({
          partitionIndex,
          errorCode: code,
          leaderId: 1,
          leaderEpoch,
          isr: [1],
          leaderRecoveryState: 0,
          partitionEpoch: partitionEpoch + 1,
        })),
    }));
    await this.settle((waiting) => waiting.resolve({ ok: true, value: { errorCode: ErrorCode.NONE, topics } }));
  }

  async settle(how: (waiting: PromiseWithResolvers<Answer>) => void): Promise<void> {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) throw new Error('nothing is asked');
    how(waiting);
    await turn();
  }
}

class Leader implements Proposer {
  readonly topicId: string;
  readonly partition: number;
  readonly answers: ProposalAnswer[] = [];
  pending: Proposal | undefined;

  constructor(topicId: string, partition: number) {
    this.topicId = topicId;
    this.partition = partition;
  }

  isPending(proposal: Proposal): boolean {
    return this.pending === proposal;
  }

  answered(_proposal: Proposal, answer: ProposalAnswer): void {
    this.answers.push(answer);
  }

  propose(changes: IsrChanges, isr: readonly number[] = [1]): void {
    const members = isr.map((brokerId) => ({ brokerId, brokerEpoch: brokerId }));
    this.pending = { kind: 'shrink', leaderEpoch: 3, partitionEpoch: 8, isr: members };
    changes.submit(this, this.pending);
  }
}

const RETRY_MS = 50;

function setUp(perRequestMax = 100): { changes: IsrChanges; controller: Controller; clock: SimClock } {
  const clock = new SimClock();
  const controller = new Controller();
  const changes = new IsrChanges({ clock, log: silent, port: controller, perRequestMax, retryMs: RETRY_MS });
  return { changes, controller, clock };
}

async function turn(): Promise<void> {
  for (let at = 0; at < 10; at += 1) await Promise.resolve();
}

test('ISR changes: what is proposed in one turn goes in one request, with epochs and lives', async () => {
  const { changes, controller } = setUp();
  for (const leader of [new Leader('a', 0), new Leader('b', 0), new Leader('a', 1)]) leader.propose(changes, [1, 2]);
  await turn();
  expect(controller.requests).toHaveLength(1);
  expect(controller.asked).toEqual(['a0', 'a1', 'b0']);
  expect(controller.requests[0]?.topics[0]?.partitions[0]).toEqual({
    partitionIndex: 0,
    leaderEpoch: 3,
    partitionEpoch: 8,
    newIsr: [],
    newIsrWithEpochs: [
      { brokerId: 1, brokerEpoch: 1 },
      { brokerId: 2, brokerEpoch: 2 },
    ],
    leaderRecoveryState: 0,
  });
});

test('ISR changes: one request at a time; what is proposed meanwhile goes in the next', async () => {
  const { changes, controller } = setUp();
  const [first, second] = [new Leader('a', 0), new Leader('a', 1)];
  first.propose(changes);
  await turn();
  second.propose(changes);
  await turn();
  expect(controller.requests).toHaveLength(1);
  await controller.answer(ErrorCode.NONE);
  expect(first.answers).toMatchObject([{ code: 0, isr: [1], partitionEpoch: 9, leaderEpoch: 3 }]);
  expect(controller.asked).toEqual(['a1']);
});

test('ISR changes: a request names no more partitions than its bound; the rest follows at once', async () => {
  const { changes, controller } = setUp(2);
  for (const partition of [0, 1, 2]) new Leader('a', partition).propose(changes);
  await turn();
  expect(controller.asked).toEqual(['a0', 'a1']);
  await controller.answer(ErrorCode.NONE);
  expect(controller.asked).toEqual(['a2']);
});

test.for<[string, (waiting: PromiseWithResolvers<Answer>) => void]>([
  ['is refused', (waiting) => waiting.resolve(refuse(ErrorCode.NOT_CONTROLLER, 'no controller'))],
  ['fails', (waiting) => waiting.reject(new Error('the stream broke'))],
  [
    'is refused as a whole',
    (waiting) => waiting.resolve({ ok: true, value: { errorCode: ErrorCode.STALE_BROKER_EPOCH, topics: [] } }),
  ],
])('ISR changes: a request that %s is sent again after a while, without what its leader gave up', async ([, how]) => {
  const { changes, controller, clock } = setUp();
  const [stays, gone] = [new Leader('a', 0), new Leader('a', 1)];
  for (const leader of [stays, gone]) leader.propose(changes);
  await turn();
  gone.pending = undefined;
  await controller.settle(how);
  await clock.advance(RETRY_MS - 1);
  expect(controller.requests).toHaveLength(1);
  await clock.advance(1);
  await turn();
  expect(controller.asked).toEqual(['a0']);
  expect(stays.answers).toEqual([]);
});

test('ISR changes: after a refusal of one partition the next request waits a while', async () => {
  const { changes, controller, clock } = setUp();
  const leader = new Leader('a', 0);
  leader.propose(changes);
  await turn();
  await controller.answer(ErrorCode.INELIGIBLE_REPLICA);
  expect(leader.answers).toMatchObject([{ code: ErrorCode.INELIGIBLE_REPLICA }]);
  leader.propose(changes);
  await turn();
  expect(controller.requests).toHaveLength(1);
  await clock.advance(RETRY_MS);
  await turn();
  expect(controller.requests).toHaveLength(2);
});

test('ISR changes: a partition that an answer forgot is sent again', async () => {
  const { changes, controller, clock } = setUp();
  const [told, forgotten] = [new Leader('a', 0), new Leader('a', 1)];
  for (const leader of [told, forgotten]) leader.propose(changes);
  await turn();
  await controller.answer(ErrorCode.NONE, ['a1']);
  await clock.advance(RETRY_MS);
  await turn();
  expect([told.answers.length, forgotten.answers.length, controller.asked]).toEqual([1, 0, ['a1']]);
});

test('ISR changes: once closed nothing is sent, and no answer is passed on', async () => {
  const { changes, controller } = setUp();
  const leader = new Leader('a', 0);
  leader.propose(changes);
  await turn();
  changes.close();
  await controller.answer(ErrorCode.NONE);
  new Leader('a', 1).propose(changes);
  await turn();
  expect([leader.answers, controller.requests.length]).toEqual([[], 1]);
});
