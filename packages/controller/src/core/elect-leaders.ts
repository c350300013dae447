/**
 * ElectLeaders (KIP-460): partitions get their preferred leader, or, uncleanly, any leader at all. Each partition is
 * answered by itself. A request that would move more leaders than one batch should hold is refused as a whole.
 */
import { ok, refuse, type Outcome, type Refusal } from '@odradek/base';
import { NO_LEADER, record, type MetadataRecord, type PartitionImage, type TopicImage } from '@odradek/metadata';
import { ElectionType, ErrorCode, type ElectLeadersRequest, type ElectLeadersResponse } from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { changePartition } from './leader-election.ts';
import { mayLead, Policies } from './partitions.ts';
import { excessiveBatch } from './request-bounds.ts';

type TopicResult = ElectLeadersResponse['replicaElectionResults'][number];
type PartitionResult = TopicResult['partitionResult'][number];

export function electLeaders(context: ControllerContext, request: ElectLeadersRequest): Decision<ElectLeadersResponse> {
  const { electionType } = request;
  if (electionType !== ElectionType.PREFERRED && electionType !== ElectionType.UNCLEAN) {
    const refused = refuse(ErrorCode.INVALID_REQUEST, `Unknown election type ${electionType}`);
    return { records: NO_RECORDS, reply: refusedWhole(request, refused) };
  }
  const elections = new Elections(context, electionType);
  const results =
    request.topicPartitions === null ? elections.ofAll() : request.topicPartitions.map((asked) => elections.of(asked));
  if (elections.records.length > context.settings.recordsPerRequestMax) {
    const refused = excessiveBatch(elections.records.length, context.settings.recordsPerRequestMax);
    return { records: NO_RECORDS, reply: refusedWhole(request, refused) };
  }
  const reply = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, replicaElectionResults: results };
  return { records: elections.records, reply };
}

/** Version 0 has no place for an error of the whole request, so each partition says it too, as Kafka's brokers do. */
function refusedWhole(request: ElectLeadersRequest, refused: Refusal): ElectLeadersResponse {
  const replicaElectionResults = (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => failed(partitionId, refused.code, refused.why)),
  }));
  return { throttleTimeMs: 0, errorCode: refused.code, replicaElectionResults };
}

const NOT_AVAILABLE = refuse(ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE, 'The preferred leader was not available.');

class Elections {
  readonly records: MetadataRecord[] = [];
  readonly #context: ControllerContext;
  readonly #policies: Policies;
  readonly #type: number;
  /** What this request has decided already: a partition that is named twice needs no second election. */
  readonly #elected = new Set<PartitionImage>();

  constructor(context: ControllerContext, type: number) {
    this.#context = context;
    this.#policies = new Policies(context);
    this.#type = type;
  }

  /**
   * Every topic is named; of its partitions only those that are not as they should be. It ends when there is more to
   * change than one request may.
   */
  ofAll(): TopicResult[] {
    const { topics } = this.#context.image;
    const byTopic = new Map<TopicImage, PartitionResult[]>();
    for (const topic of topics.all()) byTopic.set(topic, []);
    const needed = this.#type === ElectionType.PREFERRED ? topics.index.imbalanced : topics.index.leaderless;
    for (let place = needed.next(0); place !== undefined; place = needed.next(place + 1)) {
      const topic = topics.index.topicAt(place);
      byTopic.get(topic)?.push(this.#elect(topic, topics.index.partitionAt(place)));
      if (this.records.length > this.#context.settings.recordsPerRequestMax) break;
    }
    return Array.from(byTopic, ([{ name: topic }, partitionResult]) => ({ topic, partitionResult }));
  }

  of(asked: { readonly topic: string; readonly partitions: readonly number[] }): TopicResult {
    const { UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
    const topic = this.#context.image.topics.byName(asked.topic);
    const partitionResult = asked.partitions.map((partitionId) => {
      if (topic === undefined)
        return failed(partitionId, UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${asked.topic}`);
      const partition = topic.partitions[partitionId];
      if (partition !== undefined) return this.#elect(topic, partition);
      return failed(partitionId, UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${asked.topic}-${partitionId}`);
    });
    return { topic: asked.topic, partitionResult };
  }

  #elect(topic: TopicImage, partition: PartitionImage): PartitionResult {
    const outcome = this.#changeOf(topic, partition);
    if (!outcome.ok) return failed(partition.partition, outcome.code, outcome.why);
    this.#elected.add(partition);
    this.records.push(outcome.value);
    return { partitionId: partition.partition, errorCode: ErrorCode.NONE, errorMessage: null };
  }

  #changeOf(topic: TopicImage, partition: PartitionImage): Outcome<MetadataRecord> {
    const isPreferred = this.#type === ElectionType.PREFERRED;
    const isThere = isPreferred ? partition.leader === partition.replicas[0] : partition.leader !== NO_LEADER;
    if (isThere || this.#elected.has(partition))
      return refuse(ErrorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.');
    if (isPreferred && this.#stays(partition)) return NOT_AVAILABLE;
    const changed = changePartition({
      ...this.#policies.of(topic),
      election: isPreferred ? 'preferred' : 'unclean',
      topicId: topic.id,
      partition,
      mayLead: (brokerId) => mayLead(this.#context, partition, brokerId),
    });
    if (changed !== undefined) return ok(record('PartitionChangeRecord', changed));
    return isPreferred
      ? NOT_AVAILABLE
      : refuse(ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, 'Eligible topic partition leaders are not available.');
  }

  /** Told apart without a whole decision: with a broker down, this is what is found of a third of all partitions. */
  #stays(partition: PartitionImage): boolean {
    const preferred = partition.replicas[0] ?? NO_LEADER;
    const mayBe = partition.isr.includes(preferred) && mayLead(this.#context, partition, preferred);
    return !mayBe && partition.leader !== NO_LEADER && mayLead(this.#context, partition, partition.leader);
  }
}

function failed(partitionId: number, errorCode: number, errorMessage: string): PartitionResult {
  return { partitionId, errorCode, errorMessage };
}
