/**
 * DeleteTopics, key 20, v1-6: by name, or by id from version 6 on; the controller decides each topic by itself.
 * Sources: KIP-4, KIP-599 (error messages, v5), KIP-516 (topic ids, v6).
 */
import { UUID_ZERO } from '@odradek/base';
import { ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf, AdminServices, Caller } from './context.ts';

type Request = RequestOf<20>;
type Response = ResponseInput<20>;
type Result = Response['responses'][number];

/** Older clients know no TOPIC_DELETION_DISABLED. */
const DELETION_DISABLED_SINCE = 3;

export const deleteTopics: AdminHandlerOf<20> = {
  async handle(request, services, caller) {
    const { allowed, denied } = sort(request, services, caller);
    if (allowed.topics.length + allowed.topicNames.length === 0) return { throttleTimeMs: 0, responses: denied };
    const outcome = await services.admin(
      { kind: 'deleteTopics', request: allowed },
      caller.principal,
      caller.requestId,
    );
    if (!outcome.ok) {
      const { responses } = refused(allowed, outcome.code, outcome.why);
      return { throttleTimeMs: 0, responses: [...responses, ...denied] };
    }
    const responses = outcome.value.responses.map((result) => inWordsOf(caller.apiVersion, result));
    return { throttleTimeMs: 0, responses: [...responses, ...denied] };
  },
  refused: (request, code, why) => refused(request, code, why),
};

function inWordsOf(version: number, result: Result): Result {
  const unknown = result.errorCode === ErrorCode.TOPIC_DELETION_DISABLED && version < DELETION_DISABLED_SINCE;
  return unknown ? { ...result, errorCode: ErrorCode.INVALID_REQUEST } : result;
}

/** What the caller may not delete is taken out; of a topic that he may not even describe, neither name nor existence is told. */
function sort(request: Request, services: AdminServices, caller: Caller): { allowed: Request; denied: Result[] } {
  const denied: Result[] = [];
  const { topics } = services.image();
  const may = (name: string, operation: 'delete' | 'describe'): boolean =>
    services.authorizer.allows(caller.principal, caller.clientHost, { resource: 'topic', name, operation });
  const deny = (name: string | null, topicId: string): void => {
    const why = `${caller.principal} may not delete topic ${name ?? topicId}`;
    denied.push({ name, topicId, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, errorMessage: why });
  };
  const allowed = request.topics.filter(({ name, topicId }) => {
    const known = name ?? topics.byId(topicId)?.name;
    if (known === undefined || may(known, 'delete')) return true;
    deny(name ?? (may(known, 'describe') ? known : null), topicId);
    return false;
  });
  const topicNames = request.topicNames.filter((name) => {
    if (may(name, 'delete')) return true;
    deny(name, UUID_ZERO);
    return false;
  });
  return { allowed: { ...request, topics: allowed, topicNames }, denied };
}

function refused(request: Request, errorCode: number, errorMessage: string): Response {
  const byName = request.topicNames.map((name) => ({ name, topicId: UUID_ZERO, errorCode, errorMessage }));
  const either = request.topics.map(({ name, topicId }) => ({ name, topicId, errorCode, errorMessage }));
  return { throttleTimeMs: 0, responses: [...byName, ...either] };
}
