/** `odradek consume`: records to standard output, byte for byte, from a place or with a group. */
import { Command, Option } from 'commander';
import { collectProperty, parseWhole } from '../core/options.ts';
import {
  formats,
  namedFormatter,
  propertyFormatter,
  tokenFormatter,
  type FormatName,
  type RecordFormatter,
} from '../core/record-format.ts';
import { CommandError, exitCode, usageError } from '../core/refusal.ts';
import { parseStartOffset } from '../start-offset.ts';
import type { ConsumePlan } from '../shell/consume-plan.ts';
import { connectionOptions, explain } from '../shell/client.ts';
import { Output } from '../shell/output.ts';
import { note } from '../shell/terminal.ts';
import {
  applyProperties,
  refuseClasses,
  withClientProperties,
  withIdleFlags,
  withPropertyFile,
  type ConsoleOptions,
} from './console-common.ts';

type Options = ConsoleOptions & {
  bootstrapServer: string;
  formatterConfig?: string;
  formatter?: string;
  keyDeserializer?: string;
  valueDeserializer?: string;
  /** `earliest` or `latest`, of a property. */
  reset?: string;
  topic: string;
  partition?: string;
  offset?: string;
  fromBeginning?: boolean;
  group?: string;
  maxMessages?: string;
  timeoutMs?: string;
  exitAtEnd?: boolean;
  isolationLevel: string;
  property: Map<string, string>;
  formatString?: string;
  output?: string;
  fetchMaxBytes: string;
  json?: boolean;
  quiet?: boolean;
};

/** Properties of a consumer that have an effect. */
const propertyOptions = {
  'bootstrap.servers': 'bootstrapServer',
  'group.id': 'group',
  'isolation.level': 'isolationLevel',
  'fetch.max.bytes': 'fetchMaxBytes',
  'auto.offset.reset': 'reset',
} as const;

export function consumeCommand(): Command {
  return withIdleFlags(withClientProperties(ownOptions(), 'consumer'), ['--skip-message-on-error'])
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options, command: Command) =>
      consume(normalise(applyProperties(command, options, propertyOptions))),
    );
}

function ownOptions(): Command {
  return new Command('consume')
    .description('read records of a topic to standard output')
    .requiredOption('-t, --topic <name>', 'topic to read')
    .option('-b, --bootstrap-server <host:port,...>', 'brokers to connect to', 'localhost:9092')
    .option('-p, --partition <n>', 'read this partition only')
    .option('-o, --offset <where>', 'earliest, latest, N, -N (from the end), @TIME (milliseconds or a date)')
    .option('--from-beginning', 'start at the earliest record; with a group, when it has no committed offset')
    .option('-g, --group <id>', 'consume as a member of this group and commit what was written')
    .option('-c, --max-messages <n>', 'stop after so many records')
    .option('--timeout-ms <ms>', 'stop when no record came for so long')
    .option('-e, --exit-at-end', 'stop at the end that each partition has now')
    .addOption(
      new Option('--isolation-level <level>', 'whether open transactions are seen')
        .choices(['read_uncommitted', 'read_committed'])
        .default('read_uncommitted'),
    )
    .addOption(
      new Option(
        '--formatter-property, --property <key=value>',
        "as Kafka's: print.key, print.value, print.offset, print.partition, print.timestamp, print.headers, key.separator, line.separator, headers.separator, null.literal",
      )
        .argParser(collectProperty('--property'))
        .default(new Map(), ''),
    )
    .option(
      '-f, --format-string <format>',
      "kcat's: %s value, %k key, %t %p %o %T topic, partition, offset, time, %h headers, %S %K %R lengths",
    )
    .addOption(new Option('--output <format>', 'a whole format').choices([...formats]))
    .option('--fetch-max-bytes <bytes>', 'bytes of one fetch: the bound of memory', '1048576')
    .option('--json', 'same as --output json')
    .option('-q, --quiet', 'no progress')
    .option('--formatter-config <file>', 'properties as --formatter-property takes them, from a file')
    .addOption(new Option('--formatter <class>', "only Kafka's own").hideHelp())
    .addOption(new Option('--key-deserializer <class>', 'only those of texts and bytes').hideHelp())
    .addOption(new Option('--value-deserializer <class>', 'only those of texts and bytes').hideHelp());
}

const EXAMPLES = `
Examples:
  $ odradek consume --topic greetings --from-beginning
  $ odradek consume --topic orders --group billing --property print.key=true
  $ odradek consume --topic orders --offset @2026-01-31T12:00:00Z --exit-at-end --json
  $ odradek consume --topic orders -p 0 -o -10 -e -f '%o %k=%s\\n'
  $ odradek consume --topic logs --from-beginning --exit-at-end | sha256sum`;

function normalise(options: Options): ConsumePlan {
  refuseClasses({
    '--formatter': options.formatter,
    '--key-deserializer': options.keyDeserializer,
    '--value-deserializer': options.valueDeserializer,
  });
  const { isolationLevel } = options;
  if (isolationLevel !== 'read_committed' && isolationLevel !== 'read_uncommitted') {
    throw usageError(`isolation.level: '${isolationLevel}' is neither read_uncommitted nor read_committed`);
  }
  if (options.offset !== undefined && options.fromBeginning === true) {
    throw usageError('--offset and --from-beginning say the same: give one of them');
  }
  if (options.group !== undefined && (options.partition !== undefined || options.offset !== undefined)) {
    throw usageError('--group gets its partitions and offsets from the group: leave out --partition and --offset');
  }
  return {
    bootstrap: options.bootstrapServer,
    topic: options.topic,
    partition: options.partition === undefined ? undefined : parseWhole('--partition', options.partition, 0),
    start: parseStartOffset(
      options.offset ?? (options.fromBeginning === true ? 'earliest' : (options.reset ?? 'latest')),
    ),
    group: options.group,
    maxMessages: options.maxMessages === undefined ? Infinity : parseWhole('--max-messages', options.maxMessages, 1),
    timeoutMs: options.timeoutMs === undefined ? Infinity : parseWhole('--timeout-ms', options.timeoutMs, 1),
    exitAtEnd: options.exitAtEnd === true,
    committedOnly: isolationLevel === 'read_committed',
    format: formatter(options),
    fetchMaxBytes: parseWhole('--fetch-max-bytes', options.fetchMaxBytes, 1, 1024 * 1024 * 1024),
    quiet: options.quiet === true,
  };
}

function formatter(options: Options): RecordFormatter {
  const property = withPropertyFile('--formatter-config', options.formatterConfig, options.property);
  const named = options.json === true ? 'json' : options.output;
  const given = [options.formatString, named, property.size > 0 ? 'property' : undefined].filter(
    (way) => way !== undefined,
  );
  if (given.length > 1) throw usageError('give one of -f, --output (or --json) and --property: each is a whole format');
  if (options.formatString !== undefined) return tokenFormatter(options.formatString);
  if (named !== undefined) return namedFormatter(named as FormatName);
  return property.size > 0 ? propertyFormatter(property) : namedFormatter('raw');
}

async function consume(plan: ConsumePlan): Promise<void> {
  const connection = await connectionOptions(plan.bootstrap, 30_000);
  const output = new Output(plan);
  try {
    if (plan.group === undefined) {
      const { readAssigned } = await import('../shell/read-assigned.ts');
      await readAssigned(plan, connection, output);
    } else {
      const { readGroup } = await import('../shell/read-group.ts');
      await readGroup(plan, connection, output);
    }
  } catch (error) {
    throw explain(`cannot read topic '${plan.topic}'`, error);
  } finally {
    output.progress.clear();
  }
  if (!plan.quiet && process.stderr.isTTY) note(output.progress.summary());
  if (output.timedOut && Number.isFinite(plan.maxMessages)) {
    const { records } = output.progress;
    throw new CommandError(
      `no record for ${plan.timeoutMs} ms: ${records} of ${plan.maxMessages} read`,
      exitCode.timedOut,
    );
  }
}
