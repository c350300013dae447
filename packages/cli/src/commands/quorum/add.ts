/** `odradek quorum add`: a controller that follows the quorum becomes one of its voters, as kafka-metadata-quorum add-controller. */
import type { Command } from 'commander';
import { ApiKey } from '@odradek/protocol';
import {
  directoryIdOf,
  isDirectoryId,
  parseControllerFile,
  parseEndpoints,
} from '../../core/cluster/controller-file.ts';
import { type Endpoint, showEndpoint } from '../../core/cluster/quorum.ts';
import { parseWhole } from '../../core/options.ts';
import { usageError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import type { ClusterAdmin } from '../../shell/cluster-admin.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { readTextFile } from '../../shell/text-file.ts';
import { clusterSubcommand, requireDone, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

type Options = ClusterOptions & {
  controllerId?: string;
  controllerDirectoryId?: string;
  endpoint?: string;
  dryRun?: boolean;
};
type Voter = { readonly id: number; readonly directoryId: string; readonly endpoints: readonly Endpoint[] };

const ID_MAX = 2_147_483_647;

export function addCommand(): Command {
  return clusterSubcommand('add', 'make a controller that follows the quorum one of its voters')
    .alias('add-controller')
    .option('-i, --controller-id <id>', "the controller's node.id; --command-config says it when left out")
    .option('-d, --controller-directory-id <id>', 'directory.id of its meta.properties; read there when left out')
    .option('--endpoint <NAME://host:port,...>', 'where the other controllers reach it')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => add(options));
}

const EXAMPLES = `
On the new controller's machine its own properties file says all of it; from elsewhere --controller-id, --controller-directory-id and
--endpoint do. It must be running, with the quorum in controller.quorum.bootstrap.servers: it has to catch up before it may vote.

Examples:
  $ odradek quorum add --command-config controller-4.properties --bootstrap-controller localhost:9093
  $ odradek quorum add --controller-id 4 --controller-directory-id oRJZr1R6QvmJ0mGnXcEYTg --endpoint CONTROLLER://node-4:9093`;

async function add(options: Options): Promise<void> {
  const voter = voterOf(options);
  // The file is the new controller's: what it says of clients is not meant for this command.
  const { commandConfig: _file, ...connection } = options;
  if (options.dryRun !== true) await withClusterAdmin(connection, (admin) => addVoter(admin, voter));
  if (options.json === true) return printJson({ ...voter, added: options.dryRun !== true });
  const endpoints = voter.endpoints.map(showEndpoint).join(', ');
  const done = options.dryRun === true ? 'DRY RUN of adding' : 'Added';
  print(`${done} controller ${voter.id} with directory id ${voter.directoryId} and endpoints: ${tame(endpoints)}`);
}

function voterOf(options: Options): Voter {
  const { controllerId, controllerDirectoryId, endpoint, commandConfig } = options;
  if (commandConfig !== undefined) {
    if (controllerId !== undefined || controllerDirectoryId !== undefined || endpoint !== undefined) {
      throw usageError(
        '--command-config says all of the controller: leave --controller-id, its directory and --endpoint out',
      );
    }
    return voterOfFile(commandConfig);
  }
  if (controllerId === undefined || controllerDirectoryId === undefined || endpoint === undefined) {
    throw usageError(
      'name the controller: --command-config with its properties file, or --controller-id, --controller-directory-id and --endpoint',
    );
  }
  if (!isDirectoryId(controllerDirectoryId)) {
    throw usageError(`--controller-directory-id: '${controllerDirectoryId}' is not a directory id of 22 characters`);
  }
  const id = parseWhole('--controller-id', controllerId, 0, ID_MAX);
  return { id, directoryId: controllerDirectoryId, endpoints: parseEndpoints('--endpoint', endpoint) };
}

function voterOfFile(path: string): Voter {
  const { nodeId, metadataDirectory, endpoints } = parseControllerFile(path, readTextFile('--command-config', path));
  const metaPath = `${metadataDirectory}/meta.properties`;
  const directoryId = directoryIdOf(metaPath, readTextFile('--command-config', metaPath));
  return { id: nodeId, directoryId, endpoints };
}

async function addVoter(admin: ClusterAdmin, { id, directoryId, endpoints }: Voter): Promise<void> {
  const { clusterId } = await admin.describe();
  const answer = await admin.decide(ApiKey.AddRaftVoter, {
    clusterId,
    timeoutMs: admin.timeoutMs,
    voterId: id,
    voterDirectoryId: directoryId,
    listeners: endpoints,
  });
  requireDone(`add controller ${id}`, answer);
}
