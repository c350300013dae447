/**
 * AlterPartition (KIP-497): the leader of a partition says who is in sync with it, and that it has recovered after an unclean election
 * (KIP-704). Each partition is answered by itself, and checked in Kafka's order with Kafka's codes. Who is fenced, about to stop, or not
 * in the life that the leader has seen may not be in sync (KIP-903). An ISR that completes a reassignment may move the leader: it is then
 * told NEW_LEADER_ELECTED, although its change counts.
 */
import { ok, refuse, type Outcome } from '@odradek/base';
import { changedPartition, record, type MetadataRecord, type PartitionImage, type TopicImage } from '@odradek/metadata';
import { NO_LEADER_CHANGE } from '@odradek/metadata';
import {
  ErrorCode,
  LeaderRecoveryState,
  type AlterPartitionRequest,
  type AlterPartitionResponse,
} from '@odradek/protocol';
import { staleBroker } from './brokers.ts';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { changePartition } from './leader-election.ts';
import { mayLead, Policies } from './partitions.ts';

type TopicAsked = AlterPartitionRequest['topics'][number];
type PartitionAsked = TopicAsked['partitions'][number];
type TopicResult = AlterPartitionResponse['topics'][number];
type PartitionResult = TopicResult['partitions'][number];
/** `brokerEpoch` -1: the life of the broker is not checked. */
type Member = { readonly brokerId: number; readonly brokerEpoch: number };

const EPOCH_UNKNOWN = -1;

export function alterPartition(
  context: ControllerContext,
  request: AlterPartitionRequest,
): Decision<AlterPartitionResponse> {
  const stale = staleBroker(context, request.brokerId, request.brokerEpoch);
  if (stale !== undefined)
    return { records: NO_RECORDS, reply: { throttleTimeMs: 0, errorCode: stale.code, topics: [] } };
  const altering = new Altering(context, request.brokerId);
  const topics = request.topics.map((topic) => altering.topic(topic));
  return { records: altering.records, reply: { throttleTimeMs: 0, errorCode: ErrorCode.NONE, topics } };
}

class Altering {
  readonly records: MetadataRecord[] = [];
  readonly #context: ControllerContext;
  readonly #policies: Policies;
  readonly #brokerId: number;
  /** Partitions as this request leaves them, by what they were: one that is named twice is checked against the first change. */
  readonly #changed = new Map<PartitionImage, PartitionImage>();

  constructor(context: ControllerContext, brokerId: number) {
    this.#context = context;
    this.#policies = new Policies(context);
    this.#brokerId = brokerId;
  }

  topic({ topicId, partitions }: TopicAsked): TopicResult {
    const topic = this.#context.image.topics.byId(topicId);
    const results = partitions.map((asked) => {
      if (topic === undefined) return failed(asked.partitionIndex, ErrorCode.UNKNOWN_TOPIC_ID);
      const known = topic.partitions[asked.partitionIndex];
      if (known === undefined) return failed(asked.partitionIndex, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      return this.#partition(topic, known, asked);
    });
    return { topicId, partitions: results };
  }

  #partition(topic: TopicImage, known: PartitionImage, asked: PartitionAsked): PartitionResult {
    const partition = this.#changed.get(known) ?? known;
    const isr = this.#checkedIsr(partition, asked);
    if (!isr.ok) return failed(asked.partitionIndex, isr.code);
    const change = changePartition({
      ...this.#policies.of(topic),
      topicId: topic.id,
      partition,
      mayLead: (brokerId) => mayLead(this.#context, partition, brokerId),
      isr: isr.value,
      leaderRecoveryState: asked.leaderRecoveryState,
    });
    if (change === undefined) return standing(partition);
    const after = changedPartition(partition, change);
    this.records.push(record('PartitionChangeRecord', change));
    this.#changed.set(known, after);
    if (change.leader !== NO_LEADER_CHANGE && change.leader !== this.#brokerId)
      return failed(asked.partitionIndex, ErrorCode.NEW_LEADER_ELECTED);
    return standing(after);
  }

  /** @returns the ISR when the leader may say so */
  #checkedIsr(partition: PartitionImage, asked: PartitionAsked): Outcome<readonly number[]> {
    const epochs = this.#epochProblem(partition, asked);
    if (epochs !== undefined) return epochs;
    const members = membersOf(asked);
    const isr = members.map(({ brokerId }) => brokerId);
    const { INVALID_REQUEST } = ErrorCode;
    const foreign = isr.find((brokerId) => !partition.replicas.includes(brokerId));
    if (foreign !== undefined) return refuse(INVALID_REQUEST, `Broker ${foreign} has no replica of the partition.`);
    if (isr.length === 0 || new Set(isr).size !== isr.length)
      return refuse(INVALID_REQUEST, `The ISR ${isr.join(',')} must name each member once, and one at least.`);
    if (!isr.includes(this.#brokerId)) return refuse(INVALID_REQUEST, `The ISR ${isr.join(',')} lacks the leader.`);
    const recovers = asked.leaderRecoveryState === LeaderRecoveryState.RECOVERING;
    if (recovers && isr.length > 1)
      return refuse(INVALID_REQUEST, 'While a leader recovers from an unclean election, only it is in sync.');
    if (recovers && partition.leaderRecoveryState !== LeaderRecoveryState.RECOVERING)
      return refuse(INVALID_REQUEST, 'A leader that has recovered does not begin to recover again.');
    if (!recovers && asked.leaderRecoveryState !== LeaderRecoveryState.RECOVERED)
      return refuse(INVALID_REQUEST, `${asked.leaderRecoveryState} is no leader recovery state.`);
    return this.#ineligible(members) ?? ok(isr);
  }

  /** A leader that knows more than this controller has met a newer one. */
  #epochProblem(partition: PartitionImage, asked: PartitionAsked): Outcome<never> | undefined {
    const { leaderEpoch, partitionEpoch, leader } = partition;
    const is = `The leader epoch is ${leaderEpoch}, the partition epoch ${partitionEpoch}`;
    if (asked.leaderEpoch > leaderEpoch || asked.partitionEpoch > partitionEpoch)
      return refuse(ErrorCode.NOT_CONTROLLER, `${is} as far as this controller knows.`);
    if (asked.leaderEpoch < leaderEpoch) return refuse(ErrorCode.FENCED_LEADER_EPOCH, `${is}.`);
    if (this.#brokerId !== leader) return refuse(ErrorCode.INVALID_REQUEST, `The leader is ${leader}.`);
    if (asked.partitionEpoch < partitionEpoch) return refuse(ErrorCode.INVALID_UPDATE_VERSION, `${is}.`);
    return undefined;
  }

  #ineligible(members: readonly Member[]): Outcome<never> | undefined {
    const { cluster } = this.#context.image;
    for (const { brokerId, brokerEpoch } of members) {
      const broker = cluster.broker(brokerId);
      const isOfThisLife = brokerEpoch === EPOCH_UNKNOWN || brokerEpoch === broker?.epoch;
      if (cluster.isActive(brokerId) && isOfThisLife) continue;
      const why = `Broker ${brokerId} is not registered, fenced, about to stop, or has another epoch than ${brokerEpoch}.`;
      return refuse(ErrorCode.INELIGIBLE_REPLICA, why);
    }
    return undefined;
  }
}

/** Version 2 names brokers, version 3 brokers in a certain life. */
function membersOf({ newIsr, newIsrWithEpochs }: PartitionAsked): readonly Member[] {
  if (newIsrWithEpochs.length > 0) return newIsrWithEpochs;
  return newIsr.map((brokerId) => ({ brokerId, brokerEpoch: EPOCH_UNKNOWN }));
}

function standing(partition: PartitionImage): PartitionResult {
  return {
    partitionIndex: partition.partition,
    errorCode: ErrorCode.NONE,
    leaderId: partition.leader,
    leaderEpoch: partition.leaderEpoch,
    isr: partition.isr,
    leaderRecoveryState: partition.leaderRecoveryState,
    partitionEpoch: partition.partitionEpoch,
  };
}

function failed(partitionIndex: number, errorCode: number): PartitionResult {
  return {
    partitionIndex,
    errorCode,
    leaderId: 0,
    leaderEpoch: 0,
    isr: [],
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    partitionEpoch: 0,
  };
}
