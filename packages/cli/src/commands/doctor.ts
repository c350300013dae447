/** `odradek doctor`: looks at a cluster from where a client stands, and says in plain words what is wrong and what to do. */
import { Command, Option } from 'commander';
import { parseSpan } from '../core/chaos/commands.ts';
import { examine, reportLines } from '../core/doctor/report.ts';
import { parseWhole } from '../core/options.ts';
import { exitCode } from '../core/refusal.ts';
import { BOOTSTRAP_DEFAULT, bootstrapOf } from '../shell/bootstrap.ts';
import { gather } from '../shell/doctor/gather.ts';
import { paint, print, printJson } from '../shell/terminal.ts';

type Options = {
  bootstrap?: string;
  b?: string;
  commandConfig?: string;
  timeout: string;
  observe?: string;
  strict?: boolean;
  json?: boolean;
};

const TIMEOUT_MS_MAX = 600_000;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('look at a cluster from here, and say in plain words what is wrong and what to do')
    .option(
      '--bootstrap-server, --bootstrap <host:port,...>',
      `brokers to begin with, each of which is met; bootstrap.servers of --command-config, or ${BOOTSTRAP_DEFAULT}, when left out`,
    )
    .option('-c, --command-config <file>', 'a properties file for a client of Kafka')
    .option('--timeout-ms, --timeout <ms>', 'how long a connection and an answer may take', '5000')
    .option(
      '--observe <time>',
      "look at groups twice, so far apart, as 10s, to see whether they get on; Odradek's coordinators tell without it",
    )
    .option('--strict', 'end with 1 for warnings, too')
    .option('--json', 'print JSON')
    .addOption(new Option('-b <host:port,...>').hideHelp())
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => doctor(options));
}

const EXAMPLES = `
Nothing is changed, and nothing is written. Looked at are: every address that clients are given or sent to, as this machine resolves it;
the controllers; partitions and their replicas; disks; clocks; configuration; versions; groups. It works with any Kafka. Of an Odradek
cluster it learns more: every broker's clock, who owns a partition, and when its offset was committed.

Exit codes: 0 no errors were found; 1 some were, or warnings with --strict; 2 wrong usage; 3 no broker could be reached.

Examples:
  $ odradek doctor --bootstrap localhost:9092
  $ odradek doctor --bootstrap kafka-1:9092,kafka-2:9093 --observe 10s --strict
  $ odradek doctor --json | jq '.findings[] | select(.severity == "error")'`;

async function doctor(options: Options): Promise<void> {
  const { commandConfig } = options;
  const bootstrapServer = options.b ?? options.bootstrap;
  const given = {
    ...(bootstrapServer === undefined ? {} : { bootstrapServer }),
    ...(commandConfig === undefined ? {} : { commandConfig }),
  };
  const facts = await gather({
    bootstrap: bootstrapOf(given),
    timeoutMs: parseWhole('--timeout', options.timeout, 1, TIMEOUT_MS_MAX),
    observeMs: options.observe === undefined ? 0 : parseSpan('--observe', options.observe),
  });
  const report = examine(facts);
  if (options.json === true) printJson(report);
  else print(reportLines(report, paint).join('\n'));
  const { error, warning } = report.counts;
  if (facts.brokers.length === 0) process.exitCode = exitCode.unreachable;
  else if (error > 0 || (options.strict === true && warning > 0)) process.exitCode = exitCode.failed;
}
