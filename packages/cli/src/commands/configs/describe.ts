/** `odradek configs describe`, as kafka-configs --describe: what was set for entities, or everything that holds for them. */
import type { Command } from 'commander';
import { ConfigResourceType } from '@odradek/protocol';
import { entitiesOf, type Entity } from '../../core/configs/entities.ts';
import {
  entryJson,
  entryLine,
  headline,
  isResource,
  ownSource,
  quotaLine,
  resourceTypes,
  type ConfigEntry,
  type ResourceEntity,
} from '../../core/configs/lines.ts';
import { compareText } from '../../core/groups/partitions.ts';
import { tame } from '../../core/tame.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { configuredNames, describeConfigs, groupNames, topicNames } from '../../shell/configs.ts';
import { describeQuotas, describeScram } from '../../shell/quotas.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { withClusterAdmin } from '../cluster-common.ts';
import { entityCommand, type GivenOptions } from './common.ts';

type Options = GivenOptions & { all?: boolean };

export function describeCommand(): Command {
  const { command, names } = entityCommand('describe', 'what is configured for topics, brokers, groups and clients');
  return command
    .option('--all', 'everything that holds, also from files and defaults')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => describe(options, names));
}

const EXAMPLES = `
Without a name every entity of the type is shown.

Examples:
  $ odradek configs describe --entity-type topics
  $ odradek configs describe --broker 1 --all --json
  $ odradek configs describe --entity-type broker-loggers --entity-name 1
  $ odradek configs describe --entity-type users --entity-type clients`;

async function describe(options: Options, entityNames: readonly string[]): Promise<void> {
  const [entity, ...more] = entitiesOf({ ...options, entityNames }, 'describe');
  if (entity === undefined) return;
  await withClusterAdmin(options, async (admin) => {
    if (isResource(entity.type)) await describeResources(admin, entity.type, entity.name, options);
    else await describeClients(admin, [entity, ...more], options.json === true);
  });
}

type Described = { readonly name: string; readonly configs: readonly ConfigEntry[] };

async function describeResources(
  admin: ClusterAdmin,
  type: ResourceEntity,
  wanted: string | undefined,
  options: Options,
): Promise<void> {
  const all = options.all === true;
  const described: Described[] = [];
  for (const name of wanted === undefined ? await namesOf(admin, type) : [wanted]) {
    const entries = await describeConfigs(admin, resourceTypes[type], name);
    const source = all ? undefined : ownSource(type, name);
    const configs = entries.filter(({ configSource }) => source === undefined || configSource === source);
    described.push({ name, configs });
    if (options.json === true) continue;
    // Each as soon as it is known: a cluster may have many.
    print([headline(type, name, all), ...configs.map(entryLine)].join('\n'));
  }
  if (options.json !== true) return;
  printJson(
    described.map(({ name, configs }) => ({ entityType: type, entityName: name, configs: configs.map(entryJson) })),
  );
}

async function namesOf(admin: ClusterAdmin, type: ResourceEntity): Promise<string[]> {
  switch (type) {
    case 'topics':
      return topicNames(admin);
    case 'brokers':
    case 'broker-loggers':
      return [...(await admin.describe()).nodes.map(({ id }) => String(id)), ''];
    case 'client-metrics':
      return configuredNames(admin, ConfigResourceType.CLIENT_METRICS);
    case 'groups': {
      const [living, configured] = [await groupNames(admin), await configuredNames(admin, ConfigResourceType.GROUP)];
      return [...new Set([...living, ...configured])].toSorted(compareText);
    }
  }
}

async function describeClients(admin: ClusterAdmin, entities: readonly Entity[], json: boolean): Promise<void> {
  const quotas = await describeQuotas(admin, entities);
  // Credentials belong to users alone, and there is no default of them.
  const [only] = entities;
  const ofUsers = entities.length === 1 && only?.type === 'users' && only.name !== '';
  const users = ofUsers ? await describeScram(admin, only.name === undefined ? undefined : [only.name]) : [];
  if (json) return printJson({ quotas, credentials: users });
  for (const quota of quotas) print(quotaLine(quota));
  for (const { user, credentials, error } of users) {
    const told = credentials.map(({ mechanism, iterations }) => `${mechanism}=iterations=${iterations}`).join(', ');
    const whose = `SCRAM credential configs for user-principal '${user}'`;
    print(tame(error === undefined ? `${whose} are ${told}` : `Error retrieving ${whose}: ${error}`));
  }
}
