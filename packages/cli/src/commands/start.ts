/** `odradek start`: becomes the server process, with the same flags, so that signals and the process id are the node's own. */
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { CommandError } from '../core/refusal.ts';

export function startCommand(): Command {
  return new Command('start')
    .description('run one node: without a file a broker and a controller, on localhost:9092, with data under ./data')
    .option('--config <file>', 'a server.properties as for Apache Kafka in KRaft mode')
    .option('--override <key=value...>', 'set a configuration key, after the file and the environment')
    .option('--cluster-id <id>', 'what an empty data directory is formatted with')
    .option('--standalone', 'with controller.quorum.bootstrap.servers: begin the quorum that other controllers join')
    .option('--log-level <level>', 'debug, info, warn or error')
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', EXAMPLES)
    .action(() => becomeServer(process.argv.slice(3)));
}

const EXAMPLES = `
Examples:
  $ odradek start
  $ odradek start --config server.properties --override log.dirs=/tmp/data
  $ KAFKA_NUM_PARTITIONS=6 odradek start --override listeners=PLAINTEXT://:19092,CONTROLLER://:19093`;

function becomeServer(args: readonly string[]): void {
  const main = fileURLToPath(import.meta.resolve('@odradek/server/main'));
  if (typeof process.execve !== 'function')
    throw new CommandError('this system cannot replace a process: run the server directly');
  process.execve(process.execPath, [process.execPath, ...process.execArgv, main, ...args], process.env);
}
