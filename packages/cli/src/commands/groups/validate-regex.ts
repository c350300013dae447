/** `odradek groups validate-regex`: whether a pattern of topics is one of RE2's. No broker is asked. */
import { Command, Option } from 'commander';
import { regexProblem, tellRegex } from '../../core/groups/regex.ts';
import { CommandError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';

type Options = { json?: boolean };

export function validateRegexCommand(): Command {
  const command = new Command('validate-regex')
    .description('tell whether consumers could subscribe with a regular expression')
    .argument('<regex>', 'in the syntax of RE2, as brokers read it')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((regex: string, options: Options) => validate(regex, options));
  // kafka-consumer-groups takes them here too, and needs them as little.
  for (const unused of ['-b, --bootstrap-server <host:port,...>', '--command-config <file>', '--timeout <ms>'])
    command.addOption(new Option(unused).hideHelp());
  return command;
}

const EXAMPLES = `
A valid one may still be too large for a broker, which says so when a consumer subscribes. The exit code is 1 for an invalid one.

Examples:
  $ odradek groups validate-regex 'orders-.*'
  $ odradek groups validate-regex -- '-begins-with-a-dash'`;

function validate(regex: string, options: Options): void {
  const problem = regexProblem(regex);
  if (options.json === true) printJson({ regex, valid: problem === undefined, problem: problem ?? null });
  else print(tame(tellRegex(regex, problem)));
  if (problem !== undefined) throw new CommandError(`not a regular expression of RE2: ${problem}`);
}
