/** `odradek client-metrics …`, as kafka-client-metrics: which metrics of clients the cluster wants to be sent (KIP-714). */
import { Command } from 'commander';
import { randomUuid } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ConfigResourceType } from '@odradek/protocol';
import type { Change } from '../core/configs/changes.ts';
import { collectList } from '../core/options.ts';
import { usageError } from '../core/refusal.ts';
import { tame } from '../core/tame.ts';
import type { ClusterAdmin } from '../shell/cluster-admin.ts';
import { changeConfigs, configuredNames, describeConfigs } from '../shell/configs.ts';
import { print, printJson } from '../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from './cluster-common.ts';

type Named = ClusterOptions & { name?: string };
type AlterOptions = Named & { generateName?: boolean; interval?: string; metrics?: string[]; match?: string[] };

const TYPE = ConfigResourceType.CLIENT_METRICS;

export function clientMetricsCommand(): Command {
  return new Command('client-metrics')
    .description('which metrics of clients the cluster wants')
    .addCommand(listCommand())
    .addCommand(describeCommand())
    .addCommand(alterCommand())
    .addCommand(deleteCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags are those of kafka-client-metrics; a line written for it works too: odradek client-metrics --describe --name slow

Examples:
  $ odradek client-metrics alter --name slow --metrics org.apache.kafka.producer.request.latency --interval 30000 --match client_id=app
  $ odradek client-metrics describe --name slow
  $ odradek client-metrics delete --name slow`;

function listCommand(): Command {
  return clusterSubcommand('list', 'the names of subscriptions')
    .addHelpText('after', '\nExample:\n  $ odradek client-metrics list')
    .action(async (options: ClusterOptions) => {
      const names = await withClusterAdmin(options, (admin) => configuredNames(admin, TYPE));
      if (options.json === true) printJson(names);
      else for (const name of names) print(tame(name));
    });
}

function describeCommand(): Command {
  return clusterSubcommand('describe', 'what subscriptions ask for')
    .option('--name <name>', 'one of them; all when left out')
    .addHelpText('after', '\nExample:\n  $ odradek client-metrics describe --name slow')
    .action((options: Named) => describe(options));
}

async function describe(options: Named): Promise<void> {
  const described = await withClusterAdmin(options, async (admin) => {
    const names = options.name === undefined ? await configuredNames(admin, TYPE) : [options.name];
    return Promise.all(names.map(async (name) => ({ name, configs: await entriesOf(admin, name) })));
  });
  if (options.json === true) {
    printJson(described.map(({ name, configs }) => ({ name, configs: Object.fromEntries(configs) })));
    return;
  }
  for (const { name, configs } of described) {
    const lines = configs.map(([key, value]) => tame(`  ${key}=${value}`));
    print([tame(`Client metrics configs for ${name} are:`), ...lines].join('\n'));
  }
}

async function entriesOf(admin: ClusterAdmin, name: string): Promise<[string, string][]> {
  return (await describeConfigs(admin, TYPE, name)).map((entry) => [entry.name, entry.value ?? '']);
}

function alterCommand(): Command {
  return clusterSubcommand('alter', 'begin a subscription, or change it')
    .option('--name <name>', 'its name')
    .option('--generate-name', 'a new one with a name at random')
    .option('--interval <ms>', 'how often clients send; empty for the default')
    .option('--metrics <prefixes>', 'prefixes of names of metrics, as a,b; empty for none', collectList)
    .option(
      '--match <selectors>',
      'which clients, as client_id=app.*,client_software_name=kafka; empty for all',
      collectList,
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ odradek client-metrics alter --name slow --metrics org.apache.kafka.producer. --interval 10000',
    )
    .action((options: AlterOptions) => alter(options));
}

async function alter(options: AlterOptions): Promise<void> {
  if ((options.name === undefined) === (options.generateName !== true))
    throw usageError('give one of --name and --generate-name');
  const name = options.name ?? randomUuid(systemPorts().random);
  const given = [
    ['interval.ms', options.interval],
    ['metrics', options.metrics?.join(',')],
    ['match', options.match?.join(',')],
  ] as const;
  const changes = given.flatMap(([key, value]): Change[] =>
    value === undefined ? [] : [{ name: key, value: value === '' ? null : value }],
  );
  if (changes.length === 0) throw usageError('nothing to alter: give --interval, --metrics or --match');
  await withClusterAdmin(options, (admin) => changeConfigs(admin, [{ type: TYPE, name, changes }]));
  if (options.json === true) printJson({ name, altered: true });
  else print(tame(`Altered client metrics config for ${name}.`));
}

function deleteCommand(): Command {
  return clusterSubcommand('delete', 'end a subscription')
    .requiredOption('--name <name>', 'its name')
    .addHelpText('after', '\nExample:\n  $ odradek client-metrics delete --name slow')
    .action(async (options: ClusterOptions & { name: string }) => {
      const { name } = options;
      await withClusterAdmin(options, async (admin) => {
        const changes = (await entriesOf(admin, name)).map(([key]) => ({ name: key, value: null }));
        if (changes.length > 0) await changeConfigs(admin, [{ type: TYPE, name, changes }]);
      });
      if (options.json === true) printJson({ name, deleted: true });
      else print(tame(`Deleted client metrics config for ${name}.`));
    });
}
