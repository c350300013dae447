/** `odradek cluster unregister`: forgets a broker that is gone for good, as kafka-cluster unregister. */
import type { Command } from 'commander';
import { ApiKey } from '@odradek/protocol';
import { parseWhole } from '../../core/options.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, requireDone, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

type Options = ClusterOptions & { id: string };

const ID_MAX = 2_147_483_647;

export function unregisterCommand(): Command {
  return clusterSubcommand('unregister', 'forget a broker that is gone for good')
    .requiredOption('-i, --id <id>', "the broker's node.id")
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => unregister(options));
}

const EXAMPLES = `
Replicas that it had stay assigned to it: move them first (\`odradek reassign\`).

Example:
  $ odradek cluster unregister --id 4`;

async function unregister(options: Options): Promise<void> {
  const id = parseWhole('--id', options.id, 0, ID_MAX);
  await withClusterAdmin(options, async (admin) =>
    requireDone(`unregister broker ${id}`, await admin.decide(ApiKey.UnregisterBroker, { brokerId: id })),
  );
  if (options.json === true) printJson({ id, unregistered: true });
  else print(`Broker ${id} is no longer registered.`);
}
