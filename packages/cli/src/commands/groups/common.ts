/** What the group commands share: options, the cluster for a command's life, groups by name or all, tables on the terminal. */
import { Command } from 'commander';
import { renderTable } from '../../core/groups/table.ts';
import type { Table } from '../../core/groups/views.ts';
import { collectEach, parseWhole } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { BOOTSTRAP_DEFAULT, bootstrapOf } from '../../shell/bootstrap.ts';
import { Cluster } from '../../shell/cluster.ts';
import { listGroups } from '../../shell/group-queries.ts';
import { paint, print } from '../../shell/terminal.ts';

export type ClusterOptions = {
  bootstrapServer?: string;
  commandConfig?: string;
  timeout: string;
  json?: boolean;
};
export type GroupOptions = ClusterOptions & { group: string[]; allGroups?: boolean };

export function groupsSubcommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      '-b, --bootstrap-server <host:port,...>',
      `brokers to connect to; bootstrap.servers of --command-config, or ${BOOTSTRAP_DEFAULT}, when left out`,
    )
    .option('--command-config <file>', 'a properties file for a client of Kafka')
    .option(
      '--timeout-ms, --timeout <ms>',
      'how long an answer may take, and how long to try again while a coordinator is loading or moving',
      '30000',
    )
    .option('--json', 'print JSON');
}

/** Names of groups and `topic:0,1` may hold commas. */
export { collectEach };

export function withGroupOptions(command: Command, does: string): Command {
  return command
    .option('-g, --group <name...>', `groups to ${does}`, collectEach, [])
    .option('--all-groups', `${does} every group of consumers`);
}

export async function withCluster<T>(options: ClusterOptions, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const timeoutMs = parseWhole('--timeout', options.timeout, 1, 2_147_483_647);
  const cluster = await Cluster.open(bootstrapOf(options), timeoutMs);
  try {
    return await work(cluster);
  } finally {
    cluster.close();
  }
}

/** Refuses a line that names no groups, or names some and all. */
export function requireGroups({ group, allGroups }: GroupOptions): void {
  if (group.length === 0 && allGroups !== true) throw usageError('name the group with --group, or give --all-groups');
  if (group.length > 0 && allGroups === true) throw usageError('--group and --all-groups exclude each other');
}

export async function groupIdsOf(cluster: Cluster, { group, allGroups }: GroupOptions): Promise<string[]> {
  if (allGroups !== true) return [...new Set(group)];
  const listed = await listGroups(cluster, { states: [], types: [] });
  return listed.map(({ groupId }) => groupId);
}

export function printTable({ columns, rows }: Table): void {
  print(renderTable(columns, rows, paint).join('\n'));
}

/** Ends the command with what could not be done, after what could be done was printed. */
export function failWith(failures: readonly string[]): void {
  if (failures.length > 0) throw new CommandError(failures.join('; '));
}
