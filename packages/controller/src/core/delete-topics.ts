/** DeleteTopics, by name or by id: each topic is deleted or refused by itself. */
import { UUID_ZERO } from '@odradek/base';
import { record, type MetadataRecord } from '@odradek/metadata';
import { ErrorCode, type DeleteTopicsRequest, type DeleteTopicsResponse } from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { repeated } from './repeated.ts';

type Result = DeleteTopicsResponse['responses'][number];
type Asked = { readonly names: string[]; readonly ids: string[]; readonly refused: Result[] };

const NO_SUCH_TOPIC = 'This server does not host this topic-partition.';
const NO_SUCH_ID = 'This server does not host this topic ID.';

export function deleteTopics(context: ControllerContext, request: DeleteTopicsRequest): Decision<DeleteTopicsResponse> {
  const { image, settings } = context;
  const asked = askedFor(request);
  if (!settings.config.get('delete.topic.enable')) {
    const why = 'Topic deletion is disabled: delete.topic.enable is false on the controller.';
    const refused = (name: string | null, topicId: string): Result =>
      result(name, topicId, [ErrorCode.TOPIC_DELETION_DISABLED, why]);
    const responses = [
      ...asked.names.map((name) => refused(name, UUID_ZERO)),
      ...asked.ids.map((id) => refused(null, id)),
    ];
    return { records: NO_RECORDS, reply: { throttleTimeMs: 0, responses: [...asked.refused, ...responses] } };
  }

  const responses = [...asked.refused];
  const records: MetadataRecord[] = [];
  const remove = (name: string, topicId: string): void => {
    records.push(record('RemoveTopicRecord', { topicId }));
    responses.push(result(name, topicId, [ErrorCode.NONE, null]));
  };
  const namedIds = new Set(asked.names.map((name) => image.topics.byName(name)?.id));
  for (const id of asked.ids) {
    const topic = image.topics.byId(id);
    if (topic === undefined) {
      responses.push(result(null, id, [ErrorCode.UNKNOWN_TOPIC_ID, NO_SUCH_ID]));
    } else if (namedIds.has(id)) {
      const why = 'The provided topic name maps to an ID that was already supplied.';
      responses.push(result(topic.name, id, [ErrorCode.INVALID_REQUEST, why]));
    } else {
      remove(topic.name, topic.id);
    }
  }
  const ids = new Set(asked.ids);
  for (const name of asked.names) {
    const topic = image.topics.byName(name);
    if (topic === undefined)
      responses.push(result(name, UUID_ZERO, [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, NO_SUCH_TOPIC]));
    else if (!ids.has(topic.id)) remove(name, topic.id);
  }
  return { records, reply: { throttleTimeMs: 0, responses } };
}

/**
 * What is asked for once and in one way. Versions up to 5 name topics in one list, version 6 by name or by id in
 * another.
 */
function askedFor(request: DeleteTopicsRequest): Asked {
  const refused: Result[] = [];
  const names = [...request.topicNames];
  const ids: string[] = [];
  const invalid = (name: string | null, id: string, why: string): void => {
    refused.push(result(name, id, [ErrorCode.INVALID_REQUEST, why]));
  };
  for (const { name, topicId } of request.topics) {
    const byId = topicId !== UUID_ZERO;
    if (name === null && byId) ids.push(topicId);
    else if (name === null) invalid(null, UUID_ZERO, 'Neither topic name nor id were specified.');
    else if (byId) invalid(name, topicId, 'You may not specify both topic name and topic id.');
    else names.push(name);
  }
  const namesTwice = repeated(names);
  const idsTwice = repeated(ids);
  for (const name of namesTwice) invalid(name, UUID_ZERO, 'Duplicate topic name.');
  for (const id of idsTwice) invalid(null, id, 'Duplicate topic id.');
  const once = names.filter((name) => !namesTwice.has(name));
  return { names: once, ids: ids.filter((id) => !idsTwice.has(id)), refused };
}

function result(name: string | null, topicId: string, [errorCode, errorMessage]: [number, string | null]): Result {
  return { name, topicId, errorCode, errorMessage };
}
