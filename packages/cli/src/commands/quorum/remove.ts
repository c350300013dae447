/** `odradek quorum remove`: a controller votes no more, as kafka-metadata-quorum remove-controller. */
import type { Command } from 'commander';
import { ApiKey } from '@odradek/protocol';
import { isDirectoryId } from '../../core/cluster/controller-file.ts';
import { parseWhole } from '../../core/options.ts';
import { usageError } from '../../core/refusal.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, requireDone, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

type Options = ClusterOptions & { controllerId: string; controllerDirectoryId: string; dryRun?: boolean };

const ID_MAX = 2_147_483_647;

export function removeCommand(): Command {
  return clusterSubcommand('remove', 'take a controller out of the voters of the quorum')
    .alias('remove-controller')
    .requiredOption('-i, --controller-id <id>', "the controller's node.id")
    .requiredOption('-d, --controller-directory-id <id>', 'its directory id, as `odradek quorum describe` shows it')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => remove(options));
}

const EXAMPLES = `
Example:
  $ odradek quorum remove --controller-id 2 --controller-directory-id oRJZr1R6QvmJ0mGnXcEYTg`;

async function remove(options: Options): Promise<void> {
  const { controllerDirectoryId: directoryId } = options;
  const id = parseWhole('--controller-id', options.controllerId, 0, ID_MAX);
  if (!isDirectoryId(directoryId)) {
    throw usageError(`--controller-directory-id: '${directoryId}' is not a directory id of 22 characters`);
  }
  const isDry = options.dryRun === true;
  if (!isDry) {
    await withClusterAdmin(options, async (admin) => {
      const { clusterId } = await admin.describe();
      const request = { clusterId, voterId: id, voterDirectoryId: directoryId };
      requireDone(`remove controller ${id}`, await admin.decide(ApiKey.RemoveRaftVoter, request));
    });
  }
  if (options.json === true) return printJson({ id, directoryId, removed: !isDry });
  print(`${isDry ? 'DRY RUN of removing ' : 'Removed '}KRaft controller ${id} with directory id ${directoryId}`);
}
