/** `odradek configs alter`, as kafka-configs --alter: sets configurations, or takes them back to their defaults. */
import type { Command } from 'commander';
import { config } from '@odradek/base';
import { ConfigResourceType } from '@odradek/protocol';
import {
  changesOf,
  checkKey,
  checkQuotaKeys,
  isScram,
  parseAddConfig,
  parseQuota,
  parseScram,
  requireSet,
  type Change,
} from '../../core/configs/changes.ts';
import { entitiesOf, type Entity } from '../../core/configs/entities.ts';
import { alteredLine, isResource, resourceTypes } from '../../core/configs/lines.ts';
import { collectList } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { changeConfigs, describeConfigs } from '../../shell/configs.ts';
import { changeQuotas, changeScram, describeQuotas } from '../../shell/quotas.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { readTextFile } from '../../shell/text-file.ts';
import { withClusterAdmin } from '../cluster-common.ts';
import { entityCommand, type GivenOptions } from './common.ts';

type Options = GivenOptions & {
  addConfig?: string;
  addConfigFile?: string;
  deleteConfig: string[];
  force?: boolean;
};

export function alterCommand(): Command {
  const { command, names } = entityCommand('alter', 'set configurations, or go back to their defaults');
  return command
    .option('--add-config <k=v,...>', 'configurations to set; a value with commas stands in brackets: k=[a,b]')
    .option('--add-config-file <file>', 'the same from a properties file')
    .option('--delete-config <keys>', 'configurations to take back, as k1,k2; may be repeated', collectList, [])
    .option('--force', 'without effect: nothing is ever asked back')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => alter(options, names));
}

const EXAMPLES = `
Examples:
  $ odradek configs alter --topic orders --add-config retention.ms=3600000 --delete-config cleanup.policy
  $ odradek configs alter --entity-type brokers --entity-default --add-config log.retention.ms=86400000
  $ odradek configs alter --group billing --add-config consumer.session.timeout.ms=60000
  $ odradek configs alter --user alice --client reports --add-config consumer_byte_rate=1048576`;

async function alter(options: Options, entityNames: readonly string[]): Promise<void> {
  const entities = entitiesOf({ ...options, entityNames }, 'alter');
  const [entity] = entities;
  if (entity === undefined) return;
  const changes = changesOf(toAdd(options), toDelete(options));
  if (changes.length === 0)
    throw usageError('nothing to alter: give --add-config, --add-config-file or --delete-config');
  await withClusterAdmin(options, async (admin) => {
    if (isResource(entity.type)) await alterResource(admin, entity, changes);
    else await alterClients(admin, entities, changes);
  });
  if (options.json === true) printJson({ altered: entities, changes: changes.map(withoutPassword) });
  else print(alteredLine(entity));
}

function toAdd({ addConfig, addConfigFile }: Options): Map<string, string> {
  if (addConfig !== undefined && addConfigFile !== undefined) {
    throw usageError('--add-config and --add-config-file exclude each other');
  }
  if (addConfigFile === undefined) return addConfig === undefined ? new Map() : parseAddConfig(addConfig);
  const { entries, problems } = config.parseProperties(readTextFile('--add-config-file', addConfigFile));
  const [problem] = problems;
  if (problem !== undefined) throw new CommandError(`--add-config-file: line ${problem.line}: ${problem.why}`);
  for (const { name } of entries) checkKey('--add-config-file', name);
  return new Map(entries.map(({ name, value }) => [name, value]));
}

function toDelete({ deleteConfig }: Options): string[] {
  const names = deleteConfig.map((name) => name.trim());
  for (const name of names) checkKey('--delete-config', name);
  return names;
}

async function alterResource(
  admin: ClusterAdmin,
  { type, name = '' }: Entity,
  changes: readonly Change[],
): Promise<void> {
  if (!isResource(type)) return;
  const resourceType = resourceTypes[type];
  if (resourceType === ConfigResourceType.BROKER_LOGGER) {
    const known = new Set((await describeConfigs(admin, resourceType, name)).map((entry) => entry.name));
    const unknown = changes.map((change) => change.name).filter((logger) => !known.has(logger));
    if (unknown.length > 0) {
      const hint = `\`odradek configs describe --broker-logger ${name}\` names those that there are`;
      throw new CommandError(`Invalid broker logger(s): ${unknown.join(',')}; ${hint}`);
    }
  }
  await changeConfigs(admin, [{ type: resourceType, name, changes }]);
}

async function alterClients(
  admin: ClusterAdmin,
  entities: readonly Entity[],
  changes: readonly Change[],
): Promise<void> {
  const [first] = entities;
  const ofUser = entities.length === 1 && first?.type === 'users';
  const scram = changes.filter(({ name }) => ofUser && isScram(name));
  const quotas = changes.filter((change) => !scram.includes(change));
  const whose = ofUser ? 'users' : entities.some(({ type }) => type === 'ips') ? 'ips' : 'clients';
  checkQuotaKeys(
    quotas.map(({ name }) => name),
    whose,
  );
  if (scram.length > 0 && quotas.length > 0) {
    throw usageError('quotas and SCRAM credentials of a user are changed by two commands, one after the other');
  }
  if (scram.length > 0) return alterScram(admin, first?.name ?? '', scram);
  for (const { name, value } of quotas) if (value !== null) parseQuota(name, value);
  const removed = quotas.filter(({ value }) => value === null).map(({ name }) => name);
  if (removed.length > 0) {
    const set = (await describeQuotas(admin, entities)).flatMap(({ values }) => values.map(({ key }) => key));
    requireSet(removed, new Set(set));
  }
  await changeQuotas(admin, entities, quotas);
}

async function alterScram(admin: ClusterAdmin, user: string, changes: readonly Change[]): Promise<void> {
  if (user === '') throw usageError('SCRAM credentials belong to one user: there are no defaults of them');
  await changeScram(admin, user, {
    set: changes.flatMap(({ name, value }) => (isScram(name) && value !== null ? [parseScram(name, value)] : [])),
    remove: changes.flatMap(({ name, value }) => (isScram(name) && value === null ? [name] : [])),
  });
}

function withoutPassword({ name, value }: Change): Change {
  return { name, value: isScram(name) && value !== null ? '(hidden)' : value };
}
