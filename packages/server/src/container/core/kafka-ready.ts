/** The command line of `cub kafka-ready` and `ub kafka-ready`: `[-b HOST:PORT,…] BROKERS SECONDS`, options before or after. */

export type Awaited = {
  readonly servers: readonly { readonly address: string; readonly port: number }[];
  readonly brokers: number;
  readonly seconds: number;
};

const bootstrapFlags = new Set(['-b', '--bootstrap_broker_list', '--bootstrap-broker-list', '--bootstrap-servers']);
/** Of clients of TLS and SASL, and a ZooKeeper to ask: each has a value. */
const otherFlags = new Set(['-c', '--config', '-z', '--zookeeper_connect', '-s', '--security-protocol']);
const WHOLE_MAX = 86_400;

/** @returns a sentence when the arguments cannot be meant */
export function readAwaited(args: readonly string[], environment: string | undefined): Awaited | string {
  const numbers: number[] = [];
  let bootstrap = environment ?? 'localhost:9092';
  for (let at = 0; at < args.length; at += 1) {
    const [flag = '', inline] = (args[at] ?? '').split('=', 2);
    if (bootstrapFlags.has(flag) || otherFlags.has(flag)) {
      const value = inline ?? args[(at += 1)];
      if (value === undefined) return `${flag} needs a value`;
      if (bootstrapFlags.has(flag)) bootstrap = value;
    } else if (/^\d{1,5}s?$/.test(flag)) {
      numbers.push(Number.parseInt(flag, 10));
    } else {
      return `${args[at]} is neither an option of kafka-ready nor a number`;
    }
  }
  const [brokers, seconds] = numbers;
  if (brokers === undefined || seconds === undefined || numbers.length > 2 || brokers < 1 || seconds > WHOLE_MAX) {
    return 'kafka-ready needs how many brokers are waited for, and for how many seconds: kafka-ready -b HOST:PORT 1 30';
  }
  const servers = bootstrap.split(',').map((text) => /^\s*(?:[A-Z_]+:\/\/)?\[?([^\]/]+?)\]?:(\d{1,5})\s*$/.exec(text));
  const malformed = servers.findIndex((parts) => parts === null);
  if (malformed >= 0) return `${bootstrap.split(',')[malformed]} is not of the form HOST:PORT`;
  return {
    servers: servers.map((parts) => ({ address: parts?.[1] ?? '', port: Number(parts?.[2]) })),
    brokers,
    seconds,
  };
}
