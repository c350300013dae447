/** Configurations of topics, brokers, loggers, groups and client metrics: asked and changed where each is known. */
import { AlterConfigOp, ApiKey, ConfigResourceType, ErrorCode, type RequestInput } from '@odradek/protocol';
import { requireDone, toldError } from '../core/answers.ts';
import type { ConfigEntry } from '../core/configs/lines.ts';
import { compareText } from '../core/groups/partitions.ts';
import { CommandError } from '../core/refusal.ts';
import type { ClusterAdmin } from './cluster-admin.ts';

type Change = { readonly name: string; readonly value: string | null };
export type ConfigChange = { readonly type: number; readonly name: string; readonly changes: readonly Change[] };

/** A broker knows its own configuration and loggers best, the defaults of all ('') are known to any. */
function isOfOneBroker(type: number, name: string): boolean {
  return name !== '' && (type === ConfigResourceType.BROKER || type === ConfigResourceType.BROKER_LOGGER);
}

/** Entries by name, each with where its value comes from. */
export async function describeConfigs(admin: ClusterAdmin, type: number, name: string): Promise<ConfigEntry[]> {
  const request: RequestInput<typeof ApiKey.DescribeConfigs> = {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: null }],
    includeSynonyms: true,
    includeDocumentation: false,
  };
  const { results } = isOfOneBroker(type, name)
    ? await admin.askBroker(Number(name), ApiKey.DescribeConfigs, request)
    : await admin.ask(ApiKey.DescribeConfigs, request);
  const [answer] = results;
  if (answer === undefined) throw new CommandError(`the broker said nothing of '${name}'`);
  requireDone(`describe the configuration of '${name}'`, answer);
  return answer.configs.toSorted((left, right) => compareText(left.name, right.name));
}

/** A value of null goes back to the default. */
export async function changeConfigs(admin: ClusterAdmin, all: readonly ConfigChange[]): Promise<void> {
  for (const { type, name, changes } of all) {
    const configs = changes.map((change) => ({
      ...change,
      configOperation: change.value === null ? AlterConfigOp.DELETE : AlterConfigOp.SET,
    }));
    const request = { resources: [{ resourceType: type, resourceName: name, configs }], validateOnly: false };
    const { responses } = isOfOneBroker(type, name)
      ? await admin.askBroker(Number(name), ApiKey.IncrementalAlterConfigs, request)
      : await admin.decide(ApiKey.IncrementalAlterConfigs, request);
    const [answer] = responses;
    if (answer !== undefined) requireDone(`change the configuration of ${name === '' ? 'all brokers' : name}`, answer);
  }
}

/** Names of a type of resource that have a configuration of their own (KIP-1142; KIP-1000 for client metrics). */
export async function configuredNames(admin: ClusterAdmin, type: number): Promise<string[]> {
  const connection = await admin.anyone();
  const knowsTypes = connection.versionOf(ApiKey.ListConfigResources) > 0;
  if (!knowsTypes && type !== ConfigResourceType.CLIENT_METRICS) return [];
  const answer = await connection.call(ApiKey.ListConfigResources, knowsTypes ? { resourceTypes: [type] } : {});
  requireDone('list what has a configuration', answer);
  const names = answer.configResources.map(({ resourceName }) => resourceName);
  return [...new Set(names)].toSorted(compareText);
}

/** Names of all topics, those of the cluster itself too. */
export async function topicNames(admin: ClusterAdmin): Promise<string[]> {
  const { topics } = await admin.ask(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false });
  return topics.flatMap(({ name }) => (name === null ? [] : [name])).toSorted(compareText);
}

/** Ids of all groups: each broker tells those that it coordinates. */
export async function groupNames(admin: ClusterAdmin): Promise<string[]> {
  const { nodes } = await admin.describe();
  const names = new Set<string>();
  for (const { id } of nodes) {
    const answer = await admin.askBroker(id, ApiKey.ListGroups, {});
    if (answer.errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE) continue;
    if (answer.errorCode !== ErrorCode.NONE)
      throw new CommandError(`broker ${id} lists no groups: ${toldError(answer)}`);
    for (const { groupId } of answer.groups) names.add(groupId);
  }
  return [...names].toSorted(compareText);
}
