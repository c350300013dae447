/** `odradek groups …`: the parent of the group commands, which are loaded with it: they are small and share the connections. */
import { Command } from 'commander';
import { allCommand } from './groups/all.ts';
import { deleteCommand } from './groups/delete.ts';
import { deleteOffsetsCommand } from './groups/delete-offsets.ts';
import { describeCommand } from './groups/describe.ts';
import { explainCommand } from './groups/explain.ts';
import { listCommand } from './groups/list.ts';
import { membersCommand } from './groups/members.ts';
import { resetOffsetsCommand } from './groups/reset-offsets.ts';
import { validateRegexCommand } from './groups/validate-regex.ts';

export function groupsCommand(): Command {
  return new Command('groups')
    .description('list, describe, explain, reset and delete consumer groups')
    .addCommand(listCommand())
    .addCommand(allCommand())
    .addCommand(describeCommand())
    .addCommand(membersCommand())
    .addCommand(explainCommand())
    .addCommand(resetOffsetsCommand())
    .addCommand(deleteCommand())
    .addCommand(deleteOffsetsCommand())
    .addCommand(validateRegexCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags are those of kafka-consumer-groups; a line written for it works too: odradek groups --describe --group billing

Examples:
  $ odradek groups list --state --type
  $ odradek groups describe --group billing
  $ odradek groups members --group billing --verbose
  $ odradek groups explain billing
  $ odradek groups reset-offsets --group billing --topic orders --to-datetime 2026-11-21T06:00:00.000 --execute
  $ odradek groups delete --group billing`;
