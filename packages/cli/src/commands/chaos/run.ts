/** `odradek chaos run SCENARIO`. */
import { randomBytes } from 'node:crypto';
import { Argument, Command, Option } from 'commander';
import { checkTemplate, flagOf, parseNodes, parseSpan } from '../../core/chaos/commands.ts';
import { RECORD_BYTES_MIN } from '../../core/chaos/records.ts';
import { actions, meaning, scenarios, type Action, type Scenario } from '../../core/chaos/scenarios.ts';
import { verdictLines } from '../../core/chaos/text.ts';
import { parseBootstrap, parseWhole } from '../../core/options.ts';
import { CommandError, exitCode, usageError } from '../../core/refusal.ts';
import { tameAll } from '../../core/tame.ts';
import { containers } from '../../shell/chaos/containers.ts';
import { noDriver, withCommands, type Driver } from '../../shell/chaos/driver.ts';
import { writePage } from '../../shell/chaos/page.ts';
import { processes } from '../../shell/chaos/processes.ts';
import { runChaos, type ChaosOptions } from '../../shell/chaos/run.ts';
import { note, paint, print, printJson, StatusLine } from '../../shell/terminal.ts';

type Options = {
  bootstrap: string;
  topic?: string;
  partitions: string;
  replicationFactor: string;
  minInsyncReplicas: string;
  rate: string;
  recordSize: string;
  duration: string;
  repetitions: string;
  recoverWithin: string;
  gapMaxMs?: string;
  processes?: string | true;
  containers?: string | true;
  composeProject?: string;
  keepTopic?: boolean;
  html?: string;
  json?: boolean;
  quiet?: boolean;
} & Readonly<Record<string, unknown>>;

const NODE_VALUE = 'one per node, as 1=…,2=…';
const PARTITIONS_MAX = 1_000;
const RATE_MAX = 100_000;
const RECORD_BYTES_MAX = 8_192;
const REPETITIONS_MAX = 10_000;

export function runCommand(): Command {
  const command = new Command('run')
    .description('play a scenario while records are written, then judge what was kept')
    .addArgument(scenarioArgument())
    .option('--bootstrap-server, --bootstrap <host:port,...>', 'brokers to connect to', 'localhost:9092')
    .option(
      '--processes [nodes]',
      `nodes are processes of this machine, found by port; or process ids or files with them, ${NODE_VALUE}`,
    )
    .option(
      '--containers [nodes]',
      `nodes are containers of docker compose, found by KAFKA_NODE_ID or host name; or names, ${NODE_VALUE}`,
    )
    .option('--compose-project <name>', 'only containers of this project of compose');
  for (const action of actions) {
    command.option(`${flagOf(action)} <command>`, `{node}, {host}, {port}: ${meaning[action]}`);
  }
  return command
    .option('--duration <time>', 'how long each fault lasts, as 15s, 500ms, 2m', '15s')
    .option('--repetitions <n>', 'rounds; the next node in turn is hit in each', '1')
    .option('--rate <n>', 'writes a second, over all partitions', '600')
    .option('--record-size <bytes>', 'bytes of a record', '100')
    .option('--partitions <n>', 'partitions of the topic', '6')
    .option('--replication-factor <n>', 'copies of each partition', '3')
    .option('--min-insync-replicas <n>', 'copies that an acknowledged write must have reached', '2')
    .option('-t, --topic <name>', 'the topic that is made for the run; a fresh name when left out')
    .option('--keep-topic', 'leave the topic in the end; it is left anyway when something is broken')
    .option('--gap-max-ms <ms>', 'how long a partition may take no write; a longer gap breaks the verdict')
    .option('--recover-within <time>', 'how long nodes and replicas may take to be back', '2m')
    .option('--html <file>', 'write a page with the timeline of every partition')
    .option('--json', 'print the report as JSON')
    .option('-q, --quiet', 'no progress')
    .addOption(new Option('-b <host:port,...>').hideHelp())
    .addHelpText('after', EXAMPLES)
    .action((scenario: string, options: Options) => chaos(scenario, options));
}

/** Its names are for help and completion; what is none of them is refused in the words of this command. */
function scenarioArgument(): Argument {
  const argument = new Argument('<scenario>', 'what is played');
  argument.argChoices = scenarios.map(({ name }) => name);
  return argument;
}

const EXAMPLES = `
Exit codes: 0 nothing was lost, repeated or out of order and the limits hold; 1 something was, or the run failed; 2 wrong usage;
3 cannot connect; 130 interrupted (what was broken is mended first).

Examples:
  $ odradek chaos run kill --bootstrap localhost:9092 --processes --repetitions 3 --gap-max-ms 1000 --html kill.html
  $ odradek chaos run pause --processes 1=4711,2=4712,3=4713 --duration 20s --json
  $ odradek chaos run kill-loop --bootstrap localhost:9092 --kill-command 'docker kill {node}' --start-command 'docker start {node}'
  $ odradek chaos run rolling-restart --containers --compose-project shop`;

async function chaos(name: string, options: Options): Promise<void> {
  const scenario = scenarioOf(name);
  const stop = new AbortController();
  const interrupt = (): void =>
    stop.abort(new CommandError('interrupted; what was broken is mended', exitCode.interrupted));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const status = new StatusLine(options.quiet !== true);
  try {
    const report = await runChaos({
      ...plainOptions(options),
      scenario,
      driver: driverOf(options),
      signal: stop.signal,
      say: (text) => {
        status.clear();
        if (options.quiet !== true) note(text);
      },
      progress: ({ atMs, doing, acknowledged, open }) =>
        status.show(`${(atMs / 1_000).toFixed(0)} s  ${doing}  ${acknowledged} acknowledged, ${open} open`),
    });
    status.clear();
    if (options.html !== undefined) writePage(options.html, report);
    if (options.json === true) printJson(report);
    else print(verdictLines(tameAll(report), paint).join('\n'));
    if (report.verdict === 'broken') process.exitCode = exitCode.failed;
  } finally {
    status.clear();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function scenarioOf(name: string): Scenario {
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) {
    throw usageError(
      `'${name}' is no scenario: ${scenarios.map((each) => each.name).join(', ')}; see odradek chaos list`,
    );
  }
  return scenario;
}

function plainOptions(
  options: Options,
): Pick<ChaosOptions, 'bootstrap' | 'settings' | 'recoverWithinMs' | 'gapMaxMs' | 'keepTopic'> {
  const bootstrap = typeof options['b'] === 'string' ? options['b'] : options.bootstrap;
  parseBootstrap(bootstrap, '--bootstrap');
  const replicationFactor = parseWhole('--replication-factor', options.replicationFactor, 1, 32_767);
  const minInsyncReplicas = parseWhole('--min-insync-replicas', options.minInsyncReplicas, 1, 32_767);
  if (minInsyncReplicas > replicationFactor) {
    throw usageError(
      `--min-insync-replicas ${minInsyncReplicas} is more than --replication-factor ${replicationFactor}`,
    );
  }
  return {
    bootstrap,
    recoverWithinMs: parseSpan('--recover-within', options.recoverWithin),
    keepTopic: options.keepTopic === true,
    ...(options.gapMaxMs === undefined ? {} : { gapMaxMs: parseWhole('--gap-max-ms', options.gapMaxMs, 1) }),
    settings: {
      topic: options.topic ?? `odradek-chaos-${randomBytes(4).toString('hex')}`,
      partitions: parseWhole('--partitions', options.partitions, 1, PARTITIONS_MAX),
      replicationFactor,
      minInsyncReplicas,
      rate: parseWhole('--rate', options.rate, 1, RATE_MAX),
      recordBytes: parseWhole('--record-size', options.recordSize, RECORD_BYTES_MIN, RECORD_BYTES_MAX),
      holdMs: parseSpan('--duration', options.duration),
      repetitions: parseWhole('--repetitions', options.repetitions, 1, REPETITIONS_MAX),
    },
  };
}

function driverOf(options: Options): Driver {
  if (options.processes !== undefined && options.containers !== undefined) {
    throw usageError('--processes and --containers exclude each other');
  }
  const nodes = (option: string, given: string | true): Map<number, string> =>
    given === true ? new Map() : parseNodes(option, given);
  const driver =
    options.processes !== undefined
      ? processes(nodes('--processes', options.processes))
      : options.containers !== undefined
        ? containers(nodes('--containers', options.containers), options.composeProject)
        : noDriver;
  const templates = new Map<Action, string>();
  for (const action of actions) {
    const given = options[camel(`${action}-command`)];
    if (typeof given === 'string') templates.set(action, checkTemplate(action, given));
  }
  return withCommands(driver, templates);
}

function camel(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
