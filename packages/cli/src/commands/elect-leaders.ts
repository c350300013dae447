/** `odradek elect-leaders`: the preferred replica of a partition leads again, or one that lags where no other is left. */
import { Option, type Command } from 'commander';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { parsePartitions, showPartition, type Partition } from '../core/cluster/reassignment.ts';
import { collectList, parseWhole } from '../core/options.ts';
import { CommandError, usageError } from '../core/refusal.ts';
import { tame } from '../core/tame.ts';
import { print, printJson } from '../shell/terminal.ts';
import { readTextFile } from '../shell/text-file.ts';
import { clusterSubcommand, requireDone, toldError, withClusterAdmin, type ClusterOptions } from './cluster-common.ts';

type Options = ClusterOptions & {
  'admin.config'?: string;
  electionType: string;
  topic?: string;
  partition: string[];
  allTopicPartitions?: boolean;
  pathToJsonFile?: string;
};
type Result = Partition & { readonly errorCode: number; readonly errorMessage: string | null };

const electionTypes = new Map([
  ['preferred', 0],
  ['unclean', 1],
]);
const FILE = '--path-to-json-file';
const PARTITION_MAX = 2_147_483_647;

export function electLeadersCommand(): Command {
  return clusterSubcommand('elect-leaders', 'elect leaders of partitions anew')
    .addOption(new Option('--admin.config <file>', "Kafka's former name of --command-config").hideHelp())
    .requiredOption(
      '--election-type <preferred|unclean>',
      'preferred: the first replica, if it is in sync. unclean: any replica, where nobody leads; records may be lost by it',
    )
    .option('-t, --topic <name>', 'a topic; --partition says which of its partitions')
    .option('--partition <id...>', 'partitions of --topic', collectList, [])
    .option('--all-topic-partitions', 'every partition that needs it')
    .option(`${FILE} <file>`, 'partitions, as {"partitions": [{"topic": "orders", "partition": 1}]}')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => elect(withConfig(options)));
}

const EXAMPLES = `
The flags are those of kafka-leader-election.

Examples:
  $ odradek elect-leaders --election-type preferred --all-topic-partitions
  $ odradek elect-leaders --election-type unclean --topic orders --partition 3`;

function withConfig(options: Options): Options {
  const former = options['admin.config'];
  return former === undefined ? options : { ...options, commandConfig: former };
}

async function elect(options: Options): Promise<void> {
  const type = options.electionType.toLowerCase();
  const electionType = electionTypes.get(type);
  if (electionType === undefined) {
    throw usageError(`--election-type: '${options.electionType}' is neither preferred nor unclean`);
  }
  const partitions = partitionsOf(options);
  const results = await withClusterAdmin(options, async (admin) => {
    const answer = await admin.decide(ApiKey.ElectLeaders, {
      electionType,
      topicPartitions: partitions === null ? null : grouped(partitions),
      timeoutMs: admin.timeoutMs,
    });
    const all = answer.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
      partitionResult.map(({ partitionId, ...result }): Result => ({ topic, partition: partitionId, ...result })),
    );
    if (all.length === 0) requireDone('elect leaders', answer);
    return all;
  });
  tell(type, results, options.json === true);
}

function partitionsOf({ topic, partition, allTopicPartitions, pathToJsonFile }: Options): Partition[] | null {
  const given = [topic !== undefined, allTopicPartitions === true, pathToJsonFile !== undefined];
  if (given.filter(Boolean).length !== 1) {
    throw usageError(`give one of --topic, --all-topic-partitions and ${FILE}`);
  }
  if (topic === undefined && partition.length > 0) throw usageError('--partition is of a topic: give --topic too');
  if (topic !== undefined) {
    if (partition.length === 0) throw usageError('--topic: name its partitions with --partition');
    return partition.map((id) => ({ topic, partition: parseWhole('--partition', id, 0, PARTITION_MAX) }));
  }
  return pathToJsonFile === undefined ? null : parsePartitions(FILE, readTextFile(FILE, pathToJsonFile));
}

function grouped(partitions: readonly Partition[]): { readonly topic: string; readonly partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([topic, ids]) => ({ topic, partitions: ids }));
}

function tell(type: string, results: readonly Result[], json: boolean): void {
  const named = (of: readonly Result[]): string => tame(of.map(showPartition).join(', '));
  const elected = results.filter(({ errorCode }) => errorCode === ErrorCode.NONE);
  const needless = results.filter(({ errorCode }) => errorCode === ErrorCode.ELECTION_NOT_NEEDED);
  const failed = results.filter((each) => !elected.includes(each) && !needless.includes(each));
  if (json) {
    printJson(
      results.map(({ topic, partition, ...result }) => ({
        topic,
        partition,
        elected: result.errorCode === ErrorCode.NONE,
        error: result.errorCode === ErrorCode.NONE ? null : toldError(result),
      })),
    );
  } else {
    const doing = `leader election (${type.toUpperCase()})`;
    if (elected.length > 0) print(`Successfully completed ${doing} for partitions ${named(elected)}`);
    if (needless.length > 0) print(`Valid replica already elected for partitions ${named(needless)}`);
    if (results.length === 0) print('No partition needed an election.');
    for (const each of failed) {
      print(`Error completing ${doing} for partition: ${tame(showPartition(each))}: ${tame(toldError(each))}`);
    }
  }
  if (failed.length === 0) return;
  const rest =
    failed.length === 1 ? showPartition(failed[0] ?? { topic: '', partition: 0 }) : `${failed.length} partitions`;
  throw new CommandError(`no leader was elected for ${rest}`);
}
