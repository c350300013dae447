/** `odradek cluster list-endpoints`: where clients reach each broker, or tools each controller, as kafka-cluster list-endpoints. */
import type { Command } from 'commander';
import { usageError } from '../../core/refusal.ts';
import { renderTable, type Cell } from '../../core/groups/table.ts';
import type { ClusterNode } from '../../shell/cluster-admin.ts';
import { paint, print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

type Options = ClusterOptions & { includeFencedBrokers?: boolean };

const MIN_WIDTH = 10;
const LAST_WIDTH = 15;

export function listEndpointsCommand(): Command {
  return clusterSubcommand('list-endpoints', 'where the brokers are reached, or the controllers')
    .option('--include-fenced-brokers', 'brokers that serve nobody now, too')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => listEndpoints(options));
}

const EXAMPLES = `
Examples:
  $ odradek cluster list-endpoints --include-fenced-brokers
  $ odradek cluster list-endpoints --bootstrap-controller localhost:9093 --json`;

async function listEndpoints(options: Options): Promise<void> {
  const ofControllers = options.bootstrapController !== undefined;
  if (ofControllers && options.includeFencedBrokers === true) {
    throw usageError('--include-fenced-brokers is about brokers, and --bootstrap-controller asks for controllers');
  }
  const { nodes } = await withClusterAdmin(options, (admin) => admin.describe(options.includeFencedBrokers === true));
  const type = ofControllers ? 'controller' : 'broker';
  if (options.json === true) return printJson(nodes.map((node) => ({ ...node, endpointType: type })));
  const columns = [
    { title: 'ID', minWidth: MIN_WIDTH },
    { title: 'HOST', minWidth: 0 },
    { title: 'PORT', minWidth: MIN_WIDTH },
    { title: 'RACK', minWidth: MIN_WIDTH },
    ...(ofControllers ? [] : [{ title: 'STATE', minWidth: MIN_WIDTH }]),
    { title: 'ENDPOINT_TYPE', minWidth: LAST_WIDTH },
  ];
  const state = ({ fenced }: ClusterNode): Cell => (fenced ? { text: 'fenced', style: 'red' } : 'unfenced');
  const rows = nodes.map((node): Cell[] => [
    String(node.id),
    node.host,
    String(node.port),
    node.rack ?? 'null',
    ...(ofControllers ? [] : [state(node)]),
    type,
  ]);
  print(renderTable(columns, rows, paint).join('\n'));
}
