/** `odradek delete-records`, as kafka-delete-records: records before an offset are gone for good. */
import type { Command } from 'commander';
import { ok, refuse, type Outcome } from '@odradek/base';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { parseDeletions, type Deletion } from '../core/delete-records.ts';
import { byTopic, keyOf, showPartition } from '../core/groups/partitions.ts';
import { CommandError } from '../core/refusal.ts';
import { tame } from '../core/tame.ts';
import type { AdminConnection } from '../shell/admin-connection.ts';
import { askLeaders } from '../shell/group-offsets.ts';
import { print, printJson } from '../shell/terminal.ts';
import { readTextFile } from '../shell/text-file.ts';
import { groupsSubcommand, withCluster, type ClusterOptions } from './groups/common.ts';

type Options = ClusterOptions & { offsetJsonFile: string };

const FILE = '--offset-json-file';

export function deleteRecordsCommand(): Command {
  return groupsSubcommand('delete-records', 'delete the records of partitions before an offset')
    .requiredOption(`${FILE} <file>`, 'partitions and the first offset of each that stays; -1 for the end')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => deleteRecords(options));
}

const EXAMPLES = `
The file: {"partitions": [{"topic": "orders", "partition": 1, "offset": 100}], "version": 1}
Consumers that stood before the offset go on from it. It fails when a partition could not be done; the others are done all the same.

Example:
  $ odradek delete-records --offset-json-file orders.json`;

async function deleteRecords(options: Options): Promise<void> {
  const deletions = parseDeletions(FILE, readTextFile(FILE, options.offsetJsonFile));
  const json = options.json === true;
  if (!json) print('Executing records delete operation');
  const outcomes = await withCluster(options, (cluster) =>
    askLeaders(cluster, deletions, (connection, some) => ask(connection, some, cluster.timeoutMs)),
  );
  const rows = deletions.map(({ topic, partition }) => {
    const outcome = outcomes.get(keyOf(topic, partition)) ?? refuse(ErrorCode.UNKNOWN_SERVER_ERROR, '');
    return { topic, partition, outcome };
  });
  if (json) {
    printJson(
      rows.map(({ topic, partition, outcome }) => ({
        topic,
        partition,
        lowWatermark: outcome.ok ? outcome.value : null,
        error: outcome.ok ? null : errorName(outcome.code),
      })),
    );
  } else {
    print('Records delete operation completed:');
    for (const { topic, partition, outcome } of rows) {
      const told = outcome.ok ? `low_watermark: ${outcome.value}` : `error: ${errorName(outcome.code)}`;
      print(`partition: ${tame(showPartition({ topic, partition }))}\t${told}`);
    }
  }
  const failed = rows.filter(({ outcome }) => !outcome.ok);
  if (failed.length > 0) throw new CommandError(`nothing was deleted of ${failed.map(showPartition).join(', ')}`);
}

async function ask(
  connection: AdminConnection,
  some: readonly Deletion[],
  timeoutMs: number,
): Promise<Map<string, Outcome<number>>> {
  const { topics } = await connection.call(ApiKey.DeleteRecords, {
    topics: [...byTopic(some)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, offset }) => ({ partitionIndex: partition, offset })),
    })),
    timeoutMs,
  });
  return new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, lowWatermark }): [string, Outcome<number>] => [
        keyOf(name, partitionIndex),
        errorCode === ErrorCode.NONE ? ok(lowWatermark) : refuse(errorCode, ''),
      ]),
    ),
  );
}
