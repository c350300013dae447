/** `odradek cluster status`: nodes, roles, who leads, lag and disks on one screen; with `--watch` again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { parseSpan } from '../../core/chaos/commands.ts';
import { statusOf, statusScreen, type Status } from '../../core/cluster/status.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { ClusterWatch } from '../../shell/cluster-status.ts';
import { Screen } from '../../shell/screen.ts';
import { paint, print, printJson, printJsonLine } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

type Options = ClusterOptions & { watch?: string | true };

const WATCH_DEFAULT = '2s';

export function statusCommand(): Command {
  return clusterSubcommand('status', 'nodes, roles, who leads, lag and disks on one screen')
    .option('-w, --watch [time]', `show it again and again, every ${WATCH_DEFAULT} or as given, until interrupted`)
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => status(options));
}

const EXAMPLES = `
LEADS, REPLICAS and BEHIND count partitions: those that the node leads, has a copy of, and is not in sync with. META-LAG is records of
metadata that it lacks; the controller that leads has a star. On a terminal --watch writes over itself; elsewhere it prints one screen after
another, and with --json one object a line.

Examples:
  $ odradek cluster status
  $ odradek cluster status --watch 5s --bootstrap-server kafka-1:9092,kafka-2:9092
  $ odradek cluster status --json | jq '.nodes[] | select(.state != "up")'`;

async function status(options: Options): Promise<void> {
  if (options.bootstrapController !== undefined) {
    throw usageError(
      'cluster status asks brokers: give --bootstrap-server (for controllers alone: odradek quorum describe)',
    );
  }
  const everyMs = options.watch === undefined ? undefined : parseSpan('--watch', watchTime(options.watch));
  await withClusterAdmin(options, async (admin) => {
    using cluster = new ClusterWatch(admin);
    if (everyMs !== undefined) return watch(cluster, everyMs, options.json === true);
    const now = statusOf(await cluster.look());
    if (options.json === true) printJson(now);
    else print(statusScreen(now, paint).join('\n'));
  });
}

function watchTime(given: string | true): string {
  return given === true ? WATCH_DEFAULT : given;
}

/** Ends with the signal that ends any command. A cluster that does not answer is told, and asked again. */
async function watch(cluster: ClusterWatch, everyMs: number, isJson: boolean): Promise<void> {
  using screen = new Screen();
  for (;;) {
    const now = await look(cluster);
    if (isJson) printJsonLine(now);
    else screen.show('error' in now ? [paint('red', now.error)] : statusScreen(now, paint));
    await sleep(everyMs);
  }
}

async function look(cluster: ClusterWatch): Promise<Status | { readonly error: string }> {
  try {
    return statusOf(await cluster.look());
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { error: error.message };
  }
}
