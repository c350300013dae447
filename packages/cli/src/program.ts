/** The commands by name, and how a command ends: results on stdout, one line on stderr when it failed, an exit code that says why. */
import { Command, CommanderError } from 'commander';
import description from '../package.json' with { type: 'json' };
import { commandFirst } from './core/cluster/actions.ts';
import { actionFirst } from './core/groups/actions.ts';
import { CommandError, exitCode } from './core/refusal.ts';
import { tame } from './core/tame.ts';
import { paint } from './shell/terminal.ts';

type Loader = { readonly summary: string; readonly load: () => Promise<Command> };

const commands: Record<string, Loader> = {
  start: {
    summary: 'run one node (broker and controller)',
    load: async () => (await import('./commands/start.ts')).startCommand(),
  },
  topics: {
    summary: 'create, list, describe, alter and delete topics',
    load: async () => (await import('./commands/topics.ts')).topicsCommand(),
  },
  groups: {
    summary: 'list, describe, explain, reset and delete consumer groups',
    load: async () => (await import('./commands/groups.ts')).groupsCommand(),
  },
  cluster: {
    summary: 'the cluster on one screen, its id, its brokers and controllers',
    load: async () => (await import('./commands/cluster.ts')).clusterCommand(),
  },
  doctor: {
    summary: 'say what is wrong with a cluster, and what to do',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  },
  quorum: {
    summary: 'describe the controllers, add and remove voters',
    load: async () => (await import('./commands/quorum.ts')).quorumCommand(),
  },
  features: {
    summary: 'the levels of features that the cluster runs at',
    load: async () => (await import('./commands/features.ts')).featuresCommand(),
  },
  reassign: {
    summary: 'move replicas of partitions to other brokers',
    load: async () => (await import('./commands/reassign.ts')).reassignCommand(),
  },
  'elect-leaders': {
    summary: 'elect leaders of partitions anew',
    load: async () => (await import('./commands/elect-leaders.ts')).electLeadersCommand(),
  },
  configs: {
    summary: 'describe and alter what is configured while the cluster runs',
    load: async () => (await import('./commands/configs.ts')).configsCommand(),
  },
  'client-metrics': {
    summary: 'which metrics of clients the cluster wants',
    load: async () => (await import('./commands/client-metrics.ts')).clientMetricsCommand(),
  },
  'log-dirs': {
    summary: 'what lies in the log directories of brokers',
    load: async () => (await import('./commands/log-dirs.ts')).logDirsCommand(),
  },
  'get-offsets': {
    summary: 'where partitions begin and end',
    load: async () => (await import('./commands/get-offsets.ts')).getOffsetsCommand(),
  },
  'delete-records': {
    summary: 'delete the records of partitions before an offset',
    load: async () => (await import('./commands/delete-records.ts')).deleteRecordsCommand(),
  },
  'dump-log': {
    summary: 'what is in the files of a log directory',
    load: async () => (await import('./commands/dump-log.ts')).dumpLogCommand(),
  },
  storage: {
    summary: 'new ids, and formatting the data directories of a node',
    load: async () => (await import('./commands/storage.ts')).storageCommand(),
  },
  'api-versions': {
    summary: 'which APIs the brokers speak, in which versions',
    load: async () => (await import('./commands/api-versions.ts')).apiVersionsCommand(),
  },
  produce: {
    summary: 'write lines of standard input to a topic',
    load: async () => (await import('./commands/produce.ts')).produceCommand(),
  },
  consume: {
    summary: 'read records of a topic to standard output',
    load: async () => (await import('./commands/consume.ts')).consumeCommand(),
  },
  perf: {
    summary: 'how fast the cluster takes records and gives them',
    load: async () => (await import('./commands/perf.ts')).perfCommand(),
  },
  chaos: {
    summary: 'kill, pause, cut off nodes while records are written, and judge what was kept',
    load: async () => (await import('./commands/chaos.ts')).chaosCommand(),
  },
  completion: {
    summary: 'complete commands and options in bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completionCommand(wholeProgram),
  },
};

const EXAMPLES = `
Examples:
  $ odradek start
  $ odradek topics create --topic greetings --partitions 3
  $ echo hello | odradek produce --topic greetings
  $ odradek consume --topic greetings --from-beginning --max-messages 1
  $ odradek groups describe --group readers
  $ odradek quorum describe

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 cannot connect, 4 timed out.`;

/** Runs the command line; sets the exit code and never throws. */
export async function run(args: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader (head, less) has what it wanted.
    if (error.code === 'EPIPE') process.exit(exitCode.done);
    throw error;
  });
  try {
    const program = await build((name) => name === args[0]);
    await program.parseAsync(commandFirst(actionFirst(args)), { from: 'user' });
  } catch (error) {
    process.exitCode = tell(error, args);
  }
}

/** Every command loaded, for the manual and for completion. */
export function wholeProgram(): Promise<Command> {
  return build(() => true);
}

/** @param isWanted whose module is loaded; the others are names with a summary */
async function build(isWanted: (name: string) => boolean): Promise<Command> {
  const program = new Command('odradek')
    .description('Apache Kafka anew: one node, its topics, their records, and the groups that read them')
    .version(description.version, '-V, --version')
    .addHelpText('after', EXAMPLES);
  for (const [name, { summary, load }] of Object.entries(commands)) {
    program.addCommand(
      isWanted(name) ? (await load()).summary(summary) : new Command(name).description(summary).helpOption(false),
    );
  }
  settle(program);
  return program;
}

/** For every command: errors become values here instead of an exit inside the parser, and help names no default that is empty. */
function settle(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined, outputError: () => undefined });
  for (const option of command.options) {
    const value: unknown = option.defaultValue;
    const empty = (Array.isArray(value) && value.length === 0) || (value instanceof Map && value.size === 0);
    if (empty) option.defaultValueDescription = 'none';
  }
  for (const inner of command.commands) settle(inner);
}

function tell(error: unknown, args: readonly string[]): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCode.done;
    if (error.code === 'commander.help') {
      const named = args[0] !== undefined && args[0] in commands ? `odradek ${args[0]}` : 'odradek';
      line(`name a command; \`${named} --help\` lists them`);
    } else {
      line(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
    }
    return exitCode.usage;
  }
  if (error instanceof CommandError) {
    line(error.message);
    return error.exitCode;
  }
  if (error instanceof Error && process.env['ODRADEK_DEBUG'] === undefined) line(error.message);
  else for (const each of inspect(error).split('\n')) line(each);
  return exitCode.failed;
}

function inspect(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function line(message: string): void {
  process.stderr.write(`${paint('red', 'odradek:', process.stderr)} ${tame(message)}\n`);
}
