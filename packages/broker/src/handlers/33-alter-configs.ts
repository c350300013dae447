/**
 * AlterConfigs, key 33, v0-2: says all that a resource shall hold; what it does not name goes back to its default. Kept for old clients:
 * IncrementalAlterConfigs is safer. Source: KIP-133.
 */
import { ConfigResourceType, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol';
import {
  alterRefusal,
  directoriesRefusal,
  foreignAlterRefusal,
  type ResourceRefusal,
  unknownTypeRefusal,
} from './config-access.ts';
import type { AdminHandlerOf } from './context.ts';

type Request = RequestOf<33>;
type Resource = Request['resources'][number];
type Response = ResponseInput<33>;
type Result = Response['responses'][number];

export const alterConfigs: AdminHandlerOf<33> = {
  async handle(request, services, caller) {
    const responses: Result[] = [];
    const forwarded: Resource[] = [];
    for (const resource of request.resources) {
      const refusal =
        unknownTypeRefusal(resource, services) ??
        loggerRefusal(resource) ??
        alterRefusal(resource, services, caller) ??
        foreignAlterRefusal(resource, services) ??
        directoriesRefusal(resource, resource.configs, services);
      if (refusal === undefined) forwarded.push(resource);
      else responses.push(result(resource, refusal));
    }
    if (forwarded.length === 0) return { throttleTimeMs: 0, responses };
    const asked = { ...request, resources: forwarded };
    const outcome = await services.admin({ kind: 'alterConfigs', request: asked }, caller.principal, caller.requestId);
    const decided = outcome.ok ? outcome.value.responses : refused(asked, outcome.code, outcome.why).responses;
    return { throttleTimeMs: 0, responses: [...decided, ...responses] };
  },
  refused: (request, code, why) => refused(request, code, why),
};

function loggerRefusal({ resourceType }: Resource): ResourceRefusal | undefined {
  if (resourceType !== ConfigResourceType.BROKER_LOGGER) return undefined;
  const why = 'AlterConfigs does not set log levels: IncrementalAlterConfigs does.';
  return { code: ErrorCode.INVALID_REQUEST, why };
}

function result({ resourceType, resourceName }: Resource, refusal: ResourceRefusal): Result {
  return { errorCode: refusal.code, errorMessage: refusal.why, resourceType, resourceName };
}

function refused(request: Request, code: number, why: string): Response {
  return { throttleTimeMs: 0, responses: request.resources.map((resource) => result(resource, { code, why })) };
}
