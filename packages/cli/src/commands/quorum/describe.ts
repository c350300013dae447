/** `odradek quorum describe`: who leads, who votes, and how far each controller is, in the form of kafka-metadata-quorum. */
import type { Command } from 'commander';
import { ApiKey } from '@odradek/protocol';
import {
  METADATA_TOPIC,
  type Quorum,
  quorumOf,
  replicationRows,
  replicationTitles,
  statusLines,
} from '../../core/cluster/quorum.ts';
import { renderTabbed } from '../../core/cluster/tabbed.ts';
import { usageError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { paint, print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

type Options = ClusterOptions & { status?: boolean; replication?: boolean; humanReadable?: boolean };

export function describeCommand(): Command {
  return clusterSubcommand('describe', 'describe the quorum: its leader, voters and observers')
    .option('--status', 'a summary')
    .option('--replication', 'how far each replica is; both when neither is asked for')
    .option('--human-readable', 'times as so many milliseconds ago')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => describe(options));
}

const EXAMPLES = `
Examples:
  $ odradek quorum describe --status
  $ odradek quorum describe --replication --human-readable --bootstrap-controller localhost:9093`;

async function describe(options: Options): Promise<void> {
  if (options.status === true && options.replication === true) {
    throw usageError('--status and --replication exclude each other; leave both out to see both');
  }
  if (options.status === true && options.humanReadable === true) {
    throw usageError('--human-readable is about the times of --replication');
  }
  const { clusterId, quorum } = await withClusterAdmin(options, async (admin) => ({
    clusterId: (await admin.describe()).clusterId,
    quorum: await describeQuorum(admin),
  }));
  if (options.json === true) return printJson({ clusterId, ...quorum });
  if (options.replication !== true) print(statusLines(clusterId, quorum).map(tame).join('\n'));
  if (options.status === true) return;
  if (options.replication !== true) print('');
  const nowMs = options.humanReadable === true ? Date.now() : undefined;
  print(renderTabbed(replicationTitles, replicationRows(quorum, nowMs), paint).join('\n'));
}

async function describeQuorum(admin: ClusterAdmin): Promise<Quorum> {
  const topics = [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }];
  return quorumOf(await admin.decide(ApiKey.DescribeQuorum, { topics }));
}
