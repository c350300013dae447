/**
 * AlterPartitionReassignments and ListPartitionReassignments (KIP-455): replicas of a partition move to other brokers.
 * What is asked becomes the partition's adding and removing replicas at once; when all that are to stay are in sync,
 * whichever change shows it completes the reassignment (leader-election.ts). Each partition is answered by itself.
 */
import { ok, refuse, type Outcome } from '@odradek/base';
import { changedPartition, record } from '@odradek/metadata';
import type { MetadataRecord, PartitionImage, TopicImage } from '@odradek/metadata';
import {
  ErrorCode,
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponse,
  type PartitionChangeRecord,
} from '@odradek/protocol';
import { checkReplicas } from './assignments.ts';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { changePartition, type Asked } from './leader-election.ts';
import { mayLead, Policies } from './partitions.ts';
import { excessiveBatch } from './request-bounds.ts';

type TopicAsked = AlterPartitionReassignmentsRequest['topics'][number];
type PartitionAsked = TopicAsked['partitions'][number];
type TopicResult = AlterPartitionReassignmentsResponse['responses'][number];
type PartitionResult = TopicResult['partitions'][number];
type Listed = ListPartitionReassignmentsResponse['topics'][number];

export function alterPartitionReassignments(
  context: ControllerContext,
  request: AlterPartitionReassignmentsRequest,
): Decision<AlterPartitionReassignmentsResponse> {
  const { allowReplicationFactorChange } = request;
  const { recordsPerRequestMax } = context.settings;
  const asked = request.topics.reduce((sum, topic) => sum + topic.partitions.length, 0);
  const excessive = asked > recordsPerRequestMax ? excessiveBatch(asked, recordsPerRequestMax) : undefined;
  const reassigning = new Reassigning(context, allowReplicationFactorChange);
  const responses = request.topics.map((topic) => {
    const refused = (partitionIndex: number): PartitionResult => resultOf(partitionIndex, excessive);
    const partitions =
      excessive === undefined
        ? reassigning.topic(topic)
        : topic.partitions.map(({ partitionIndex }) => refused(partitionIndex));
    return { name: topic.name, partitions };
  });
  const errorCode = excessive?.code ?? ErrorCode.NONE;
  const errorMessage = excessive?.why ?? (request.topics.length === 0 ? '' : null);
  const reply = { throttleTimeMs: 0, allowReplicationFactorChange, errorCode, errorMessage, responses };
  return { records: reassigning.records, reply };
}

class Reassigning {
  readonly records: MetadataRecord[] = [];
  readonly #context: ControllerContext;
  readonly #policies: Policies;
  readonly #mayChangeFactor: boolean;
  /** Partitions as this request leaves them, by what they were: one that is named twice goes on from the first. */
  readonly #changed = new Map<PartitionImage, PartitionImage>();

  constructor(context: ControllerContext, mayChangeFactor: boolean) {
    this.#context = context;
    this.#policies = new Policies(context);
    this.#mayChangeFactor = mayChangeFactor;
  }

  topic(asked: TopicAsked): PartitionResult[] {
    const topic = this.#context.image.topics.byName(asked.name);
    return asked.partitions.map((partition) => {
      const outcome =
        topic === undefined
          ? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${asked.name}.`)
          : this.#partition(topic, partition);
      return resultOf(partition.partitionIndex, outcome);
    });
  }

  #partition(topic: TopicImage, asked: PartitionAsked): Outcome<void> {
    const known = topic.partitions[asked.partitionIndex];
    if (known === undefined) {
      const why = `Unable to find partition ${topic.name}:${asked.partitionIndex}.`;
      return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, why);
    }
    const partition = this.#changed.get(known) ?? known;
    const target =
      asked.replicas === null ? this.#cancelled(topic, partition) : this.#reassigned(partition, asked.replicas);
    if (!target.ok) return target;
    const change = this.#changeOf(topic, partition, target.value);
    if (change === undefined) return ok(undefined);
    this.records.push(record('PartitionChangeRecord', change));
    this.#changed.set(known, changedPartition(partition, change));
    return ok(undefined);
  }

  #changeOf(topic: TopicImage, partition: PartitionImage, target: Target): PartitionChangeRecord | undefined {
    const policy = this.#policies.of(topic);
    return changePartition({
      ...policy,
      election: target.mayBeUnclean ? policy.election : 'online',
      topicId: topic.id,
      partition,
      mayLead: (brokerId) => mayLead(this.#context, partition, brokerId),
      ...target.asked,
    });
  }

  #reassigned(partition: PartitionImage, replicas: readonly number[]): Outcome<Target> {
    const problem = checkReplicas(this.#context, replicas);
    if (problem !== undefined) return problem;
    const factor = this.#mayChangeFactor ? replicas.length : factorOf(partition);
    if (replicas.length !== factor) {
      const why = `The replication factor is changed from ${factor} to ${replicas.length}`;
      return refuse(ErrorCode.INVALID_REPLICATION_FACTOR, why);
    }
    return ok({ mayBeUnclean: false, asked: towards(partition, replicas) });
  }

  /** Back to the replicas that were there before; what was added goes at once. */
  #cancelled(topic: TopicImage, partition: PartitionImage): Outcome<Target> {
    if (!isReassigning(partition))
      return refuse(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, 'No partition reassignment is in progress.');
    const replicas = without(partition.replicas, partition.addingReplicas);
    const isr = without(partition.isr, partition.addingReplicas);
    const [first] = replicas;
    if (first === undefined) {
      const why = 'Invalid replica assignment: addingReplicas contains all replicas.';
      return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why);
    }
    if (isr.length === 0 && this.#policies.of(topic).election !== 'unclean') {
      const where = `${topic.name}:${partition.partition}`;
      const why = `Unable to revert partition assignment for ${where} because it would require an unclean leader election.`;
      return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why);
    }
    const asked = { replicas, isr: isr.length === 0 ? [first] : isr, addingReplicas: [], removingReplicas: [] };
    return ok({ mayBeUnclean: true, asked });
  }
}

/** What a partition is to become. */
type Target = { readonly asked: Asked; readonly mayBeUnclean: boolean };

/**
 * The way to other replicas: those that are new are added, those that are not wanted stay behind the others until the
 * new ones are in sync. A reassignment over another one that adds nothing new keeps what that one was adding and is
 * still wanted, so that its cancellation leads back to the first replicas.
 */
function towards(partition: PartitionImage, replicas: readonly number[]): Asked {
  const adding = without(replicas, partition.replicas);
  const removing = without(partition.replicas, replicas).sort((a, b) => a - b);
  const stillAdding = partition.addingReplicas.filter((replica) => replicas.includes(replica));
  return {
    replicas: [...replicas, ...removing],
    addingReplicas: adding.length > 0 ? adding.sort((a, b) => a - b) : stillAdding,
    removingReplicas: removing,
  };
}

/** The replicas that a partition has, or will have when its reassignment is done. */
function factorOf({ replicas, addingReplicas, removingReplicas }: PartitionImage): number {
  return without([...new Set([...replicas, ...addingReplicas])], removingReplicas).length;
}

function isReassigning({ addingReplicas, removingReplicas }: PartitionImage): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}

function without(replicas: readonly number[], some: readonly number[]): number[] {
  return replicas.filter((replica) => !some.includes(replica));
}

function resultOf(partitionIndex: number, outcome: Outcome<unknown> | undefined): PartitionResult {
  if (outcome === undefined || outcome.ok) return { partitionIndex, errorCode: ErrorCode.NONE, errorMessage: null };
  return { partitionIndex, errorCode: outcome.code, errorMessage: outcome.why };
}

/** What is not known, or is not under way, is left out. */
export function listPartitionReassignments(
  { image }: ControllerContext,
  request: ListPartitionReassignmentsRequest,
): Decision<ListPartitionReassignmentsResponse> {
  const { topics } = image;
  const found = new Map<string, Listed['partitions'][number][]>();
  const list = (topic: TopicImage, partition: PartitionImage | undefined): void => {
    if (partition === undefined || !isReassigning(partition)) return;
    const { partition: partitionIndex, replicas, addingReplicas, removingReplicas } = partition;
    const listed = found.get(topic.name) ?? [];
    listed.push({ partitionIndex, replicas, addingReplicas, removingReplicas });
    found.set(topic.name, listed);
  };
  if (request.topics === null) {
    const { reassigning } = topics.index;
    for (let place = reassigning.next(0); place !== undefined; place = reassigning.next(place + 1))
      list(topics.index.topicAt(place), topics.index.partitionAt(place));
  } else {
    for (const { name, partitionIndexes } of request.topics) {
      const topic = topics.byName(name);
      if (topic !== undefined) for (const index of partitionIndexes) list(topic, topic.partitions[index]);
    }
  }
  const listed = Array.from(found, ([name, partitions]) => ({ name, partitions }));
  const reply = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, topics: listed };
  return { records: NO_RECORDS, reply };
}
