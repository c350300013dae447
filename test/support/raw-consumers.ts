/** Members of consumer groups (KIP-848) made of heartbeats alone: they take what they are given and give up what is taken, at once. */
import { randomBytes } from 'node:crypto';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import type { Pipeline } from './pipeline.ts';
import { expectNone, ready } from './raw-groups.ts';

type Owned = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

/** What a member may say of itself when it joins. */
type JoinWords = { readonly rackId?: string; readonly serverAssignor?: string };

const REBALANCE_TIMEOUT_MS = 60_000;

export class RawConsumer {
  readonly memberId = randomBytes(16).toString('base64url');
  readonly #pipe: Pipeline;
  readonly #groupId: string;
  readonly #topics: readonly string[];
  readonly #join: JoinWords;
  epoch = 0;
  owned: Owned = [];
  /** Whether the coordinator still has to hear what is owned now. */
  #untold = true;

  constructor(pipe: Pipeline, groupId: string, topics: readonly string[], join: JoinWords = {}) {
    this.#pipe = pipe;
    this.#groupId = groupId;
    this.#topics = topics;
    this.#join = join;
  }

  /** The first one joins. @returns whether it brought something new: another epoch or another assignment */
  async beat(): Promise<boolean> {
    const isJoin = this.epoch === 0;
    const untold = this.#untold;
    this.#untold = false;
    const answer = await ready(
      () =>
        this.#pipe.call(ApiKey.ConsumerGroupHeartbeat, {
          groupId: this.#groupId,
          memberId: this.memberId,
          memberEpoch: this.epoch,
          rebalanceTimeoutMs: isJoin ? REBALANCE_TIMEOUT_MS : -1,
          subscribedTopicNames: isJoin ? [...this.#topics] : null,
          ...(isJoin ? this.#join : {}),
          topicPartitions: untold ? this.owned.map((each) => ({ ...each, partitions: [...each.partitions] })) : null,
        }),
      ({ errorCode }) => errorCode,
    );
    expectNone(`heartbeat in ${this.#groupId}: ${answer.errorMessage ?? ''}`, answer.errorCode);
    const isNew = answer.memberEpoch !== this.epoch || answer.assignment !== null;
    this.epoch = answer.memberEpoch;
    if (answer.assignment !== null) {
      this.owned = answer.assignment.topicPartitions;
      this.#untold = true;
    }
    return isNew;
  }

  get partitionCount(): number {
    return this.owned.reduce((sum, { partitions }) => sum + partitions.length, 0);
  }

  async leave(): Promise<void> {
    const request = { groupId: this.#groupId, memberId: this.memberId, memberEpoch: -1, rebalanceTimeoutMs: -1 };
    const { errorCode } = await this.#pipe.call(ApiKey.ConsumerGroupHeartbeat, request);
    if (errorCode !== ErrorCode.NONE) expectNone('leave', errorCode);
  }
}

const ROUNDS_MAX = 1_000;

/** Everyone beats, round after round, until a round brings nothing new. @returns the rounds it took */
export async function reconcile(members: readonly RawConsumer[]): Promise<number> {
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const news = await Promise.all(members.map((member) => member.beat()));
    const isSettled = !news.includes(true) && new Set(members.map(({ epoch }) => epoch)).size === 1;
    if (isSettled) return round;
  }
  throw new Error(`the group is not reconciled after ${ROUNDS_MAX} heartbeats of every member`);
}
