/** `odradek topics create`, with the flags of kafka-topics. */
import type { Command } from 'commander';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { collectList, collectProperty, parseWhole } from '../../core/options.ts';
import { usageError } from '../../core/refusal.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { adminCommand, configEntries, refuseFailed, withAdmin, type CommonOptions } from './common.ts';

type Options = CommonOptions & {
  topic: string[];
  partitions?: string;
  replicationFactor?: string;
  replicaAssignment?: string;
  config: Map<string, string>;
  ifNotExists?: boolean;
  validateOnly?: boolean;
};

const BROKER_DEFAULT = -1;
const PARTITIONS_MAX = 1_000_000;

export function createCommand(): Command {
  return adminCommand('create', 'create topics')
    .requiredOption('-t, --topic <name...>', 'topics to create', collectList, [])
    .option('--partitions <n>', "partitions; the broker's num.partitions when left out")
    .option('--replication-factor <n>', "copies; the broker's default.replication.factor when left out")
    .option('--replica-assignment <ids>', 'brokers of each partition, as 1:2,2:3')
    .option('--config <key=value>', 'a topic configuration; may be repeated', collectProperty('--config'), new Map())
    .option('--if-not-exists', 'do nothing for topics that exist')
    .option('--validate-only', 'check, but create nothing')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => create(options));
}

const EXAMPLES = `
Examples:
  $ odradek topics create --topic orders --partitions 6
  $ odradek topics create --topic audit --config cleanup.policy=compact --config min.cleanable.dirty.ratio=0.1`;

async function create(options: Options): Promise<void> {
  const topics = topicsOf(options);
  const response = await withAdmin(options, (admin) =>
    admin.call(ApiKey.CreateTopics, {
      topics,
      timeoutMs: admin.timeoutMs,
      validateOnly: options.validateOnly === true,
    }),
  );
  const exists = (code: number): boolean => options.ifNotExists === true && code === ErrorCode.TOPIC_ALREADY_EXISTS;
  const created = response.topics.filter(({ errorCode }) => !exists(errorCode));
  refuseFailed('create', created);
  if (options.json === true) {
    printJson(
      created.map(({ name, topicId, numPartitions, replicationFactor }) => ({
        name,
        topicId,
        partitions: numPartitions,
        replicationFactor,
      })),
    );
    return;
  }
  const done = options.validateOnly === true ? 'Would create' : 'Created';
  for (const { name } of created) print(`${done} topic ${name}.`);
}

function topicsOf(options: Options) {
  const assignments = assignmentsOf(options);
  const given = assignments.length > 0;
  const number = (option: string, text: string | undefined, max: number): number =>
    text === undefined || given ? BROKER_DEFAULT : parseWhole(option, text, 1, max);
  return options.topic.map((name) => ({
    name,
    numPartitions: number('--partitions', options.partitions, PARTITIONS_MAX),
    replicationFactor: number('--replication-factor', options.replicationFactor, 32_767),
    assignments,
    configs: configEntries(options.config),
  }));
}

function assignmentsOf(options: Options): { partitionIndex: number; brokerIds: number[] }[] {
  const text = options.replicaAssignment;
  if (text === undefined) return [];
  if (options.partitions !== undefined || options.replicationFactor !== undefined) {
    throw usageError('--replica-assignment says how many: leave out --partitions and --replication-factor');
  }
  return text.split(',').map((ids, partitionIndex) => ({
    partitionIndex,
    brokerIds: ids.split(':').map((id) => parseWhole('--replica-assignment', id, 0, 0x7fff_ffff)),
  }));
}
