/** `odradek topics alter`: more partitions (kafka-topics) and topic configuration (kafka-configs) in one command. */
import type { Command } from 'commander';
import { AlterConfigOp, ApiKey, ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { collectList, collectProperty, parseWhole } from '../../core/options.ts';
import { usageError } from '../../core/refusal.ts';
import type { AdminConnection } from '../../shell/admin-connection.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { adminCommand, refuseFailed, withAdmin, type CommonOptions } from './common.ts';

type Options = CommonOptions & {
  topic: string[];
  partitions?: string;
  addConfig: Map<string, string>;
  deleteConfig: string[];
  ifExists?: boolean;
  validateOnly?: boolean;
};

const PARTITIONS_MAX = 1_000_000;

export function alterCommand(): Command {
  return adminCommand('alter', 'add partitions to topics, or change their configuration')
    .requiredOption('-t, --topic <name...>', 'topics to alter', collectList, [])
    .option('--partitions <n>', 'the new number of partitions, larger than now')
    .option(
      '--config, --add-config <key=value>',
      'set a configuration; may be repeated',
      collectProperty('--add-config'),
      new Map(),
    )
    .option('--delete-config <key...>', 'back to the default of the broker', collectList, [])
    .option('--if-exists', 'do nothing for topics that do not exist')
    .option('--validate-only', 'check, but change nothing')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => alter(options));
}

const EXAMPLES = `
Examples:
  $ odradek topics alter --topic orders --partitions 12
  $ odradek topics alter --topic orders --add-config retention.ms=3600000 --delete-config cleanup.policy`;

async function alter(options: Options): Promise<void> {
  const partitions =
    options.partitions === undefined ? undefined : parseWhole('--partitions', options.partitions, 1, PARTITIONS_MAX);
  const changes = [
    ...[...options.addConfig].map(([name, value]) => ({ name, value, configOperation: AlterConfigOp.SET })),
    ...options.deleteConfig.map((name) => ({ name, value: null, configOperation: AlterConfigOp.DELETE })),
  ];
  if (partitions === undefined && changes.length === 0) {
    throw usageError('nothing to alter: give --partitions, --add-config or --delete-config');
  }
  const topics = await withAdmin(options, async (admin) => {
    const topic = options.ifExists === true ? await existing(admin, options.topic) : options.topic;
    if (partitions !== undefined) await addPartitions(admin, { ...options, topic }, partitions);
    if (changes.length > 0) await changeConfigs(admin, { ...options, topic }, changes);
    return topic;
  });
  const done = options.validateOnly === true ? 'Would alter' : 'Altered';
  if (options.json === true) printJson(topics.map((name) => ({ name, altered: options.validateOnly !== true })));
  else for (const name of topics) print(`${done} topic ${name}.`);
}

async function existing(admin: AdminConnection, names: readonly string[]): Promise<string[]> {
  const topics = names.map((name) => ({ name }));
  const metadata = await admin.call(ApiKey.Metadata, { topics, allowAutoTopicCreation: false });
  const gone = metadata.topics.filter(({ errorCode }) => errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  return names.filter((name) => !gone.some((each) => each.name === name));
}

async function addPartitions(admin: AdminConnection, options: Options, count: number): Promise<void> {
  const { results } = await admin.call(ApiKey.CreatePartitions, {
    topics: options.topic.map((name) => ({ name, count, assignments: null })),
    timeoutMs: admin.timeoutMs,
    validateOnly: options.validateOnly === true,
  });
  refuseFailed('add partitions to', results);
}

type Change = { readonly name: string; readonly value: string | null; readonly configOperation: number };

async function changeConfigs(admin: AdminConnection, options: Options, configs: readonly Change[]): Promise<void> {
  const { responses } = await admin.call(ApiKey.IncrementalAlterConfigs, {
    resources: options.topic.map((resourceName) => ({ resourceType: ConfigResourceType.TOPIC, resourceName, configs })),
    validateOnly: options.validateOnly === true,
  });
  refuseFailed(
    'configure',
    responses.map(({ resourceName, ...outcome }) => ({ ...outcome, name: resourceName })),
  );
}
