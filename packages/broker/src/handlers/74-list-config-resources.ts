/**
 * ListConfigResources, key 74, v0-1: the names that may be described, by type. Version 0 knows client metrics only (KIP-714); from
 * version 1 on no type means all types (KIP-1142). The defaults of all brokers, whose name is empty, may be described but are not listed.
 */
import { CLUSTER_RESOURCE_NAME, ConfigResourceType, ErrorCode, type ResponseInput } from '@odradek/protocol';
import type { HandlerOf, Services } from './context.ts';

type Resource = ResponseInput<74>['configResources'][number];

const listed: ReadonlyMap<number, (services: Services) => readonly string[]> = new Map([
  [ConfigResourceType.BROKER_LOGGER, (services) => brokerNames(services)],
  [ConfigResourceType.BROKER, (services) => brokerNames(services)],
  [ConfigResourceType.TOPIC, (services) => Array.from(services.image().topics.all(), ({ name }) => name)],
  [ConfigResourceType.GROUP, (services) => services.image().configs.names(ConfigResourceType.GROUP)],
  [ConfigResourceType.CLIENT_METRICS, (services) => services.image().configs.names(ConfigResourceType.CLIENT_METRICS)],
]);

export const listConfigResources: HandlerOf<74> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'describeConfigs' }],
  handle(request, services, { apiVersion }) {
    const all = apiVersion === 0 ? [ConfigResourceType.CLIENT_METRICS] : [...listed.keys()];
    const types = apiVersion === 0 || request.resourceTypes.length === 0 ? all : [...new Set(request.resourceTypes)];
    const configResources: Resource[] = [];
    for (const resourceType of types) {
      const names = listed.get(resourceType);
      if (names === undefined)
        return { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] };
      for (const resourceName of names(services)) configResources.push({ resourceName, resourceType });
    }
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, configResources };
  },
  refused: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, configResources: [] }),
};

function brokerNames(services: Services): string[] {
  return Array.from(services.image().cluster.brokers(), ({ id }) => String(id));
}
