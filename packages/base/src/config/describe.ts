/** What DescribeConfigs tells of a key: value, type, where it comes from, what stands behind it, what it means. */
import type { OverrideSpec, Spec, Table } from './declare.ts';
import { brokerSynonyms, brokerTable, configSource, configType, groupTable } from './layers.ts';
import { resolveOverride, specOf, topicTable } from './layers.ts';
import type { Layers, Overrides } from './layers.ts';
import { formatValue, parseValue } from './values.ts';

export type ConfigSynonym = { readonly name: string; readonly value: string | null; readonly source: number };
export type ConfigEntry = {
  readonly name: string;
  /** null: not set, or a secret. */
  readonly value: string | null;
  /** One of `configType`. */
  readonly type: number;
  /** One of `configSource`. */
  readonly source: number;
  readonly isSensitive: boolean;
  readonly readOnly: boolean;
  /** Strongest first; the first one is where the value comes from. */
  readonly synonyms: readonly ConfigSynonym[];
  readonly documentation: string;
};

/** @param names the keys asked for, null for all; keys that do not exist are left out, as Kafka does */
export function describeTopicConfig(
  overrides: Overrides,
  layers: Layers,
  names: readonly string[] | null = null,
): ConfigEntry[] {
  return chosen(topicTable, names).map(([name, spec]) => {
    const behind = spec.brokerKey === undefined ? [] : brokerChain(spec.brokerKey, layers);
    return overrideEntry({ name, spec, table: topicTable, source: configSource.topic, behind }, overrides, layers);
  });
}

/** @see describeTopicConfig */
export function describeGroupConfig(
  overrides: Overrides,
  layers: Layers,
  names: readonly string[] | null = null,
): ConfigEntry[] {
  return chosen(groupTable, names).map(([name, spec]) => {
    const own = [{ name, value: formatValue(spec, spec.default), source: configSource.default }];
    const behind = spec.brokerKey === undefined ? own : brokerChain(spec.brokerKey, layers);
    return overrideEntry({ name, spec, table: groupTable, source: configSource.group, behind }, overrides, layers);
  });
}

/**
 * @param scope `broker`: everything that this broker goes by, of `layers`; `default`: only what is set for all brokers
 * @param names the keys asked for, null for all
 */
export function describeBrokerConfig(
  scope: 'broker' | 'default',
  layers: Layers,
  names: readonly string[] | null = null,
): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  for (const [name, spec] of chosen(brokerTable, names)) {
    if (scope === 'default' && !layers.dynamicDefault.has(name)) continue;
    if (spec.dynamicOnly === true && !layers.dynamicBroker.has(name) && !layers.dynamicDefault.has(name)) continue;
    entries.push(brokerEntry(name, spec, { scope, layers }));
  }
  return scope === 'default' ? entries : [...entries, ...undeclaredEntries(layers.staticBroker, names)];
}

function chosen(table: Table, names: readonly string[] | null): [string, OverrideSpec][] {
  if (names === null) return Object.entries(table).filter(([, spec]) => spec.internal !== true);
  const found: [string, OverrideSpec][] = [];
  for (const name of new Set(names)) {
    const spec = specOf(table, name);
    if (spec !== undefined) found.push([name, spec]);
  }
  return found;
}

type Subject = {
  readonly name: string;
  readonly spec: OverrideSpec;
  readonly table: Table;
  readonly source: number;
  readonly behind: readonly ConfigSynonym[];
};

function overrideEntry(subject: Subject, overrides: Overrides, layers: Layers): ConfigEntry {
  const { name, spec, source } = subject;
  const value = formatValue(spec, resolveOverride(subject.table, name, overrides, layers));
  const synonyms = overrides.has(name) ? [{ name, value, source }, ...subject.behind] : subject.behind;
  return {
    name,
    value,
    type: configType[spec.type],
    source: synonyms[0]?.source ?? configSource.default,
    isSensitive: false,
    readOnly: false,
    synonyms,
    documentation: spec.doc,
  };
}

function brokerEntry(name: string, spec: Spec, from: { scope: 'broker' | 'default'; layers: Layers }): ConfigEntry {
  const isSensitive = spec.type === 'password';
  // The key's own value: what another name says (log.retention.hours for log.retention.ms) is told there.
  const { dynamicBroker, dynamicDefault, staticBroker } = from.layers;
  const text =
    from.scope === 'default'
      ? dynamicDefault.get(name)
      : (dynamicBroker.get(name) ?? dynamicDefault.get(name) ?? staticBroker.get(name));
  const value = text === undefined ? formatValue(spec, spec.default) : canonical(spec, text);
  const chain = brokerChain(name, from.layers);
  const synonyms =
    from.scope === 'broker' ? chain : chain.filter(({ source }) => source === configSource.dynamicDefault);
  return {
    name,
    value: isSensitive ? null : value,
    type: configType[spec.type],
    source: synonyms[0]?.source ?? configSource.default,
    isSensitive,
    readOnly: (spec.reload ?? 'read-only') === 'read-only',
    synonyms,
    documentation: spec.doc,
  };
}

/** Keys of the properties that nobody declares: their values may be secrets, so that only their names are told. */
function undeclaredEntries(properties: Overrides, names: readonly string[] | null): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  for (const name of properties.keys()) {
    if (specOf(brokerTable, name) !== undefined || (names !== null && !names.includes(name))) continue;
    entries.push({
      name,
      value: null,
      type: configType.unknown,
      source: configSource.staticBroker,
      isSensitive: true,
      readOnly: true,
      synonyms: [{ name, value: null, source: configSource.staticBroker }],
      documentation: '',
    });
  }
  return entries;
}

/** All that is set for a broker key and its synonyms, strongest first, down to the table's default. */
function brokerChain(name: string, layers: Layers): ConfigSynonym[] {
  const chain: ConfigSynonym[] = [];
  const names = brokerSynonyms(name);
  const sources = [
    [layers.dynamicBroker, configSource.dynamicBroker],
    [layers.dynamicDefault, configSource.dynamicDefault],
    [layers.staticBroker, configSource.staticBroker],
  ] as const;
  for (const [layer, source] of sources) {
    for (const synonym of names) {
      const text = layer.get(synonym);
      const spec = specOf(brokerTable, synonym);
      if (text !== undefined && spec !== undefined) chain.push({ name: synonym, value: shown(spec, text), source });
    }
  }
  for (const synonym of names) {
    const spec = specOf(brokerTable, synonym);
    // What Kafka demands of the properties has no default to tell of.
    if (spec === undefined || spec.default === null || spec.kafkaDefault === null) continue;
    const value = spec.type === 'password' ? null : formatValue(spec, spec.default);
    chain.push({ name: synonym, value, source: configSource.default });
  }
  // What is stronger only under another name does not explain this key.
  const first = chain.findIndex((synonym) => synonym.name === name);
  return first === -1 ? [] : chain.slice(first);
}

function shown(spec: Spec, text: string): string | null {
  return spec.type === 'password' ? null : canonical(spec, text);
}

function canonical(spec: Spec, text: string): string | null {
  const parsed = parseValue(spec, text);
  return parsed.ok ? formatValue(spec, parsed.value) : text;
}
