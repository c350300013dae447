/**
 * What may carry configuration: which names each type takes, which keys and values, and whether the thing is there at
 * all.
 */
import { config, ok, refuse, type Outcome } from '@odradek/base';
import { topicNameProblem } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { validateClientMetrics } from './client-metrics.ts';
import type { ControllerContext } from './context.ts';
import { layersOf } from './effective-config.ts';

export type Resource = { readonly type: number; readonly name: string };
type Entries = ReadonlyMap<string, string>;

/** Whose table of keys counts; undefined for types that have no such table. */
export function kindOf(resourceType: number): config.ConfigKind | undefined {
  switch (resourceType) {
    case ConfigResourceType.TOPIC:
      return 'topic';
    case ConfigResourceType.BROKER:
      return 'broker';
    case ConfigResourceType.GROUP:
      return 'group';
    default:
      return undefined;
  }
}

export function isKnownType(resourceType: number): boolean {
  return kindOf(resourceType) !== undefined || resourceType === ConfigResourceType.CLIENT_METRICS;
}

/** @returns the refusal when the resource cannot be configured under this name */
export function resourceProblem({ type, name }: Resource): Outcome<never> | undefined {
  const invalid = (why: string): Outcome<never> => refuse(ErrorCode.INVALID_REQUEST, why);
  switch (type) {
    case ConfigResourceType.TOPIC: {
      if (name === '') return invalid('Default topic resources are not allowed.');
      const problem = topicNameProblem(name);
      return problem === undefined ? undefined : refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
    }
    case ConfigResourceType.BROKER:
      if (name === '') return undefined;
      if (!/^[+-]?\d{1,10}$/.test(name)) return invalid(`Node id must be an integer, but it is: ${name}`);
      return Number(name) < 0 ? invalid('Invalid negative broker ID.') : undefined;
    case ConfigResourceType.GROUP:
      return name === '' ? invalid('Default group resources are not allowed.') : undefined;
    case ConfigResourceType.CLIENT_METRICS:
      return name === '' ? invalid("Subscription name can't be empty") : undefined;
    case ConfigResourceType.BROKER_LOGGER:
      return invalid('Log levels belong to one broker and are not kept: send this to the broker itself.');
    default:
      return invalid(`Unknown resource type ${type}`);
  }
}

/** Checked last, as Kafka does: a bad value of a missing topic is a bad value. */
export function existenceProblem({ image }: ControllerContext, { type, name }: Resource): Outcome<never> | undefined {
  if (type === ConfigResourceType.TOPIC && image.topics.byName(name) === undefined)
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
  if (type === ConfigResourceType.BROKER && name !== '' && image.cluster.broker(Number(name)) === undefined)
    return refuse(ErrorCode.BROKER_ID_NOT_REGISTERED, `No node with id ${name} found.`);
  return undefined;
}

/**
 * @param after all that the resource would hold
 * @param changed the keys of `after` that the request names
 * @returns the values as they are to be kept
 */
export function validated(
  context: ControllerContext,
  resource: Resource,
  after: Entries,
  changed: readonly string[],
): Outcome<Entries> {
  switch (resource.type) {
    case ConfigResourceType.TOPIC:
      return config.validateTopicConfigs(after, layersOf(context));
    case ConfigResourceType.GROUP:
      return validateGroup(context, after);
    case ConfigResourceType.BROKER:
      return validateEach(after, changed, (name, value) => {
        const checked = config.validateBrokerConfig(name, value, resource.name === '' ? 'default' : 'broker');
        const bounded = checked.ok && name.startsWith(GROUP_PREFIX);
        const outcome = bounded ? withinBounds(name, checked.value, context) : checked;
        // For brokers Kafka answers a bad value as a bad request; clients have come to know it so.
        return outcome.ok ? outcome : refuse(ErrorCode.INVALID_REQUEST, outcome.why);
      });
    default:
      return validateClientMetrics(after);
  }
}

function validateEach(
  after: Entries,
  names: readonly string[],
  check: (name: string, value: string) => Outcome<string>,
): Outcome<Entries> {
  const kept = new Map(after);
  for (const name of names) {
    const outcome = check(name, after.get(name) ?? '');
    if (!outcome.ok) return outcome;
    kept.set(name, outcome.value);
  }
  return ok(kept);
}

/**
 * Group keys are bounded by the broker's `group.….min.…` and `group.….max.…`, and a session must outlast its
 * heartbeats.
 */
function validateGroup(context: ControllerContext, after: Entries): Outcome<Entries> {
  const kept = validateEach(after, [...after.keys()], config.validateGroupConfig);
  if (!kept.ok) return kept;
  const layers = layersOf(context);
  const effective = new Map(config.describeGroupConfig(kept.value, layers).map((entry) => [entry.name, entry.value]));
  for (const [name, value] of kept.value) {
    const bounded = withinBounds(name, value, context);
    if (!bounded.ok) return bounded;
  }
  for (const kind of ['consumer', 'share', 'streams']) {
    const [session, beat] = [`${kind}.session.timeout.ms`, `${kind}.heartbeat.interval.ms`];
    if (Number(effective.get(session)) <= Number(effective.get(beat)))
      return refuse(ErrorCode.INVALID_CONFIG, `${session} must be greater than ${beat}`);
  }
  return kept;
}

/** Before the keys that are what groups go by when they have none of their own. */
const GROUP_PREFIX = 'group.';

/** @param name of a group's key, or of the broker's that stands behind it */
function withinBounds(name: string, value: string, context: ControllerContext): Outcome<string> {
  const layers = layersOf(context);
  const min = boundOf(name, 'min', layers);
  if (min !== undefined && Number(value) < min.value)
    return refuse(ErrorCode.INVALID_CONFIG, `${name} must be greater than or equal to ${min.name} (${min.value})`);
  const max = boundOf(name, 'max', layers);
  if (max !== undefined && Number(value) > max.value)
    return refuse(ErrorCode.INVALID_CONFIG, `${name} must be less than or equal to ${max.name} (${max.value})`);
  return ok(value);
}

/** `consumer.session.timeout.ms` is bounded by `group.consumer.min.session.timeout.ms`, when there is such a key. */
function boundOf(
  name: string,
  side: 'min' | 'max',
  layers: config.Layers,
): { readonly name: string; readonly value: number } | undefined {
  const groupName = name.startsWith(GROUP_PREFIX) ? name.slice(GROUP_PREFIX.length) : name;
  const dot = groupName.indexOf('.');
  // The bound on streams.num.standby.replicas is the one that leaves out a word.
  const key = `${GROUP_PREFIX}${groupName.slice(0, dot)}.${side}${groupName.slice(dot).replace('.num.', '.')}`;
  const value = config.describeBrokerConfig('broker', layers, [key]).find((entry) => entry.name === key)?.value;
  return value === undefined || value === null ? undefined : { name: key, value: Number(value) };
}
