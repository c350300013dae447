/** `odradek groups reset-offsets`: plans where groups go on reading, and does it with `--execute`. */
import type { Command } from 'commander';
import { systemClock } from '@odradek/base/system';
import { formatOffsetRow, parseOffsetFile, type OffsetRow } from '../../core/groups/csv.ts';
import { parseTopicArgument, showPartition, type TopicArgument } from '../../core/groups/partitions.ts';
import { partitionRefused } from '../../core/groups/refusals.ts';
import { resetSpecOf, type PlannedOffset, type ResetFlags, type ResetSpec } from '../../core/groups/reset.ts';
import { resetTable } from '../../core/groups/views.ts';
import { usageError } from '../../core/refusal.ts';
import type { Cluster } from '../../shell/cluster.ts';
import { commitOffsets } from '../../shell/group-offsets.ts';
import { resettableGroups, planGroups } from '../../shell/reset.ts';
import { readTextFile } from '../../shell/text-file.ts';
import { Counted, note, print, printJson } from '../../shell/terminal.ts';
import {
  collectEach,
  failWith,
  groupIdsOf,
  groupsSubcommand,
  printTable,
  requireGroups,
  withCluster,
  withGroupOptions,
  type GroupOptions,
} from './common.ts';

type Options = GroupOptions &
  ResetFlags & { topic: string[]; allTopics?: boolean; dryRun?: boolean; execute?: boolean; export?: boolean };

export function resetOffsetsCommand(): Command {
  const command = groupsSubcommand(
    'reset-offsets',
    'move what empty groups have committed; a dry run unless --execute',
  );
  return withGroupOptions(command, 'reset')
    .option('-t, --topic <topic[:0,1]...>', 'topics, or some of their partitions', collectEach, [])
    .option('--all-topics', 'all that the group has committed for')
    .option('--to-earliest', 'to where each log begins')
    .option('--to-latest', 'to where each log ends')
    .option('--to-current', 'to what is committed; to the end where nothing is')
    .option('--to-offset <n>', 'to this offset')
    .option('--shift-by <n>', 'so many records on, or back when negative')
    .option('--to-datetime <datetime>', 'to the first record since then: YYYY-MM-DDThh:mm:ss.sss, UTC without a zone')
    .option('--by-duration <duration>', 'to the first record since so long ago: PnDTnHnMnS')
    .option('--from-file <csv>', 'to what a file says: [group,]topic,partition,offset')
    .option('--dry-run', 'only show what would be done (the default)')
    .option('--execute', 'do it')
    .option('--export', 'print the new offsets as a file for --from-file')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => reset(options));
}

const EXAMPLES = `
Offsets outside a log become its nearest end, with a warning. Groups with members are refused: stop them first.

Examples:
  $ odradek groups reset-offsets --group billing --all-topics --to-current --export > offsets.csv
  $ odradek groups reset-offsets --group billing --topic orders --to-earliest --execute
  $ odradek groups reset-offsets --group billing --topic orders:0,1 --shift-by -100 --execute
  $ odradek groups reset-offsets --group billing --topic orders --by-duration PT1H --execute
  $ odradek groups reset-offsets --group billing --from-file offsets.csv --execute`;

/** One group with what it will be set to. */
type Plan = { readonly group: string; readonly offsets: readonly PlannedOffset[] };

async function reset(options: Options): Promise<void> {
  const spec = resetSpecOf(options, systemClock.nowMs());
  const topics = checked(options, spec);
  const only = options.group.length === 1 ? options.group[0] : undefined;
  const file = spec.kind === 'file' ? parseOffsetFile(spec.path, readTextFile('--from-file', spec.path), only) : [];
  await withCluster(options, async (cluster) => {
    const ids = await groupIdsOf(cluster, options);
    const { groups, failures } = await resettableGroups(cluster, ids);
    const withoutRows = spec.kind === 'file' ? groups.filter((group) => !file.some((row) => row.group === group)) : [];
    const planned = await planGroups(cluster, {
      spec,
      groups: groups.filter((group) => !withoutRows.includes(group)),
      topics,
      file,
    });
    const missing = withoutRows.map((group) => `--from-file: ${fileOf(spec)} has no row for group '${group}'`);
    for (const { group, offsets } of planned) {
      if (offsets.length === 0)
        note(`warning: group '${group}' has nothing committed, so that there is nothing to reset`);
      for (const { warning } of offsets) if (warning !== undefined) note(`warning: ${warning}`);
    }
    const done = options.execute === true ? await execute(cluster, planned) : { plans: planned, failures: [] };
    show(options, done.plans);
    if (options.execute !== true && options.export !== true) note('dry run: nothing is changed; --execute does it');
    failWith([...failures, ...missing, ...done.failures]);
  });
}

function fileOf(spec: ResetSpec): string {
  return spec.kind === 'file' ? spec.path : '';
}

/** @returns the topics of the scope; undefined for all that a group has committed for */
function checked(options: Options, spec: ResetSpec): TopicArgument[] | undefined {
  requireGroups(options);
  if (options.dryRun === true && options.execute === true)
    throw usageError('--dry-run and --execute exclude each other');
  if (options.json === true && options.export === true) throw usageError('--json and --export exclude each other');
  const scoped = options.allTopics === true || options.topic.length > 0;
  if (spec.kind === 'file') {
    if (scoped) note('--topic and --all-topics are without effect: the file names the partitions');
    return undefined;
  }
  if (options.allTopics === true && options.topic.length > 0)
    throw usageError('--topic and --all-topics exclude each other');
  if (!scoped) throw usageError('say what to reset: --topic TOPIC, --topic TOPIC:0,1 or --all-topics');
  return options.allTopics === true ? undefined : options.topic.map(parseTopicArgument);
}

async function execute(cluster: Cluster, plans: readonly Plan[]): Promise<{ plans: Plan[]; failures: string[] }> {
  const done: Plan[] = [];
  const failures: string[] = [];
  const progress = new Counted('reset', plans.length, 'groups');
  const committed = await commitOffsets(cluster, plans, (count) => progress.add(count));
  progress.clear();
  for (const { group, offsets } of plans) {
    const outcomes = committed.get(group) ?? [];
    const written: PlannedOffset[] = [];
    const reasons = new Map<string, string[]>();
    for (const [at, each] of offsets.entries()) {
      const outcome = outcomes[at];
      if (outcome?.ok === true) written.push(each);
      else {
        const reason = outcome === undefined ? 'the broker left it out of its answer' : partitionRefused(outcome);
        reasons.set(reason, [...(reasons.get(reason) ?? []), showPartition(each)]);
      }
    }
    done.push({ group, offsets: written });
    for (const [reason, names] of reasons)
      failures.push(`cannot reset ${names.join(', ')} of group '${group}': ${reason}`);
  }
  return { plans: done, failures };
}

function show(options: Options, plans: readonly Plan[]): void {
  if (options.json === true) {
    printJson(plans.flatMap(({ group, offsets }) => offsets.map((each) => asJson(group, each, options))));
    return;
  }
  const rows: OffsetRow[] = plans.flatMap(({ group, offsets }) =>
    offsets.map(({ topic, partition, newOffset }) => ({ group, topic, partition, offset: newOffset })),
  );
  if (options.export !== true) {
    printTable(resetTable(rows));
    return;
  }
  // As in Kafka: the group is a column unless one was named.
  const withGroup = options.group.length !== 1;
  for (const row of rows) print(formatOffsetRow(row, withGroup));
}

function asJson(group: string, each: PlannedOffset, options: Options): object {
  const { topic, partition, committedOffset, newOffset, warning } = each;
  return {
    group,
    topic,
    partition,
    committedOffset: committedOffset ?? null,
    newOffset,
    warning: warning ?? null,
    executed: options.execute === true,
  };
}
