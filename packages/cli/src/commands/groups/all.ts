/** `odradek groups all`, as kafka-groups: groups of every type, those of consumers, of Connect's workers, of shares and of streams. */
import type { Command } from 'commander';
import { groupTypes } from '@odradek/protocol';
import { isWantedGroup, type GroupFilter } from '../../core/groups/filters.ts';
import { compareText } from '../../core/groups/partitions.ts';
import { usageError } from '../../core/refusal.ts';
import { listEveryGroup } from '../../shell/group-queries.ts';
import { printJson } from '../../shell/terminal.ts';
import { groupsSubcommand, printTable, withCluster, type ClusterOptions } from './common.ts';

type Options = ClusterOptions & {
  list?: boolean;
  groupType?: string;
  protocol?: string;
  consumer?: boolean;
  share?: boolean;
  streams?: boolean;
};

const MIN_WIDTH = 20;

export function allCommand(): Command {
  return groupsSubcommand('all', 'list groups of every type')
    .option('--list', 'the only thing that it does; may be left out')
    .option('--group-type <classic|consumer|share|streams>', 'groups of one type')
    .option('--protocol <type>', 'groups of one protocol type, as consumer or connect')
    .option('--consumer', 'groups of consumers, of the classic protocol too')
    .option('--share', 'share groups')
    .option('--streams', 'groups of Kafka Streams')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => all(options));
}

const EXAMPLES = `
The flags are those of kafka-groups.

Examples:
  $ odradek groups all
  $ odradek groups all --group-type classic --protocol connect
  $ odradek groups all --consumer --json`;

async function all(options: Options): Promise<void> {
  const filter = filterOf(options);
  const listed = await withCluster(options, (cluster) => listEveryGroup(cluster, { states: [], types: [] }));
  const groups = listed
    .filter((group) => isWantedGroup(group, filter))
    .toSorted((left, right) => compareText(left.groupId, right.groupId));
  if (options.json === true) {
    printJson(groups.map(({ groupId, type, protocolType, state }) => ({ group: groupId, type, protocolType, state })));
  } else {
    const columns = ['GROUP', 'TYPE', 'PROTOCOL'].map((title) => ({ title, minWidth: MIN_WIDTH }));
    printTable({ columns, rows: groups.map(({ groupId, type, protocolType }) => [groupId, type, protocolType]) });
  }
}

function filterOf({ groupType, protocol, consumer, share, streams }: Options): GroupFilter {
  const kinds = [
    groupType !== undefined || protocol !== undefined,
    consumer === true,
    share === true,
    streams === true,
  ];
  if (kinds.filter(Boolean).length > 1) {
    throw usageError('--consumer, --share and --streams each stand alone, without --group-type and --protocol');
  }
  if (consumer === true) return { kind: 'consumers' };
  const type = share === true ? 'share' : streams === true ? 'streams' : groupType;
  const known = type === undefined ? undefined : groupTypes.find((each) => each.toLowerCase() === type.toLowerCase());
  if (type !== undefined && (known === undefined || known === 'Unknown')) {
    throw usageError(`--group-type: '${type}' is none of classic, consumer, share, streams`);
  }
  return { kind: 'exactly', type: known, protocol };
}
