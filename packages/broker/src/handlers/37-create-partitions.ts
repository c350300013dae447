/** CreatePartitions, key 37, v0-3: topics grow, each by itself; the controller decides. Source: KIP-195. */
import { ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';

type Response = ResponseInput<37>;

export const createPartitions: AdminHandlerOf<37> = {
  async handle(request, services, caller) {
    const { principal, requestId, clientHost } = caller;
    const allowed = request.topics.filter(({ name }) =>
      services.authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'alter' }),
    );
    const denied = request.topics.filter((topic) => !allowed.includes(topic));
    const results = denied.map(({ name }) => ({
      name,
      errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
      errorMessage: `${principal} may not alter topic ${name}`,
    }));
    if (allowed.length === 0) return { throttleTimeMs: 0, results };
    const asked = { ...request, topics: allowed };
    const outcome = await services.admin({ kind: 'createPartitions', request: asked }, principal, requestId);
    const decided = outcome.ok ? outcome.value.results : refused(asked, outcome.code, outcome.why).results;
    return { throttleTimeMs: 0, results: [...decided, ...results] };
  },
  refused: (request, code, why) => refused(request, code, why),
};

function refused(request: RequestOf<37>, errorCode: number, errorMessage: string): Response {
  return { throttleTimeMs: 0, results: request.topics.map(({ name }) => ({ name, errorCode, errorMessage })) };
}
