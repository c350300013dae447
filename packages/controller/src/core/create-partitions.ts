/** CreatePartitions: a topic grows to a given count, each topic by itself. Partitions never become fewer. */
import { ok, refuse, type Outcome } from '@odradek/base';
import type { MetadataRecord, TopicImage } from '@odradek/metadata';
import { ErrorCode, type CreatePartitionsRequest, type CreatePartitionsResponse } from '@odradek/protocol';
import { checkGiven, choose, partitionRecords, type Assignment } from './assignments.ts';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { repeated } from './repeated.ts';

type Asked = CreatePartitionsRequest['topics'][number];

export function createPartitions(
  context: ControllerContext,
  request: CreatePartitionsRequest,
): Decision<CreatePartitionsResponse> {
  const twice = repeated(request.topics.map((topic) => topic.name));
  const results: CreatePartitionsResponse['results'][number][] = [];
  const records: MetadataRecord[] = [];
  for (const name of twice)
    results.push({ name, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Duplicate topic name.' });
  for (const asked of request.topics) {
    if (twice.has(asked.name)) continue;
    const outcome = grow(context, asked, records.length);
    if (outcome.ok) records.push(...outcome.value);
    const errorCode = outcome.ok ? ErrorCode.NONE : outcome.code;
    results.push({ name: asked.name, errorCode, errorMessage: outcome.ok ? null : outcome.why });
  }
  return { records: request.validateOnly ? NO_RECORDS : records, reply: { throttleTimeMs: 0, results } };
}

/** @param made partitions that the request has made already */
function grow(context: ControllerContext, asked: Asked, made: number): Outcome<MetadataRecord[]> {
  const topic = context.image.topics.byName(asked.name);
  if (topic === undefined)
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'This server does not host this topic-partition.');
  const current = topic.partitions.length;
  if (asked.count === current)
    return refuse(ErrorCode.INVALID_PARTITIONS, `Topic already has ${current} partition(s).`);
  if (asked.count < current) {
    const has = `The topic ${asked.name} currently has ${current} partition(s)`;
    return refuse(ErrorCode.INVALID_PARTITIONS, `${has}; ${asked.count} would not be an increase.`);
  }
  const additional = asked.count - current;
  const allowed = context.settings.partitionsPerRequestMax;
  if (made + additional > allowed) {
    const why = `Excessively large number of partitions per request: at most ${allowed} are allowed.`;
    return refuse(ErrorCode.POLICY_VIOLATION, why);
  }
  const assigned = assign(context, topic, asked);
  return assigned.ok ? ok(partitionRecords(context, topic.id, current, assigned.value)) : assigned;
}

function assign(context: ControllerContext, topic: TopicImage, asked: Asked): Outcome<readonly Assignment[]> {
  const additional = asked.count - topic.partitions.length;
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
  if (asked.assignments === null) return choose(context, additional, replicationFactor);
  if (asked.assignments.length !== additional) {
    const only = `but only ${asked.assignments.length} assignment(s) were specified.`;
    const why = `Attempted to add ${additional} additional partition(s), ${only}`;
    return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why);
  }
  const assignments: Assignment[] = [];
  for (const { brokerIds: replicas } of asked.assignments) {
    const partition = topic.partitions.length + assignments.length;
    const checked = checkGiven(context, { partition, replicas }, replicationFactor);
    if (!checked.ok) return checked;
    assignments.push(checked.value);
  }
  return ok(assignments);
}
