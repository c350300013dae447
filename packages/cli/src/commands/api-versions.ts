/** `odradek api-versions`, as kafka-broker-api-versions: which APIs each broker speaks, in which versions. */
import type { Command } from 'commander';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { apiRows, nodeLines, type ApiRow } from '../core/api-lines.ts';
import { showAddress } from '../core/options.ts';
import { CommandError } from '../core/refusal.ts';
import { tame } from '../core/tame.ts';
import type { ClusterAdmin, ClusterNode } from '../shell/cluster-admin.ts';
import { print, printJson } from '../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from './cluster-common.ts';

export function apiVersionsCommand(): Command {
  return clusterSubcommand('api-versions', 'which APIs the brokers speak, in which versions')
    .addHelpText('after', EXAMPLES)
    .action((options: ClusterOptions) => show(options));
}

const EXAMPLES = `
The lines are those of kafka-broker-api-versions; usable is the newest version that this command line speaks too.

Examples:
  $ odradek api-versions --bootstrap-server localhost:9092
  $ odradek api-versions --bootstrap-controller localhost:9093 --json`;

type Told =
  | { readonly node: ClusterNode; readonly rows: readonly ApiRow[] }
  | { readonly node: ClusterNode; readonly why: string };

async function show(options: ClusterOptions): Promise<void> {
  const told = await withClusterAdmin(options, async (admin) => {
    const { nodes } = await admin.describe();
    return Promise.all(nodes.map((node) => askNode(admin, node)));
  });
  if (options.json === true) {
    printJson(
      told.map(({ node, ...rest }) => ({
        ...nodeJson(node),
        ...('rows' in rest ? { apis: rest.rows } : { error: rest.why }),
      })),
    );
  } else {
    for (const each of told) {
      const name = nodeText(each.node);
      print(tameLines('rows' in each ? nodeLines(name, each.rows) : `${name} -> ERROR: ${each.why}`));
    }
  }
  const failed = told.flatMap((each) => ('why' in each ? [each.why] : []));
  if (failed.length > 0) throw new CommandError(failed.join('; '));
}

async function askNode(admin: ClusterAdmin, node: ClusterNode): Promise<Told> {
  try {
    const about = { clientSoftwareName: 'odradek-cli', clientSoftwareVersion: '0.1.0' };
    const { errorCode, apiKeys } = await admin.askBroker(node.id, ApiKey.ApiVersions, about);
    if (errorCode !== ErrorCode.NONE) return { node, why: errorName(errorCode) };
    return { node, rows: apiRows(apiKeys, admin.of === 'brokers' ? 'broker' : 'controller') };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { node, why: error.message };
  }
}

function nodeText({ id, rack, fenced, ...address }: ClusterNode): string {
  return `${showAddress(address)} (id: ${id} rack: ${rack ?? 'null'} isFenced: ${fenced})`;
}

function nodeJson({ id, host, port, rack, fenced }: ClusterNode): object {
  return { id, host, port, rack, fenced };
}

/** Names of hosts and racks are others' texts; the line ends between the rows are ours. */
function tameLines(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.startsWith('\t') ? `\t${tame(line.slice(1))}` : tame(line)))
    .join('\n');
}
