/** `odradek groups members`: short for `describe --members`. */
import type { Command } from 'commander';
import { groupsSubcommand, withGroupOptions, type GroupOptions } from './common.ts';
import { describe } from './describe.ts';

type Options = GroupOptions & { verbose?: boolean };

export function membersCommand(): Command {
  return withGroupOptions(groupsSubcommand('members', 'list the members of groups'), 'list the members of')
    .option('--verbose', 'more: epochs and assignments, those that are and those that are wanted')
    .argument('[group...]', 'the same as --group')
    .addHelpText('after', EXAMPLES)
    .action((named: string[], options: Options) => {
      return describe({ ...options, group: [...named, ...options.group], members: true });
    });
}

const EXAMPLES = `
Examples:
  $ odradek groups members billing
  $ odradek groups members --group billing --verbose
  $ odradek groups members --all-groups --json`;
