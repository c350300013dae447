/** `odradek perf …`: how fast a cluster takes records and gives them. The parent of its commands. */
import { Command } from 'commander';
import { consumeCommand } from './perf/consume.ts';
import { produceCommand } from './perf/produce.ts';

export function perfCommand(): Command {
  return new Command('perf')
    .description('how fast the cluster takes records and gives them')
    .addCommand(produceCommand())
    .addCommand(consumeCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags and lines are those of kafka-producer-perf-test and kafka-consumer-perf-test.

Examples:
  $ odradek perf produce --topic test --num-records 1000000 --record-size 100 --throughput -1 --bootstrap-server localhost:9092
  $ odradek perf consume --topic test --num-records 1000000`;
