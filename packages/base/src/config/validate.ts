/** Whether a value may be set through the admin API, and why not, in a sentence for a person. */
import type { Outcome } from '../outcome.ts';
import { ok, refuse } from '../outcome.ts';
import type { OverrideSpec, Table } from './declare.ts';
import { brokerTable, groupTable, noLayers, resolveBroker, resolveOverride, specOf, topicTable } from './layers.ts';
import type { Layers, Overrides } from './layers.ts';
import { nearest } from './nearest.ts';
import { formatValue, parseValue } from './values.ts';

/** Of Kafka's error table, which lives in the protocol package. */
const INVALID_CONFIG = 40;
const INVALID_REQUEST = 42;

export type ConfigKind = 'topic' | 'broker' | 'group';
const tables: Readonly<Record<ConfigKind, Table>> = { topic: topicTable, broker: brokerTable, group: groupTable };

/** @returns the value as it is to be kept; refused with INVALID_CONFIG */
export function validateTopicConfig(name: string, value: string | null): Outcome<string> {
  return checked('topic', name, value);
}

/** @returns the value as it is to be kept; refused with INVALID_CONFIG */
export function validateGroupConfig(name: string, value: string | null): Outcome<string> {
  return checked('group', name, value);
}

/**
 * @param scope `broker`: set on one broker; `default`: for all brokers, where keys of one broker are refused
 * @returns the value as it is to be kept; refused with INVALID_REQUEST where the key may not be set so, else INVALID_CONFIG
 */
export function validateBrokerConfig(name: string, value: string | null, scope: 'broker' | 'default'): Outcome<string> {
  const spec = specOf(brokerTable, name) ?? listenerSpec(name);
  if (spec === undefined) return refuse(INVALID_CONFIG, unknownText('broker', name));
  const reload = spec.reload ?? 'read-only';
  if (reload === 'read-only') {
    return refuse(
      INVALID_REQUEST,
      `${name} cannot be changed while the broker runs: set it in its properties and restart it`,
    );
  }
  if (reload === 'per-broker' && scope === 'default') {
    return refuse(
      INVALID_REQUEST,
      `${name} belongs to one broker: set it on each broker by its id, not for all of them`,
    );
  }
  const least = LEAST_AT_RUNTIME.get(name);
  if (least !== undefined && Number(value) < least) {
    return refuse(
      INVALID_CONFIG,
      `Invalid value '${value ?? ''}' for ${name}: while the broker runs it must be at least ${least}`,
    );
  }
  return withSpec(spec, name, value);
}

/** Properties may say that nothing is compacted; of a running broker that is not meant by a small number. */
const LEAST_AT_RUNTIME: ReadonlyMap<string, number> = new Map([
  ['log.cleaner.threads', 1],
  ['log.cleaner.dedupe.buffer.size', 1024 * 1024 + 1],
]);

/** `listener.name.<listener>.<key>` is the key, for one listener. */
function listenerSpec(name: string): OverrideSpec | undefined {
  const base = /^listener\.name\.[^.]+\.(.+)$/.exec(name)?.[1];
  const spec = base === undefined ? undefined : specOf(brokerTable, base);
  return spec === undefined || spec.reload === undefined ? undefined : { ...spec, reload: 'per-broker' };
}

function checked(kind: ConfigKind, name: string, value: string | null): Outcome<string> {
  const spec = specOf(tables[kind], name);
  return spec === undefined ? refuse(INVALID_CONFIG, unknownText(kind, name)) : withSpec(spec, name, value);
}

function withSpec(spec: OverrideSpec, name: string, value: string | null): Outcome<string> {
  if (value === null) return refuse(INVALID_CONFIG, `${name} was given no value: give one, or delete the key`);
  const parsed = parseValue(spec, value);
  if (!parsed.ok) {
    const told = spec.type === 'password' ? 'the value given' : `'${value}'`;
    return refuse(INVALID_CONFIG, `Invalid value ${told} for ${name}: it must be ${parsed.allowed}`);
  }
  return ok(spec.type === 'password' ? value : (formatValue(spec, parsed.value) ?? value));
}

function unknownText(kind: ConfigKind, name: string): string {
  const close = nearest(name, Object.keys(tables[kind]));
  return `Unknown ${kind} config name: ${name}${close === undefined ? '' : `; did you mean ${close}?`}`;
}

/**
 * All of a topic's own values together: each alone, then those that must fit each other and the broker's.
 * @returns the values as they are to be kept, or the first refusal
 */
export function validateTopicConfigs(
  overrides: ReadonlyMap<string, string | null>,
  layers: Layers = noLayers,
): Outcome<Overrides> {
  const kept = new Map<string, string>();
  for (const [name, value] of overrides) {
    const outcome = validateTopicConfig(name, value);
    if (!outcome.ok) return outcome;
    kept.set(name, outcome.value);
  }
  const number = (name: string): number => Number(resolveOverride(topicTable, name, kept, layers));
  if (number('min.compaction.lag.ms') > number('max.compaction.lag.ms')) {
    const [min, max] = [number('min.compaction.lag.ms'), number('max.compaction.lag.ms')];
    return refuse(INVALID_CONFIG, `min.compaction.lag.ms (${min}) must not be above max.compaction.lag.ms (${max})`);
  }
  if (
    kept.get('remote.storage.enable') === 'true' &&
    resolveBroker('remote.log.storage.system.enable', layers) !== true
  ) {
    return refuse(INVALID_CONFIG, 'remote.storage.enable cannot be true: tiered storage is not there on this cluster');
  }
  return ok(kept);
}

/** Whether AlterConfigs may append to it and subtract from it. */
export function isListKey(kind: ConfigKind, name: string): boolean {
  return specOf(tables[kind], name)?.type === 'list';
}

/** APPEND: the entries of `added` that are not in `current` yet, after it. Both are comma-separated. */
export function appendToList(current: string, added: string): string {
  const entries = entriesOf(current);
  for (const entry of entriesOf(added)) if (!entries.includes(entry)) entries.push(entry);
  return entries.join(',');
}

/** SUBTRACT: `current` without the entries of `removed`. */
export function subtractFromList(current: string, removed: string): string {
  const gone = new Set(entriesOf(removed));
  return entriesOf(current)
    .filter((entry) => !gone.has(entry))
    .join(',');
}

function entriesOf(list: string): string[] {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
