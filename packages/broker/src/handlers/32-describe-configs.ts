/**
 * DescribeConfigs, key 32, v1-4: values with where they come from, what stands behind them, their types and what they mean, for topics,
 * brokers, groups, client metrics and log levels. Sources: KIP-133, KIP-226 (synonyms), KIP-412, KIP-569 (types and docs, v3), KIP-714.
 */
import { config, loggers, ROOT_LOGGER } from '@odradek/base';
import { type MetadataImage, topicNameProblem } from '@odradek/metadata';
import {
  ConfigResourceType,
  ConfigSource,
  ConfigType,
  ErrorCode,
  type RequestOf,
  type ResponseInput,
} from '@odradek/protocol';
import { missingTopicCode } from '../core/topic-view.ts';
import { describeRefusal, foreignBrokerRefusal, type ResourceRefusal } from './config-access.ts';
import type { AdminHandlerOf, AdminServices } from './context.ts';

type Request = RequestOf<32>;
type Resource = Request['resources'][number];
type Response = ResponseInput<32>;
type Result = Response['results'][number];
type Entry = Result['configs'][number];
type Described = { readonly entries: readonly config.ConfigEntry[] } | ResourceRefusal;

export const describeConfigs: AdminHandlerOf<32> = {
  handle(request, services, caller) {
    const results = request.resources.map((resource) => {
      const described = describeRefusal(resource, services, caller) ?? describe(resource, services);
      if ('why' in described) return refusedResource(resource, described);
      return result(resource, described.entries, request);
    });
    return { throttleTimeMs: 0, results };
  },
  refused: (request, code, why) => ({
    throttleTimeMs: 0,
    results: request.resources.map((resource) => refusedResource(resource, { code, why })),
  }),
};

function describe(resource: Resource, services: AdminServices): Described {
  const { resourceType: type, resourceName: name } = resource;
  // No keys asks for all of them, and so does an empty list.
  const keys = resource.configurationKeys?.length === 0 ? null : resource.configurationKeys;
  const foreign = foreignBrokerRefusal(resource, services);
  if (foreign !== undefined) return foreign;
  const { configs } = services.image();
  const { layers } = services.config();
  switch (type) {
    case ConfigResourceType.TOPIC:
      return (
        topicRefusal(name, services.image()) ?? {
          entries: config.describeTopicConfig(configs.of(type, name), layers, keys),
        }
      );
    case ConfigResourceType.BROKER:
      return { entries: config.describeBrokerConfig(name === '' ? 'default' : 'broker', layers, keys) };
    case ConfigResourceType.BROKER_LOGGER:
      return { entries: loggerEntries(services, keys) };
    case ConfigResourceType.GROUP:
      if (name === '') return { code: ErrorCode.INVALID_REQUEST, why: 'Group name must not be empty' };
      return { entries: config.describeGroupConfig(configs.of(type, name), layers, keys) };
    case ConfigResourceType.CLIENT_METRICS:
      if (name === '') {
        return { code: ErrorCode.INVALID_REQUEST, why: 'Client metrics subscription name must not be empty' };
      }
      return { entries: clientMetricsEntries(configs.of(type, name), keys) };
    default:
      return { code: ErrorCode.INVALID_REQUEST, why: `there is no configuration of resource type ${type}` };
  }
}

function topicRefusal(name: string, image: MetadataImage): ResourceRefusal | undefined {
  if (image.topics.byName(name) !== undefined) return undefined;
  const problem = topicNameProblem(name);
  return { code: missingTopicCode(name), why: problem ?? `The topic '${name}' does not exist.` };
}

function loggerEntries(services: AdminServices, keys: readonly string[] | null): config.ConfigEntry[] {
  const source = ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG;
  return services.logLevels
    .all()
    .filter(([name]) => keys === null || keys.includes(name))
    .map(([name, value]) => ({
      ...PLAIN,
      name,
      value,
      type: ConfigType.UNKNOWN,
      source,
      documentation: loggerDoc(name),
    }));
}

function loggerDoc(name: string): string {
  return name === ROOT_LOGGER ? 'All that has no level of its own.' : loggers[name as keyof typeof loggers];
}

const PLAIN = { isSensitive: false, readOnly: false, synonyms: [], documentation: '' };

/** KIP-714. The keys are kept and checked by the controller; what they mean is said here. */
const clientMetricsKeys = [
  {
    name: 'interval.ms',
    type: ConfigType.INT,
    default: '300000',
    documentation: 'How often clients push metrics. Lower: fresher figures, more requests.',
  },
  {
    name: 'match',
    type: ConfigType.LIST,
    default: '',
    documentation: 'Which clients the subscription is for: selectors such as client_software_name=.*; empty: all.',
  },
  {
    name: 'metrics',
    type: ConfigType.LIST,
    default: '',
    documentation: 'Prefixes of the names of metrics to push; empty: none.',
  },
] as const;

function clientMetricsEntries(
  overrides: ReadonlyMap<string, string>,
  keys: readonly string[] | null,
): config.ConfigEntry[] {
  const wanted = clientMetricsKeys.filter(({ name }) => keys === null || keys.includes(name));
  return wanted.map(({ name, type, default: byDefault, documentation }) => {
    const own = overrides.get(name);
    const source = own === undefined ? ConfigSource.DEFAULT_CONFIG : ConfigSource.CLIENT_METRICS_CONFIG;
    const value = own ?? byDefault;
    return { ...PLAIN, name, value, type, source, synonyms: [{ name, value, source }], documentation };
  });
}

function result(
  { resourceType, resourceName }: Resource,
  entries: readonly config.ConfigEntry[],
  { includeSynonyms, includeDocumentation }: Request,
): Result {
  const configs = entries.map((entry) => ({
    name: entry.name,
    value: entry.value,
    readOnly: entry.readOnly,
    configSource: entry.source,
    isSensitive: entry.isSensitive,
    synonyms: includeSynonyms ? entry.synonyms : NO_SYNONYMS,
    configType: entry.type,
    documentation: includeDocumentation ? entry.documentation : null,
  }));
  return { errorCode: ErrorCode.NONE, errorMessage: '', resourceType, resourceName, configs };
}

const NO_SYNONYMS: Entry['synonyms'] = [];

function refusedResource({ resourceType, resourceName }: Resource, { code, why }: ResourceRefusal): Result {
  return { errorCode: code, errorMessage: why, resourceType, resourceName, configs: [] };
}
