/** `odradek chaos list`: the scenarios, and what each must be able to do to nodes. */
import { Command } from 'commander';
import { meaning, scenarios } from '../../core/chaos/scenarios.ts';
import { flagOf } from '../../core/chaos/commands.ts';
import { paint, print, printJson } from '../../shell/terminal.ts';

export function listCommand(): Command {
  return new Command('list')
    .description('list the scenarios')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ odradek chaos list\n  $ odradek chaos list --json')
    .action((options: { json?: boolean }) => list(options.json === true));
}

function list(json: boolean): void {
  if (json) return printJson(scenarios.map(({ name, summary, needs }) => ({ name, summary, needs })));
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  for (const { name, summary, needs } of scenarios) {
    print(`${paint('bold', name.padEnd(width))}  ${summary}`);
    print(`${' '.repeat(width)}  ${paint('dim', `needs ${needs.join(', ')}`)}`);
  }
  const used = [...new Set(scenarios.flatMap(({ needs }) => needs))];
  const flags = Math.max(...used.map((action) => flagOf(action).length));
  print('\nWhat a command for each has to do; {node}, {host} and {port} stand for the node:');
  for (const action of used) print(`  ${flagOf(action).padEnd(flags)}  ${meaning[action]}`);
}
