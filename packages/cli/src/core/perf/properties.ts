/** Client properties of the performance tests: those that have an effect here, by Kafka's names; others are named in a note. */
import { config } from '@odradek/base';
import { CompressionType } from '@odradek/protocol';
import { CommandError, usageError } from '../refusal.ts';

export type ProducerSettings = {
  readonly bootstrapServer: string | undefined;
  readonly acks: -1 | 0 | 1;
  readonly isIdempotent: boolean;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly bufferBytes: number;
  readonly compression: CompressionType;
  readonly inFlightMax: number;
  readonly requestTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
  /** Keys without an effect. */
  readonly unused: readonly string[];
};

export type ConsumerSettings = {
  readonly bootstrapServer: string | undefined;
  readonly groupId: string | undefined;
  readonly isCommittedOnly: boolean;
  readonly maxBytes: number;
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly unused: readonly string[];
};

const INT_MAX = 2_147_483_647;
const compressions: Readonly<Record<string, CompressionType>> = {
  none: CompressionType.NONE,
  gzip: CompressionType.GZIP,
  snappy: CompressionType.SNAPPY,
  lz4: CompressionType.LZ4,
  zstd: CompressionType.ZSTD,
};

/** The properties of a file, then those of the command line, which win. @throws CommandError for what is no `key=value` */
export function mergedProperties(
  file: { readonly path: string; readonly text: string } | undefined,
  given: readonly string[],
): Map<string, string> {
  const merged = new Map<string, string>();
  if (file !== undefined) {
    const { entries, problems } = config.parseProperties(file.text);
    const [problem] = problems;
    if (problem !== undefined) throw new CommandError(`${file.path} line ${problem.line}: ${problem.why}`);
    for (const { name, value } of entries) merged.set(name, value);
  }
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1) throw usageError(`--command-property: '${text}' is not key=value`);
    merged.set(text.slice(0, at), text.slice(at + 1));
  }
  return merged;
}

/** @param asked by which options or properties */
export function noTransactions(asked: string): CommandError {
  const instead = 'writes are idempotent as they are (acks=all), which is as near to transactions as can be measured';
  return usageError(
    `${asked}: there are no transactions yet, neither in this command nor in brokers of Odradek: leave them out; ${instead}`,
  );
}

/** Defaults are those of the Java producer 4.x. */
export function producerSettings(properties: ReadonlyMap<string, string>): ProducerSettings {
  const read = new Reader(properties);
  const bootstrapServer = read.text('bootstrap.servers');
  const acks = acksOf(read.text('acks') ?? 'all');
  const inFlightMax = read.whole('max.in.flight.requests.per.connection', 5, 1);
  if (read.text('transactional.id') !== undefined) throw noTransactions('transactional.id');
  const asked = read.flag('enable.idempotence');
  if (asked === true && acks !== -1) throw usageError('enable.idempotence needs acks=all');
  if (asked === true && inFlightMax > 5) {
    throw usageError('enable.idempotence needs max.in.flight.requests.per.connection of at most 5');
  }
  return {
    bootstrapServer,
    acks,
    isIdempotent: asked ?? (acks === -1 && inFlightMax <= 5),
    batchBytes: read.whole('batch.size', 16_384, 0),
    lingerMs: read.whole('linger.ms', 5, 0),
    bufferBytes: read.whole('buffer.memory', 32 * 1024 * 1024, 1),
    compression: compressionOf(read.text('compression.type') ?? 'none'),
    inFlightMax,
    requestTimeoutMs: read.whole('request.timeout.ms', 30_000, 1),
    deliveryTimeoutMs: read.whole('delivery.timeout.ms', 120_000, 1),
    unused: read.unused(),
  };
}

export function consumerSettings(properties: ReadonlyMap<string, string>): ConsumerSettings {
  const read = new Reader(properties);
  const isolation = read.text('isolation.level') ?? 'read_uncommitted';
  if (isolation !== 'read_uncommitted' && isolation !== 'read_committed') {
    throw usageError(`isolation.level: '${isolation}' is neither read_uncommitted nor read_committed`);
  }
  return {
    bootstrapServer: read.text('bootstrap.servers'),
    groupId: read.text('group.id'),
    isCommittedOnly: isolation === 'read_committed',
    maxBytes: read.whole('fetch.max.bytes', 50 * 1024 * 1024, 1),
    minBytes: read.whole('fetch.min.bytes', 1, 0),
    maxWaitMs: read.whole('fetch.max.wait.ms', 500, 0),
    unused: read.unused(),
  };
}

function acksOf(text: string): -1 | 0 | 1 {
  switch (text) {
    case 'all':
    case '-1':
      return -1;
    case '0':
      return 0;
    case '1':
      return 1;
    default:
      throw usageError(`acks: '${text}' is none of all, -1, 0, 1`);
  }
}

function compressionOf(text: string): CompressionType {
  const found = compressions[text];
  if (found === undefined)
    throw usageError(`compression.type: '${text}' is none of ${Object.keys(compressions).join(', ')}`);
  return found;
}

/** @throws CommandError for a connection that would not be the one that was asked for */
export function refuseSecured(properties: ReadonlyMap<string, string>): void {
  const protocol = properties.get('security.protocol')?.trim().toUpperCase() ?? 'PLAINTEXT';
  const secret = [...properties.keys()].find((name) => name.startsWith('sasl.') || name.startsWith('ssl.'));
  if (protocol === 'PLAINTEXT' && secret === undefined) return;
  const name = secret ?? 'security.protocol';
  throw new CommandError(
    `${name} is set, but this command line connects without TLS and SASL: use a PLAINTEXT listener`,
  );
}

class Reader {
  private readonly properties: ReadonlyMap<string, string>;
  private readonly seen = new Set<string>(['client.id', 'key.serializer', 'value.serializer', 'security.protocol']);

  constructor(properties: ReadonlyMap<string, string>) {
    this.properties = properties;
    refuseSecured(properties);
  }

  text(name: string): string | undefined {
    this.seen.add(name);
    return this.properties.get(name)?.trim();
  }

  whole(name: string, byDefault: number, least: number): number {
    const text = this.text(name);
    if (text === undefined) return byDefault;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > INT_MAX) {
      throw usageError(`${name}: '${text}' is not a whole number from ${least} to ${INT_MAX}`);
    }
    return value;
  }

  flag(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return undefined;
    if (text !== 'true' && text !== 'false') throw usageError(`${name}: '${text}' is neither true nor false`);
    return text === 'true';
  }

  unused(): string[] {
    return [...this.properties.keys()].filter((name) => !this.seen.has(name));
  }
}
