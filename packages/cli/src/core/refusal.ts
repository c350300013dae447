/** What ends a command: one line for a person and an exit code for a script. */

export const exitCode = {
  done: 0,
  /** The cluster refused or failed. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No broker could be reached. */
  unreachable: 3,
  /** `consume --timeout-ms` ended before `--max-messages` were read; or brokers asked to try again until `--timeout` was over. */
  timedOut: 4,
  interrupted: 130,
} as const;

export class CommandError extends Error {
  readonly exitCode: number;
  constructor(message: string, code: number = exitCode.failed) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = code;
  }
}

export function usageError(message: string): CommandError {
  return new CommandError(message, exitCode.usage);
}

export function noPartition(topic: string, partition: number, count: number): CommandError {
  return new CommandError(`topic '${topic}' has no partition ${partition}: it has 0 to ${count - 1}`);
}

/** @param cause the system's words, as `ECONNREFUSED` */
export function cannotConnect(address: string, cause: string): CommandError {
  const hints: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there: is the broker started, and is the port right?',
    ENOTFOUND: 'the name has no address: check --bootstrap-server and the DNS',
    EAI_AGAIN: 'the name could not be looked up: check --bootstrap-server and the DNS',
    EHOSTUNREACH: 'no route to the host: check the network',
    ENETUNREACH: 'no route to the host: check the network',
    ETIMEDOUT: 'no answer: a firewall, or the wrong address?',
    ECONNRESET: 'the connection was closed: does the port speak Kafka, and without TLS?',
  };
  const hint = hints[cause] ?? 'check --bootstrap-server, and that the port speaks Kafka without TLS';
  return new CommandError(`cannot connect to ${address} (${cause}): ${hint}`, exitCode.unreachable);
}
