/**
 * IncrementalAlterConfigs, key 44, v0-1: single keys of topics, brokers, groups and client metrics are set, deleted, appended to or
 * subtracted from. The controller decides and keeps them; log levels are this broker's own and are set here.
 * Sources: KIP-339, KIP-412 (log levels).
 */
import { AlterConfigOp, ErrorCode, ConfigResourceType, type RequestOf, type ResponseInput } from '@odradek/protocol';
import { levelChanges } from '../core/broker-loggers.ts';
import {
  alterRefusal,
  directoriesRefusal,
  foreignAlterRefusal,
  type ResourceRefusal,
  unknownTypeRefusal,
} from './config-access.ts';
import type { AdminHandlerOf, AdminServices, Caller } from './context.ts';

const ADDING: readonly number[] = [AlterConfigOp.SET, AlterConfigOp.APPEND];

type Request = RequestOf<44>;
type Resource = Request['resources'][number];
type Response = ResponseInput<44>;
type Result = Response['responses'][number];

export const incrementalAlterConfigs: AdminHandlerOf<44> = {
  async handle(request, services, caller) {
    const responses: Result[] = [];
    const forwarded: Resource[] = [];
    const twice = repeatedResources(request.resources);
    for (const resource of request.resources) {
      const refusal = refusalOf(resource, twice, services, caller);
      if (refusal !== undefined) responses.push(result(resource, refusal));
      else if (resource.resourceType === ConfigResourceType.BROKER_LOGGER) {
        responses.push(result(resource, setLevels(resource, request.validateOnly, { services, caller })));
      } else forwarded.push(resource);
    }
    if (forwarded.length === 0) return { throttleTimeMs: 0, responses };
    const asked = { ...request, resources: forwarded };
    const outcome = await services.admin(
      { kind: 'incrementalAlterConfigs', request: asked },
      caller.principal,
      caller.requestId,
    );
    const decided = outcome.ok ? outcome.value.responses : refused(asked, outcome.code, outcome.why).responses;
    return { throttleTimeMs: 0, responses: [...decided, ...responses] };
  },
  refused: (request, code, why) => refused(request, code, why),
};

function repeatedResources(resources: readonly Resource[]): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const resource of resources) {
    const key = keyOf(resource);
    if (seen.has(key)) twice.add(key);
    seen.add(key);
  }
  return twice;
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType} ${resourceName}`;
}

function refusalOf(
  resource: Resource,
  twice: ReadonlySet<string>,
  services: AdminServices,
  caller: Caller,
): ResourceRefusal | undefined {
  if (twice.has(keyOf(resource))) {
    return { code: ErrorCode.INVALID_REQUEST, why: 'Each resource must appear at most once.' };
  }
  const unknown = unknownTypeRefusal(resource, services);
  const refusal = unknown ?? alterRefusal(resource, services, caller) ?? foreignAlterRefusal(resource, services);
  const added = resource.configs.filter(({ configOperation: operation }) => ADDING.includes(operation));
  return refusal ?? directoriesRefusal(resource, added, services);
}

function setLevels(
  resource: Resource,
  validateOnly: boolean,
  { services, caller }: { readonly services: AdminServices; readonly caller: Caller },
): ResourceRefusal | undefined {
  const { logLevels, log } = services;
  const changes = levelChanges(resource.configs, logLevels);
  if (!changes.ok) return changes;
  if (validateOnly) return undefined;
  for (const { name, level } of changes.value) {
    logLevels.set(name, level);
    const what = level === null ? 'goes by the one above it again' : `is set to ${level}`;
    log.warn(
      { request: caller.requestId, principal: caller.principal, client: caller.clientId },
      `the level of logger ${name} ${what}`,
    );
  }
  return undefined;
}

function result({ resourceType, resourceName }: Resource, refusal: ResourceRefusal | undefined): Result {
  const errorCode = refusal?.code ?? ErrorCode.NONE;
  return { errorCode, errorMessage: refusal?.why ?? null, resourceType, resourceName };
}

function refused(request: Request, code: number, why: string): Response {
  return { throttleTimeMs: 0, responses: request.resources.map((resource) => result(resource, { code, why })) };
}
