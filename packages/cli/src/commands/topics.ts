/** `odradek topics …`: the parent of the topic commands, which are loaded with it: they are small and share the connection. */
import { Command } from 'commander';
import { alterCommand } from './topics/alter.ts';
import { createCommand } from './topics/create.ts';
import { deleteCommand } from './topics/delete.ts';
import { describeCommand } from './topics/describe.ts';
import { listCommand } from './topics/list.ts';

export function topicsCommand(): Command {
  return new Command('topics')
    .description('create, list, describe, alter and delete topics')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(describeCommand())
    .addCommand(alterCommand())
    .addCommand(deleteCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
Examples:
  $ odradek topics create --topic orders --partitions 6 --config retention.ms=86400000
  $ odradek topics list
  $ odradek topics describe --topic orders --json
  $ odradek topics alter --topic orders --partitions 12 --add-config cleanup.policy=compact
  $ odradek topics delete --topic orders`;
