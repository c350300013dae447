/** `odradek configs …`: configurations, quotas and passwords by entity. The parent of its commands. */
import { Command } from 'commander';
import { alterCommand } from './configs/alter.ts';
import { describeCommand } from './configs/describe.ts';

export function configsCommand(): Command {
  return new Command('configs')
    .description('describe and alter what is configured while the cluster runs')
    .addCommand(describeCommand())
    .addCommand(alterCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags are those of kafka-configs; a line written for it works too: odradek configs --describe --topic orders

Examples:
  $ odradek configs describe --topic orders --all
  $ odradek configs alter --topic orders --add-config retention.ms=86400000,cleanup.policy=[compact,delete]
  $ odradek configs alter --broker-defaults --add-config log.retention.ms=604800000
  $ odradek configs alter --broker-logger 1 --add-config root=DEBUG`;
