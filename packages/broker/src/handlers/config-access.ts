/** Who may see and change configuration, and which resources this broker can speak for. Shared by keys 32, 33, 44 and 74. */
import { config as configuration } from '@odradek/base';
import { CLUSTER_RESOURCE_NAME, ConfigResourceType, ErrorCode, FeatureName } from '@odradek/protocol';
import { type Needs, refusalCode } from '../core/authorizer.ts';
import type { AdminServices, Caller } from './context.ts';

const CORDONED = 'cordoned.log.dirs';
/** The level of metadata.version (4.3-IV0) that knows of it. */
const CORDONS_FROM = 30;

export type ConfigResource = { readonly resourceType: number; readonly resourceName: string };
export type ResourceRefusal = { readonly code: number; readonly why: string };

/** @returns the refusal when the caller may not change the resource's configuration */
export function alterRefusal(
  resource: ConfigResource,
  services: AdminServices,
  caller: Caller,
): ResourceRefusal | undefined {
  return accessRefusal(resource, 'alterConfigs', services, caller);
}

/** @returns the refusal when the caller may not see the resource's configuration */
export function describeRefusal(
  resource: ConfigResource,
  services: AdminServices,
  caller: Caller,
): ResourceRefusal | undefined {
  return accessRefusal(resource, 'describeConfigs', services, caller);
}

function accessRefusal(
  { resourceType, resourceName }: ConfigResource,
  operation: 'alterConfigs' | 'describeConfigs',
  services: AdminServices,
  caller: Caller,
): ResourceRefusal | undefined {
  const needs = needsOf(resourceType, resourceName, operation);
  if (needs === undefined || services.authorizer.allows(caller.principal, caller.clientHost, needs)) return undefined;
  const why = `${caller.principal} may not ${operation} of ${needs.resource} ${needs.name}`;
  return { code: refusalCode(needs), why };
}

function needsOf(type: number, name: string, operation: Needs['operation']): Needs | undefined {
  switch (type) {
    case ConfigResourceType.TOPIC:
      return { resource: 'topic', name, operation };
    case ConfigResourceType.GROUP:
      return { resource: 'group', name, operation };
    case ConfigResourceType.BROKER:
    case ConfigResourceType.BROKER_LOGGER:
    case ConfigResourceType.CLIENT_METRICS:
      return { resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation };
    default:
      return undefined;
  }
}

const { UNKNOWN: _none, ...known } = ConfigResourceType;
const knownTypes: ReadonlySet<number> = new Set(Object.values(known));

/** A controller says of a type that it does not know that it is too old for it; a broker lets the controller judge. */
export function unknownTypeRefusal(
  { resourceType }: ConfigResource,
  { role }: AdminServices,
): ResourceRefusal | undefined {
  if (role === 'broker' || knownTypes.has(resourceType)) return undefined;
  return { code: ErrorCode.UNSUPPORTED_VERSION, why: `there is no configuration of resource type ${resourceType}` };
}

/** The same for changes: a controller takes those of every broker, since it keeps them all; of log levels it speaks for itself too. */
export function foreignAlterRefusal(resource: ConfigResource, services: AdminServices): ResourceRefusal | undefined {
  const keptByController = services.role === 'controller' && resource.resourceType === ConfigResourceType.BROKER;
  return keptByController ? undefined : foreignBrokerRefusal(resource, services);
}

/** A broker speaks for itself; what is set for all brokers has an empty name, which log levels have not. */
export function foreignBrokerRefusal(resource: ConfigResource, { nodeId }: AdminServices): ResourceRefusal | undefined {
  const { resourceType: type, resourceName: name } = resource;
  const ofBroker = type === ConfigResourceType.BROKER || type === ConfigResourceType.BROKER_LOGGER;
  if (!ofBroker || (name === '' && type === ConfigResourceType.BROKER)) return undefined;
  const code = ErrorCode.INVALID_REQUEST;
  if (!/^[+-]?\d{1,10}$/.test(name)) return { code, why: `Broker id must be an integer, but it is: ${name}` };
  if (Number(name) === nodeId) return undefined;
  const expected = type === ConfigResourceType.BROKER ? `${nodeId} or empty string,` : `${nodeId}`;
  return { code, why: `Unexpected broker id, expected ${expected} but received ${name}` };
}

type Setting = { readonly name: string; readonly value: string | null };

/**
 * What a broker alone can say of a change of its own configuration: which directories it has (KIP-1066).
 * @param settings keys that are set, or added to
 */
export function directoriesRefusal(
  { resourceType, resourceName }: ConfigResource,
  settings: readonly Setting[],
  { role, config, image }: AdminServices,
): ResourceRefusal | undefined {
  if (role !== 'broker' || resourceType !== ConfigResourceType.BROKER || resourceName === '') return undefined;
  const wanted = settings.find(({ name }) => name === CORDONED);
  if (wanted === undefined) return undefined;
  if (image().features.level(FeatureName.METADATA_VERSION) < CORDONS_FROM) {
    const why = `${CORDONED} cannot be set below level ${CORDONS_FROM} of ${FeatureName.METADATA_VERSION}`;
    return { code: ErrorCode.INVALID_CONFIG, why };
  }
  const entries = (wanted.value ?? '').split(',').flatMap((entry) => entry.trim() || []);
  const why = configuration.cordonProblem(entries, config().logDirs);
  return why === undefined ? undefined : { code: ErrorCode.INVALID_REQUEST, why };
}
