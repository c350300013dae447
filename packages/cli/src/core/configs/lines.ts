/** Configurations and quotas as kafka-configs prints them. */
import { ConfigResourceType, ConfigSource } from '@odradek/protocol';
import { javaDouble } from '../java-double.ts';
import { tame } from '../tame.ts';
import { singular, type Entity, type EntityType } from './entities.ts';

export type Synonym = { readonly name: string; readonly value: string | null; readonly source: number };
export type ConfigEntry = {
  readonly name: string;
  /** Null: not set, or not shown because it is sensitive. */
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly isSensitive: boolean;
  readonly configSource: number;
  readonly synonyms: readonly Synonym[];
};

/** The names of Kafka's ConfigEntry.ConfigSource, by code. */
const sourceNames: Readonly<Record<number, string>> = {
  [ConfigSource.TOPIC_CONFIG]: 'DYNAMIC_TOPIC_CONFIG',
  [ConfigSource.DYNAMIC_BROKER_CONFIG]: 'DYNAMIC_BROKER_CONFIG',
  [ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG]: 'DYNAMIC_DEFAULT_BROKER_CONFIG',
  [ConfigSource.STATIC_BROKER_CONFIG]: 'STATIC_BROKER_CONFIG',
  [ConfigSource.DEFAULT_CONFIG]: 'DEFAULT_CONFIG',
  [ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG]: 'DYNAMIC_BROKER_LOGGER_CONFIG',
  [ConfigSource.CLIENT_METRICS_CONFIG]: 'DYNAMIC_CLIENT_METRICS_CONFIG',
  [ConfigSource.GROUP_CONFIG]: 'DYNAMIC_GROUP_CONFIG',
};

/** Entities whose configuration is a resource of DescribeConfigs; the others have quotas. */
export type ResourceEntity = Exclude<EntityType, 'users' | 'clients' | 'ips'>;

export const resourceTypes: Readonly<Record<ResourceEntity, ConfigResourceType>> = {
  topics: ConfigResourceType.TOPIC,
  brokers: ConfigResourceType.BROKER,
  'broker-loggers': ConfigResourceType.BROKER_LOGGER,
  'client-metrics': ConfigResourceType.CLIENT_METRICS,
  groups: ConfigResourceType.GROUP,
};

export function isResource(type: EntityType): type is ResourceEntity {
  return type in resourceTypes;
}

/** What was set for the very entity; undefined: everything is. */
export function ownSource(type: ResourceEntity, name: string): ConfigSource | undefined {
  switch (type) {
    case 'topics':
      return ConfigSource.TOPIC_CONFIG;
    case 'brokers':
      return name === '' ? ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG : ConfigSource.DYNAMIC_BROKER_CONFIG;
    case 'client-metrics':
      return ConfigSource.CLIENT_METRICS_CONFIG;
    case 'groups':
      return ConfigSource.GROUP_CONFIG;
    case 'broker-loggers':
      return undefined;
  }
}

export function sourceName(source: number): string {
  return sourceNames[source] ?? 'UNKNOWN';
}

export function headline(type: EntityType, name: string, all: boolean): string {
  if (name === '') return `Default configs for ${type} in the cluster are:`;
  return `${all ? 'All' : 'Dynamic'} configs for ${singular(type)} ${tame(name)} are:`;
}

export function entryLine({ name, value, isSensitive, synonyms }: ConfigEntry): string {
  const told = synonyms.map((each) => `${sourceName(each.source)}:${each.name}=${each.value ?? 'null'}`).join(', ');
  return tame(`  ${name}=${value ?? 'null'} sensitive=${isSensitive} synonyms={${told}}`);
}

export function entryJson(entry: ConfigEntry): object {
  return {
    name: entry.name,
    value: entry.value,
    sensitive: entry.isSensitive,
    readOnly: entry.readOnly,
    source: sourceName(entry.configSource),
    synonyms: entry.synonyms.map(({ name, value, source }) => ({ name, value, source: sourceName(source) })),
  };
}

/** An alteration that is done. */
export function alteredLine({ type, name }: Entity): string {
  return name === undefined || name === ''
    ? `Completed updating default config for ${type} in the cluster.`
    : `Completed updating config for ${singular(type)} ${tame(name)}.`;
}

/** @property name null: the default of its type */
export type QuotaPart = { readonly type: string; readonly name: string | null };
export type Quota = {
  readonly entity: readonly QuotaPart[];
  readonly values: readonly { readonly key: string; readonly value: number }[];
};

const quotaWords = [
  ['user', 'user-principal'],
  ['client-id', 'client-id'],
  ['ip', 'ip'],
] as const;

export function quotaLine({ entity, values }: Quota): string {
  const whose = quotaWords.flatMap(([type, word]) => {
    const part = entity.find((each) => each.type === type);
    if (part === undefined) return [];
    return [part.name === null ? `the default ${word}` : `${word} '${part.name}'`];
  });
  const what = values.map(({ key, value }) => `${key}=${javaDouble(value)}`);
  return tame(`Quota configs for ${whose.join(', ')} are ${what.join(', ')}`);
}
