/**
 * CreateTopics: each topic is created whole or refused by itself; a request that asks for too much is refused as a
 * whole.
 */
import { config, ok, randomUuid, refuse, UUID_ZERO, type Outcome, type Refusal } from '@odradek/base';
import { record, topicNameProblem, type MetadataRecord } from '@odradek/metadata';
import {
  ConfigResourceType,
  ErrorCode,
  TopicName,
  type CreateTopicsRequest,
  type CreateTopicsResponse,
} from '@odradek/protocol';
import { checkGiven, choose, partitionRecords, type Assignment } from './assignments.ts';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { layersOf } from './effective-config.ts';
import { repeated } from './repeated.ts';

type CreatableTopic = CreateTopicsRequest['topics'][number];
type Result = CreateTopicsResponse['topics'][number];
type Created = { readonly result: Result; readonly records: readonly MetadataRecord[] };

export function createTopics(context: ControllerContext, request: CreateTopicsRequest): Decision<CreateTopicsResponse> {
  const names = request.topics.map((topic) => topic.name);
  const twice = repeated(names);
  const results: Result[] = [];
  const records: MetadataRecord[] = [];
  const excessive = excessProblem(context, request);
  const described = new Described(context);
  for (const topic of request.topics) {
    if (twice.has(topic.name)) continue;
    const outcome = excessive ?? createTopic(context, topic, described);
    if (outcome.ok) {
      records.push(...outcome.value.records);
      results.push(outcome.value.result);
    } else {
      results.push(failed(topic.name, outcome));
    }
  }
  for (const name of twice) results.push(failed(name, refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.')));
  return { records: request.validateOnly ? NO_RECORDS : records, reply: { throttleTimeMs: 0, topics: results } };
}

function failed(name: string, refusal: { readonly code: number; readonly why: string }): Result {
  return {
    name,
    topicId: UUID_ZERO,
    errorCode: refusal.code,
    errorMessage: refusal.why,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  };
}

/** One request may not make more partitions than a batch of the metadata log should hold. */
function excessProblem({ settings }: ControllerContext, request: CreateTopicsRequest): Outcome<never> | undefined {
  let asked = 0;
  for (const topic of request.topics) {
    const byDefault = settings.config.get('num.partitions');
    const count = topic.numPartitions === -1 ? byDefault : Math.max(0, topic.numPartitions);
    asked += topic.assignments.length > 0 ? topic.assignments.length : count;
  }
  if (asked <= settings.partitionsPerRequestMax) return undefined;
  const allowed = `this one asks for ${asked}, at most ${settings.partitionsPerRequestMax} are allowed`;
  return refuse(ErrorCode.POLICY_VIOLATION, `Excessively large number of partitions per request: ${allowed}.`);
}

function createTopic(context: ControllerContext, topic: CreatableTopic, described: Described): Outcome<Created> {
  const named = nameProblem(context, topic.name);
  if (named !== undefined) return named;
  const configs = creationConfigs(context, topic);
  if (!configs.ok) return configs;
  const assigned = topic.assignments.length > 0 ? given(context, topic) : chosen(context, topic);
  if (!assigned.ok) return assigned;

  const topicId = randomUuid(context.random);
  const records: MetadataRecord[] = [record('TopicRecord', { name: topic.name, topicId })];
  for (const [name, value] of configs.value) {
    const resource = { resourceType: ConfigResourceType.TOPIC, resourceName: topic.name };
    records.push(record('ConfigRecord', { ...resource, name, value }));
  }
  records.push(...partitionRecords(context, topicId, 0, assigned.value));
  const result: Result = {
    name: topic.name,
    topicId,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: assigned.value.length,
    replicationFactor: assigned.value[0]?.replicas.length ?? -1,
    configs: described.of(configs.value),
  };
  return ok({ result, records });
}

/** Two topics of one request may collide with each other, as with Kafka: only what is there already counts. */
function nameProblem({ image }: ControllerContext, name: string): Refusal | undefined {
  if (name === TopicName.CLUSTER_METADATA)
    return refuse(ErrorCode.INVALID_REQUEST, `Creation of internal topic ${name} is prohibited.`);
  const problem = topicNameProblem(name);
  if (problem !== undefined) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  if (image.topics.byName(name) !== undefined)
    return refuse(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  const collides = image.topics.collidingWith(name);
  if (collides === undefined) return undefined;
  return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${collides}`);
}

function creationConfigs(context: ControllerContext, topic: CreatableTopic): Outcome<ReadonlyMap<string, string>> {
  const withoutValue = topic.configs.filter((entry) => entry.value === null).map((entry) => entry.name);
  if (withoutValue.length > 0) {
    const why = `Null value not supported for topic configs: ${withoutValue.join(',')}`;
    return refuse(ErrorCode.INVALID_CONFIG, why);
  }
  const entries = new Map(topic.configs.map((entry) => [entry.name, entry.value] as const));
  return config.validateTopicConfigs(entries, layersOf(context));
}

function given(context: ControllerContext, topic: CreatableTopic): Outcome<readonly Assignment[]> {
  const exclusive = 'A manual partition assignment was specified, but';
  if (topic.replicationFactor !== -1)
    return refuse(ErrorCode.INVALID_REQUEST, `${exclusive} replication factor was not set to -1.`);
  if (topic.numPartitions !== -1)
    return refuse(ErrorCode.INVALID_REQUEST, `${exclusive} numPartitions was not set to -1.`);
  const byPartition = new Map<number, Assignment>();
  let replicationFactor: number | undefined;
  for (const { partitionIndex: partition, brokerIds: replicas } of topic.assignments) {
    if (byPartition.has(partition)) {
      const why = `Found multiple manual partition assignments for partition ${partition}`;
      return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why);
    }
    const checked = checkGiven(context, { partition, replicas }, replicationFactor);
    if (!checked.ok) return checked;
    replicationFactor = replicas.length;
    byPartition.set(partition, checked.value);
  }
  const assignments: Assignment[] = [];
  for (let partition = 0; partition < byPartition.size; partition += 1) {
    const assignment = byPartition.get(partition);
    if (assignment === undefined) {
      const why = 'partitions should be a consecutive 0-based integer sequence';
      return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why);
    }
    assignments.push(assignment);
  }
  return ok(assignments);
}

function chosen(context: ControllerContext, topic: CreatableTopic): Outcome<readonly Assignment[]> {
  const { config: properties } = context.settings;
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0) {
    const why = 'Replication factor must be larger than 0, or -1 to use the default value.';
    return refuse(ErrorCode.INVALID_REPLICATION_FACTOR, why);
  }
  if (topic.numPartitions < -1 || topic.numPartitions === 0)
    return refuse(ErrorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.');
  const count = topic.numPartitions === -1 ? properties.get('num.partitions') : topic.numPartitions;
  const factor =
    topic.replicationFactor === -1 ? properties.get('default.replication.factor') : topic.replicationFactor;
  const placed = choose(context, count, factor);
  return placed.ok ? placed : refuse(placed.code, `Unable to replicate the partition ${factor} time(s): ${placed.why}`);
}

/** The configs of new topics as the answer tells them; those of topics that have none of their own are made once. */
class Described {
  readonly #layers: config.Layers;
  #defaults: Result['configs'] | undefined;

  constructor(context: ControllerContext) {
    this.#layers = layersOf(context);
  }

  of(configs: ReadonlyMap<string, string>): Result['configs'] {
    if (configs.size > 0) return this.#describe(configs);
    this.#defaults ??= this.#describe(configs);
    return this.#defaults;
  }

  #describe(configs: ReadonlyMap<string, string>): Result['configs'] {
    return config.describeTopicConfig(configs, this.#layers).map((entry) => ({
      name: entry.name,
      value: entry.isSensitive ? null : entry.value,
      readOnly: entry.readOnly,
      configSource: entry.source,
      isSensitive: entry.isSensitive,
    }));
  }
}
