/**
 * CreateTopics, key 19, v2-7: the controller decides; the answer comes once this broker has applied it, so that what was created can be
 * used at once. Sources: KIP-4, KIP-464 (defaults by -1), KIP-525 (configs in the answer, v5), KIP-516 (topic ids, v7).
 */
import { UUID_ZERO } from '@odradek/base';
import { CLUSTER_RESOURCE_NAME, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf, AdminServices, Caller } from './context.ts';

type Response = ResponseInput<19>;
type Result = Response['topics'][number];

export const createTopics: AdminHandlerOf<19> = {
  async handle(request, services, caller) {
    const allowed = request.topics.filter(({ name }) => mayCreate(name, services, caller));
    const denied = request.topics.filter((topic) => !allowed.includes(topic));
    const topics = denied.map(({ name }) =>
      refusedTopic(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED, `${caller.principal} may not create topic ${name}`),
    );
    if (allowed.length === 0) return { throttleTimeMs: 0, topics };
    const outcome = await services.admin(
      { kind: 'createTopics', request: { ...request, topics: allowed } },
      caller.principal,
      caller.requestId,
    );
    if (outcome.ok) return { throttleTimeMs: 0, topics: [...outcome.value.topics, ...topics] };
    return refused({ ...request, topics: allowed }, outcome.code, outcome.why);
  },
  refused: (request, code, why) => refused(request, code, why),
};

function mayCreate(name: string, { authorizer }: AdminServices, { principal, clientHost }: Caller): boolean {
  return (
    authorizer.allows(principal, clientHost, {
      resource: 'cluster',
      name: CLUSTER_RESOURCE_NAME,
      operation: 'create',
    }) || authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'create' })
  );
}

function refused(request: RequestOf<19>, code: number, why: string): Response {
  return { throttleTimeMs: 0, topics: request.topics.map(({ name }) => refusedTopic(name, code, why)) };
}

function refusedTopic(name: string, errorCode: number, errorMessage: string): Result {
  return { name, topicId: UUID_ZERO, errorCode, errorMessage, numPartitions: -1, replicationFactor: -1, configs: [] };
}
