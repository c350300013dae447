/** The command line of a node. */
import { parseArgs } from 'node:util';

export type StartArguments = {
  readonly configPath: string | undefined;
  /** `key=value` each. */
  readonly overrides: readonly string[];
  readonly logLevel: LogLevel | undefined;
  readonly clusterId: string | undefined;
  /** A dynamic quorum begins with this node. */
  readonly standalone: boolean;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export type ParsedArguments =
  | { readonly kind: 'start'; readonly arguments: StartArguments }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'wrong'; readonly why: string };

export const usage = `Starts one Kafka node.

  start [FILE] [--config FILE] [--override key=value]… [--cluster-id ID] [--standalone] [--log-level LEVEL]

  FILE, --config FILE   a properties file as Apache Kafka in KRaft mode takes it; without one: a broker
                        and a controller on localhost:9092 with its data under ./data
  --override key=value  stronger than the file and KAFKA_* environment variables; may be given often
  --cluster-id ID       what an empty data directory is formatted with (also: the variable CLUSTER_ID); without
                        one a cluster of controller.quorum.voters derives it from them
  --standalone          with controller.quorum.bootstrap.servers: an empty node begins a quorum of its own, which
                        others join; without it, it joins the one that those servers know. With
                        controller.quorum.voters every node knows the quorum, and the flag is not needed
  --log-level LEVEL     debug, info (the default), warn or error
  --help, --version

Exit codes: 0 stopped as asked; 1 cannot start, the reason is the last line; 2 wrong command line;
70 a bug stopped it, the log says which claim broke; 128 + signal when a second signal cut the stop short.
`;

const options = {
  config: { type: 'string' },
  override: { type: 'string', multiple: true },
  'cluster-id': { type: 'string' },
  standalone: { type: 'boolean' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** @param argv without the runtime and the script */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  try {
    // pnpm hands on the `--` that some people put before flags.
    const args = argv.filter((arg, at) => arg !== '--' || at > 0);
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true });
    if (values.help === true) return { kind: 'help' };
    if (values.version === true) return { kind: 'version' };
    const files = [...positionals, ...(values.config === undefined ? [] : [values.config])];
    if (files.length > 1)
      return { kind: 'wrong', why: `one properties file can be read, not ${files.length}: ${files.join(', ')}` };
    const logLevel = logLevels.find((level) => level === values['log-level']);
    if (values['log-level'] !== undefined && logLevel === undefined) {
      return { kind: 'wrong', why: `--log-level ${values['log-level']}: it must be one of ${logLevels.join(', ')}` };
    }
    return {
      kind: 'start',
      arguments: {
        configPath: files[0],
        overrides: values.override ?? [],
        logLevel,
        clusterId: values['cluster-id'],
        standalone: values.standalone ?? false,
      },
    };
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) };
  }
}
