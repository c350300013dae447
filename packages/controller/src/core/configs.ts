/**
 * IncrementalAlterConfigs and AlterConfigs: a resource changes as a whole or not at all, each by itself. What a
 * resource would hold afterwards is validated together, so that no sequence of single changes gets to what one change
 * may not.
 */
import { config, ok, refuse, type Outcome } from '@odradek/base';
import { record, type MetadataRecord } from '@odradek/metadata';
import {
  AlterConfigOp,
  ConfigResourceType,
  ErrorCode,
  type AlterConfigsRequest,
  type AlterConfigsResponse,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
} from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { clearedElr, minIsrProblem } from './elr.ts';
import {
  existenceProblem,
  isKnownType,
  kindOf,
  resourceProblem,
  validated,
  type Resource,
} from './config-resources.ts';
import { repeated } from './repeated.ts';

/** Of the text of one value in UTF-8. */
const VALUE_BYTES_MAX = 32_767;

type Incremental = IncrementalAlterConfigsRequest['resources'][number];
type Whole = AlterConfigsRequest['resources'][number];
/** What is to be: undefined takes the key away. */
type Changes = ReadonlyMap<string, string | undefined>;
type Response = IncrementalAlterConfigsResponse & AlterConfigsResponse;

export function incrementalAlterConfigs(
  context: ControllerContext,
  request: IncrementalAlterConfigsRequest,
): Decision<Response> {
  return alterAll(context, request, (resource) => incrementalChanges(context, resource));
}

export function alterConfigs(context: ControllerContext, request: AlterConfigsRequest): Decision<Response> {
  return alterAll(context, request, (resource) => wholeChanges(context, resource));
}

function alterAll<R extends Incremental | Whole>(
  context: ControllerContext,
  request: { readonly resources: readonly R[]; readonly validateOnly: boolean },
  changesOf: (resource: R) => Outcome<Changes>,
): Decision<Response> {
  const keyOf = (resource: R): string => `${resource.resourceType} ${resource.resourceName}`;
  const twice = repeated(request.resources.map(keyOf));
  const responses: Response['responses'][number][] = [];
  const records: MetadataRecord[] = [];
  for (const resource of request.resources) {
    const outcome = twice.has(keyOf(resource))
      ? refuse(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.')
      : alterOne(context, resource, changesOf);
    if (outcome.ok) records.push(...outcome.value);
    responses.push({
      errorCode: outcome.ok ? ErrorCode.NONE : outcome.code,
      errorMessage: outcome.ok ? null : outcome.why,
      resourceType: resource.resourceType,
      resourceName: resource.resourceName,
    });
  }
  records.push(...clearedElr(context, records));
  return { records: request.validateOnly ? NO_RECORDS : records, reply: { throttleTimeMs: 0, responses } };
}

function alterOne<R extends Incremental | Whole>(
  context: ControllerContext,
  asked: R,
  changesOf: (resource: R) => Outcome<Changes>,
): Outcome<MetadataRecord[]> {
  const resource: Resource = { type: asked.resourceType, name: asked.resourceName };
  if (repeated(asked.configs.map((entry) => entry.name)).size > 0)
    return refuse(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
  const unusable = resourceProblem(resource);
  const changes = changesOf(asked);
  // As in Kafka, what cannot be done to a key is told before whose key it is.
  if (!changes.ok && changes.code === ErrorCode.INVALID_CONFIG && isKnownType(resource.type)) return changes;
  if (unusable !== undefined) return unusable;
  if (!changes.ok) return changes;
  const minIsr = minIsrProblem(context, resource, changes.value);
  if (minIsr !== undefined) return minIsr;

  const current = context.image.configs.of(resource.type, resource.name);
  const after = new Map(current);
  for (const [name, value] of changes.value) {
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  }
  const changed = [...changes.value.keys()].filter((name) => after.has(name));
  const kept = validated(context, resource, after, changed);
  if (!kept.ok) return kept;
  return existenceProblem(context, resource) ?? ok(changeRecords(resource, changes.value, kept.value, current));
}

/** Only what changes; of a broker also what stays, since setting a value again makes it read its files again. */
function changeRecords(
  { type, name: resourceName }: Resource,
  changes: Changes,
  kept: ReadonlyMap<string, string>,
  current: ReadonlyMap<string, string>,
): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const [name, asked] of changes) {
    const value = asked === undefined ? null : (kept.get(name) ?? asked);
    const unchanged = (current.get(name) ?? null) === value;
    if (unchanged && (value === null || type !== ConfigResourceType.BROKER)) continue;
    records.push(record('ConfigRecord', { resourceType: type, resourceName, name, value }));
  }
  return records;
}

function incrementalChanges({ image }: ControllerContext, asked: Incremental): Outcome<Changes> {
  const set = asked.configs.filter((entry) => entry.configOperation !== AlterConfigOp.DELETE);
  const problem = valuesProblem(set);
  if (problem !== undefined) return problem;
  const current = image.configs.of(asked.resourceType, asked.resourceName);
  const changes = new Map<string, string | undefined>();
  for (const { name, configOperation, value } of asked.configs) {
    switch (configOperation) {
      case AlterConfigOp.SET:
        changes.set(name, value ?? undefined);
        break;
      case AlterConfigOp.DELETE:
        changes.set(name, undefined);
        break;
      case AlterConfigOp.APPEND:
      case AlterConfigOp.SUBTRACT: {
        const operation = configOperation === AlterConfigOp.APPEND ? 'APPEND' : 'SUBTRACT';
        const before = listBefore(asked.resourceType, name, current.get(name));
        if (before === undefined) {
          const why = `Can't ${operation} to key ${name} because its type is not LIST.`;
          return refuse(ErrorCode.INVALID_CONFIG, why);
        }
        const change = operation === 'APPEND' ? config.appendToList : config.subtractFromList;
        changes.set(name, change(before, value ?? ''));
        break;
      }
      default:
        return refuse(ErrorCode.INVALID_REQUEST, `Unknown operations type ${configOperation}`);
    }
  }
  return ok(changes);
}

/** The list that is appended to: what is set, else the key's default. @returns undefined when the key is no list */
function listBefore(resourceType: number, name: string, current: string | undefined): string | undefined {
  const kind = kindOf(resourceType);
  if (kind === undefined || !config.isListKey(kind, name)) return undefined;
  if (current !== undefined) return current;
  const describe = {
    topic: () => config.describeTopicConfig(config.noOverrides, config.noLayers, [name]),
    group: () => config.describeGroupConfig(config.noOverrides, config.noLayers, [name]),
    broker: () => config.describeBrokerConfig('broker', config.noLayers, [name]),
  }[kind];
  return describe()[0]?.value ?? '';
}

/** AlterConfigs says all that a resource shall hold: what it does not name goes. */
function wholeChanges({ image }: ControllerContext, asked: Whole): Outcome<Changes> {
  const problem = valuesProblem(asked.configs);
  if (problem !== undefined) return problem;
  const changes = new Map<string, string | undefined>();
  for (const { name, value } of asked.configs) changes.set(name, value ?? undefined);
  for (const name of image.configs.of(asked.resourceType, asked.resourceName).keys())
    if (!changes.has(name)) changes.set(name, undefined);
  return ok(changes);
}

function valuesProblem(entries: readonly { readonly name: string; readonly value: string | null }[]) {
  const missing = entries.filter((entry) => entry.value === null).map((entry) => entry.name);
  if (missing.length > 0)
    return refuse(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${missing.join(', ')}`);
  for (const { name, value } of entries) {
    const sizeBytes = Buffer.byteLength(value ?? '');
    if (sizeBytes <= VALUE_BYTES_MAX) continue;
    const why = `The value of ${name} has ${sizeBytes} bytes; at most ${VALUE_BYTES_MAX} are kept.`;
    return refuse(ErrorCode.INVALID_CONFIG, why);
  }
  return undefined;
}
