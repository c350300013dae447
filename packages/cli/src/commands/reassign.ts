/** `odradek reassign …`: which brokers hold the replicas of partitions. The parent of its commands. */
import { Command } from 'commander';
import { cancelCommand } from './reassign/cancel.ts';
import { executeCommand } from './reassign/execute.ts';
import { generateCommand } from './reassign/generate.ts';
import { listCommand } from './reassign/list.ts';
import { verifyCommand } from './reassign/verify.ts';

export function reassignCommand(): Command {
  return new Command('reassign')
    .description('move replicas of partitions to other brokers')
    .addCommand(generateCommand())
    .addCommand(executeCommand())
    .addCommand(verifyCommand())
    .addCommand(cancelCommand())
    .addCommand(listCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags and files are those of kafka-reassign-partitions; a line written for it works too:
odradek reassign --bootstrap-server localhost:9092 --list

Examples:
  $ odradek reassign generate --topics orders --broker-list 1,2,3 --json > move.json
  $ odradek reassign execute --reassignment-json-file move.json
  $ odradek reassign verify --reassignment-json-file move.json
  $ odradek reassign cancel --reassignment-json-file move.json
  $ odradek reassign list`;
