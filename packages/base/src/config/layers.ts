/** Where a value comes from: a topic's or group's own, a broker's dynamic, all brokers' dynamic default, the properties, the table. */
import { brokerKeys } from './broker.ts';
import type { OverrideSpec, Spec, Table, Value } from './declare.ts';
import { groupKeys } from './group.ts';
import { topicKeys } from './topic.ts';
import { parseValue } from './values.ts';
import { assert } from '../assert.ts';

/** Kafka's `DescribeConfigs` codes of sources and types. */
export const configSource = {
  topic: 1,
  dynamicBroker: 2,
  dynamicDefault: 3,
  staticBroker: 4,
  default: 5,
  dynamicBrokerLogger: 6,
  clientMetrics: 7,
  group: 8,
} as const;
export const configType = {
  unknown: 0,
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
} as const;

/** Values as text, by key: what the metadata log or the properties hold. */
export type Overrides = ReadonlyMap<string, string>;
export const noOverrides: Overrides = new Map();

/** What a broker knows about itself, from strongest to weakest; the table's defaults stand below. */
export type Layers = {
  /** Set on this one broker by the admin API. */
  readonly dynamicBroker: Overrides;
  /** Set for all brokers by the admin API. */
  readonly dynamicDefault: Overrides;
  /** From the properties file, the environment and --override. */
  readonly staticBroker: Overrides;
};
export const noLayers: Layers = { dynamicBroker: noOverrides, dynamicDefault: noOverrides, staticBroker: noOverrides };

export const brokerTable: Table = brokerKeys;
export const topicTable: Table = topicKeys;
export const groupTable: Table = groupKeys;

export function specOf(table: Table, name: string): OverrideSpec | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The names that stand for one value, strongest first: `log.retention.ms`, `.minutes`, `.hours`. */
export function brokerSynonyms(name: string): readonly string[] {
  return synonyms.get(name) ?? [name];
}

const synonyms = ((): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, readonly string[]>();
  for (const [name, spec] of Object.entries(brokerTable)) {
    const names = [name, ...(spec.fallback ?? []).map((other) => other.name)];
    if (names.length > 1 && (spec.type === 'long' || spec.type === 'int'))
      for (const each of names) found.set(each, names);
  }
  // Two of Kafka's families are looked up one way only: what flushes says nothing about the scheduler.
  found.delete('log.flush.scheduler.interval.ms');
  return found;
})();

const layerOrder = ['dynamicBroker', 'dynamicDefault', 'staticBroker'] as const;

/** A broker key's value over all layers and its fallbacks. */
export function resolveBroker(name: string, layers: Layers): Value {
  const spec = specOf(brokerTable, name);
  assert(spec !== undefined, 'a declared key is read', { name });
  const chain = [{ name, times: 1 }, ...(spec.fallback ?? [])];
  for (const layer of layerOrder) {
    for (const link of chain) {
      const text = layers[layer].get(link.name);
      if (text !== undefined) return scaled(valueOf(specOf(brokerTable, link.name) ?? spec, text), link.times ?? 1);
    }
  }
  if (spec.default !== null) return spec.default;
  for (const link of spec.fallback ?? []) {
    const fallback = specOf(brokerTable, link.name)?.default ?? null;
    if (fallback !== null) return scaled(fallback, link.times ?? 1);
  }
  return null;
}

/** A topic's or group's value: its own, or its broker key's, or the table's. */
export function resolveOverride(table: Table, name: string, overrides: Overrides, layers: Layers): Value {
  const spec = specOf(table, name);
  assert(spec !== undefined, 'a declared key is read', { name });
  const own = overrides.get(name);
  if (own !== undefined) return valueOf(spec, own);
  return spec.brokerKey === undefined ? spec.default : resolveBroker(spec.brokerKey, layers);
}

/** Only text that passed its check gets into a layer, so that it parses is a claim. */
function valueOf(spec: Spec, text: string): Value {
  const parsed = parseValue(spec, text);
  assert(parsed.ok, 'a stored value was checked before', { text, spec });
  return parsed.value;
}

/** Hours to milliseconds and the like; "no limit" (-1 and below) has no unit. */
function scaled(value: Value, times: number): Value {
  if (typeof value !== 'number') return value;
  if (value < 0) return times === 1 ? value : -1;
  return value * times;
}
