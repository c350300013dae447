/** `odradek reassign generate`: a proposal that spreads topics over brokers; nothing is changed. */
import type { Command } from 'commander';
import { formatReassignment, parseTopics, propose, type BrokerPlace } from '../../core/cluster/reassignment.ts';
import { collectList, parseWhole } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { print } from '../../shell/terminal.ts';
import { readTextFile } from '../../shell/text-file.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';
import { placesOf } from './common.ts';

type Options = ClusterOptions & {
  topicsToMoveJsonFile?: string;
  topics: string[];
  brokerList: string[];
  disableRackAware?: boolean;
};

const TOPICS_FILE = '--topics-to-move-json-file';
const ID_MAX = 2_147_483_647;

export function generateCommand(): Command {
  return clusterSubcommand('generate', 'propose how topics could be spread over brokers; changes nothing')
    .option(`${TOPICS_FILE} <file>`, 'the topics, as {"topics": [{"topic": "orders"}], "version": 1}')
    .option('--topics <name...>', 'the same on the command line', collectList, [])
    .requiredOption('--broker-list <id,...>', 'the brokers that shall hold them', collectList, [])
    .option('--disable-rack-aware', 'leave out on which racks brokers are')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => generate(options));
}

const EXAMPLES = `
Each partition keeps as many replicas as it has. With --json only the proposal is printed, for --reassignment-json-file.

Examples:
  $ odradek reassign generate --topics orders,payments --broker-list 1,2,3,4
  $ odradek reassign generate --topics-to-move-json-file topics.json --broker-list 1,2,3 --json > move.json`;

async function generate(options: Options): Promise<void> {
  const topics = topicsOf(options);
  const ids = options.brokerList.map((id) => parseWhole('--broker-list', id, 0, ID_MAX));
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw usageError(`--broker-list names broker ${twice} twice`);
  const { current, brokers } = await withClusterAdmin(options, async (admin) => ({
    current: await placesOf(admin, topics),
    brokers: await brokersOf(admin, ids, options.disableRackAware !== true),
  }));
  const proposal = formatReassignment(propose(current, brokers));
  if (options.json === true) return print(proposal);
  print(`Current partition replica assignment\n${formatReassignment(current)}\n`);
  print(`Proposed partition reassignment configuration\n${proposal}`);
}

function topicsOf({ topicsToMoveJsonFile: path, topics }: Options): string[] {
  if ((path === undefined) === (topics.length === 0)) throw usageError(`name topics by ${TOPICS_FILE} or by --topics`);
  return path === undefined ? [...new Set(topics)] : parseTopics(TOPICS_FILE, readTextFile(TOPICS_FILE, path));
}

async function brokersOf(admin: ClusterAdmin, ids: readonly number[], racks: boolean): Promise<BrokerPlace[]> {
  if (admin.of === 'controllers') throw usageError('reassign generate asks brokers: give --bootstrap-server');
  const { nodes } = await admin.describe();
  return ids.map((id) => {
    const node = nodes.find((each) => each.id === id);
    if (node === undefined) {
      const known = nodes.map((each) => each.id).join(', ');
      throw new CommandError(`--broker-list: broker ${id} is not in the cluster, which has ${known}`);
    }
    return { id, rack: racks ? node.rack : null };
  });
}
