/** `odradek storage …`, as kafka-storage: the data directories of a node that does not run. The parent of its commands. */
import { Command } from 'commander';
import { randomUuid } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { print, printJson } from '../shell/terminal.ts';
import { versionMappingCommand } from './features/version-mapping.ts';
import { featureDependenciesCommand } from './storage/feature-dependencies.ts';
import { formatCommand } from './storage/format.ts';
import { infoCommand } from './storage/info.ts';

export function storageCommand(): Command {
  return new Command('storage')
    .description('the data directories of a node: new ids, formatting, and what they say')
    .addCommand(randomUuidCommand())
    .addCommand(formatCommand())
    .addCommand(infoCommand())
    .addCommand(versionMappingCommand())
    .addCommand(featureDependenciesCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags are those of kafka-storage. A start formats empty directories by itself, so that formatting is a choice.

Examples:
  $ odradek storage random-uuid
  $ odradek storage format --config server.properties --cluster-id "$(odradek storage random-uuid)"
  $ odradek storage info --config server.properties`;

function randomUuidCommand(): Command {
  return new Command('random-uuid')
    .description('a new id for a cluster')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ odradek storage random-uuid')
    .action(({ json }: { json?: boolean }) => {
      const uuid = randomUuid(systemPorts().random);
      if (json === true) printJson({ uuid });
      else print(uuid);
    });
}
