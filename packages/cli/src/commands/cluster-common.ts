/** What the commands about the cluster share: where to connect, one connection for a command's life, errors of an answer. */
import { Command } from 'commander';
import { parseWhole } from '../core/options.ts';
import { usageError } from '../core/refusal.ts';
import { BOOTSTRAP_DEFAULT, bootstrapOf } from '../shell/bootstrap.ts';
import { ClusterAdmin, type AdminTarget } from '../shell/cluster-admin.ts';

export type ClusterOptions = {
  bootstrapServer?: string;
  bootstrapController?: string;
  commandConfig?: string;
  timeout: string;
  json?: boolean;
};

const TIMEOUT_MS_MAX = 2_147_483_647;

export function clusterSubcommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      '-b, --bootstrap-server <host:port,...>',
      `brokers to connect to; bootstrap.servers of --command-config, or ${BOOTSTRAP_DEFAULT}, when left out`,
    )
    .option('-C, --bootstrap-controller <host:port,...>', 'controllers to connect to instead of brokers')
    .option('-c, --command-config <file>', 'a properties file for a client of Kafka')
    .option(
      '--timeout-ms, --timeout <ms>',
      'how long an answer may take, and how long to look for an active controller',
      '30000',
    )
    .option('--json', 'print JSON');
}

export async function withClusterAdmin<T>(
  options: ClusterOptions,
  work: (admin: ClusterAdmin) => Promise<T>,
): Promise<T> {
  const timeoutMs = parseWhole('--timeout', options.timeout, 1, TIMEOUT_MS_MAX);
  const admin = await ClusterAdmin.connect(targetOf(options), timeoutMs);
  try {
    return await work(admin);
  } finally {
    admin.close();
  }
}

function targetOf(options: ClusterOptions): AdminTarget {
  const { bootstrapServer, bootstrapController } = options;
  if (bootstrapServer !== undefined && bootstrapController !== undefined) {
    throw usageError('--bootstrap-server and --bootstrap-controller exclude each other');
  }
  const bootstrap = bootstrapOf(options);
  if (bootstrapController !== undefined) return { of: 'controllers', bootstrap: bootstrapController };
  return { of: 'brokers', bootstrap };
}

export { requireDone, toldError } from '../core/answers.ts';
