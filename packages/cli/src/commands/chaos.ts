/** `odradek chaos …`: breaks a cluster on purpose while it is written to, and says what came of it. */
import { Command } from 'commander';
import { listCommand } from './chaos/list.ts';
import { runCommand } from './chaos/run.ts';

export function chaosCommand(): Command {
  return new Command('chaos')
    .description('kill, pause, cut off nodes while records are written, and judge what was kept')
    .addCommand(runCommand())
    .addCommand(listCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
Works with any Kafka. Records that are on the cluster are not touched: a run writes to a topic of its own.

Examples:
  $ odradek chaos list
  $ odradek chaos run kill --bootstrap localhost:9092 --processes
  $ odradek chaos run isolate --bootstrap localhost:9092 --containers --html report.html
  $ odradek chaos run kill --bootstrap kafka:9092 --kill-command 'ssh {host} systemctl kill -s KILL kafka' \\
      --start-command 'ssh {host} systemctl start kafka' --gap-max-ms 1000`;
