/** A produce request over its partitions: appends them all at once, and waits only when a follower has still to fetch what was appended. */
import type { Clock } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Wait, WaitTarget } from '../core/waiters.ts';
import type { ProducePartition, ProduceRequestInput, ProduceResult } from '../types.ts';
import type { Partition } from './partition.ts';
import type { Counters } from './counters.ts';
import { refusedProduce } from './refusals.ts';
import type { Waiting, WaitingRoom } from './waiting-room.ts';

export type ProduceDoor = {
  readonly clock: Clock;
  readonly room: WaitingRoom;
  readonly counters: Counters;
  /** Where partitions are found, and what is said of one that is not here. */
  readonly find: (topic: string, partition: number) => Partition | undefined;
  readonly refuse: (asked: ProducePartition) => ProduceResult;
};

export class Producing {
  readonly #door: ProduceDoor;

  constructor(door: ProduceDoor) {
    this.#door = door;
  }

  produce(request: ProduceRequestInput): ProduceResult[] | Promise<ProduceResult[]> {
    const { partitions, acks } = request;
    const how = { origin: request.origin, acks, nowMs: this.#door.clock.nowMs() };
    // Asked before anything is appended: a record that is written but cannot be waited for would be neither acknowledged nor refused.
    const mayWait = acks !== -1 || this.#door.room.hasRoomFor(partitions.length);
    const results: ProduceResult[] = [];
    let waitsFor: WaitTarget<Waiting>[] | undefined;
    for (const asked of partitions) {
      const partition = this.#door.find(asked.topic, asked.partition);
      const result =
        partition === undefined
          ? this.#door.refuse(asked)
          : (refusal(partition, asked, mayWait) ?? partition.append(asked.records, how));
      results.push(result);
      if (partition === undefined || result.code !== ErrorCode.NONE) {
        this.#door.counters.produceRefused(result.code);
      } else if (acks === -1 && result.lastOffset >= partition.highWatermark) {
        waitsFor ??= [];
        waitsFor.push({ list: partition.waits, index: results.length - 1, target: result.lastOffset + 1, counted: 0 });
      }
    }
    return waitsFor === undefined ? results : this.#awaitReplicas(request, results, waitsFor);
  }

  #awaitReplicas(
    request: ProduceRequestInput,
    results: ProduceResult[],
    targets: readonly WaitTarget<Waiting>[],
  ): Promise<ProduceResult[]> {
    const deadlineMs = this.#door.clock.monotonicMs() + request.timeoutMs;
    return new Promise((resolve) => {
      const over = (wait: Wait<Waiting>): void => {
        for (const { index, state } of wait.entries) {
          const asked = request.partitions[index];
          if (asked !== undefined) results[index] = this.#acknowledge(asked, results[index], state);
        }
        resolve(results);
      };
      this.#door.room.park({
        kind: 'produce',
        token: { over },
        deadlineMs,
        stableOnly: false,
        missingBytes: 0,
        targets,
      });
    });
  }

  /** What an append that was waited for comes to. Refused does not mean undone: the records stay in the log, the client sends again. */
  #acknowledge(
    asked: ProducePartition,
    appended: ProduceResult | undefined,
    state: 'waiting' | 'moved' | 'lost',
  ): ProduceResult {
    if (state === 'lost' || appended === undefined) return this.#door.refuse(asked);
    if (state === 'waiting') {
      return refusedProduce(
        asked,
        ErrorCode.REQUEST_TIMED_OUT,
        'the in-sync replicas did not take it within timeout.ms',
      );
    }
    const partition = this.#door.find(asked.topic, asked.partition);
    if (partition?.wasReplicatedEnough === true) return appended;
    const why = 'written, but fewer replicas than min.insync.replicas are in sync by now';
    return refusedProduce(asked, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND, why);
  }
}

function refusal(partition: Partition, asked: ProducePartition, mayWait: boolean): ProduceResult | undefined {
  if (asked.topicId !== undefined && asked.topicId !== '' && asked.topicId !== partition.log.topicId) {
    return refusedProduce(asked, ErrorCode.UNKNOWN_TOPIC_ID, `topic ${asked.topic} has another id by now`);
  }
  if (!mayWait && partition.replicaCount > 1) {
    const why = 'too many acks=all requests wait for their replicas on this broker: send it again';
    return refusedProduce(asked, ErrorCode.NOT_ENOUGH_REPLICAS, why);
  }
  return undefined;
}
