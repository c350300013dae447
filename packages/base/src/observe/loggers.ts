/**
 * The named loggers and their levels, which operators change while a node runs (KIP-412). The names are those that Kafka's log configuration
 * and its runbooks use, each for the part that does here what it does there. As in Kafka a logger that has no level of its own goes by
 * the nearest one above it that has: `kafka.request.logger` by `kafka`, and that by `root`.
 */
import { assert } from '../assert.ts';
import type { Logger } from './log.ts';

/** Name and what is said by it. A name that only has others below it stands for all of them. */
export const loggers = {
  kafka: 'Everything below: what a broker says.',
  'kafka.log.LogManager': 'Data directories: loading, flushing, retention, moves between them.',
  'kafka.network.SocketServer': 'Listeners, connections, and clients that do not speak Kafka.',
  'kafka.request.logger': 'DEBUG: a line for each request that is answered, with its times.',
  'kafka.server.KafkaApis': 'Requests that failed, topics made on demand, internal topics.',
  'kafka.server.KafkaRaftServer': 'The node as a whole: its start, its stop, and what it waits for.',
  'kafka.server.ReplicaManager': 'Replicas: leading, following, in-sync sets.',
  'org.apache.kafka': 'Everything below: metadata, groups, compaction.',
  'org.apache.kafka.controller': 'What the controller decides, and the sessions of brokers with it.',
  'org.apache.kafka.coordinator.group': 'Groups: loading, members, rebalances, offsets.',
  'org.apache.kafka.raft': 'The quorum of controllers.',
  'org.apache.kafka.server.BrokerLifecycleManager': 'The session of this broker with the active controller.',
  'org.apache.kafka.storage.internals.log.LogCleaner': 'Compaction.',
} as const;
export type LoggerName = keyof typeof loggers;

export const ROOT_LOGGER = 'root';

/** Kafka's, from the one that says most to the one that says least. */
export const kafkaLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type KafkaLevel = (typeof kafkaLevels)[number];

/** Lines have four levels: TRACE shows what DEBUG does, and FATAL still shows errors, since nothing here is said above them. */
export const lineRanks = { debug: 0, info: 1, warn: 2, error: 3 } as const;
export type LineLevel = keyof typeof lineRanks;

const ranks: Readonly<Record<KafkaLevel, number>> = {
  TRACE: lineRanks.debug,
  DEBUG: lineRanks.debug,
  INFO: lineRanks.info,
  WARN: lineRanks.warn,
  ERROR: lineRanks.error,
  FATAL: lineRanks.error,
};

/** The least rank of a line that a logger shows, to be asked on hot paths; it follows changes. */
export type Threshold = { readonly rank: number };
type Own = { rank: number; level: KafkaLevel; isOwn: boolean };

/** The levels of one node's loggers. They are of the running process: a restart begins with the configured one again, as in Kafka. */
export class LoggerLevels {
  readonly #root: Own;
  readonly #named = new Map<string, Own>();

  constructor(root: KafkaLevel = 'INFO') {
    this.#root = { rank: ranks[root], level: root, isOwn: true };
    for (const name of Object.keys(loggers)) this.#named.set(name, { ...this.#root, isOwn: false });
  }

  has(name: string): boolean {
    return name === ROOT_LOGGER || this.#named.has(name);
  }

  /** The level that a logger goes by, its own or inherited. */
  level(name: string): KafkaLevel {
    return this.#of(name).level;
  }

  /** Every logger with the level that it goes by, `root` last. */
  all(): (readonly [name: string, level: KafkaLevel])[] {
    const named = Array.from(this.#named, ([name, { level }]) => [name, level] as const);
    return [...named, [ROOT_LOGGER, this.#root.level]];
  }

  /** @param level null: it goes by the one above it again; `root` always has one */
  set(name: string, level: KafkaLevel | null): void {
    const changed = this.#of(name);
    assert(level !== null || changed !== this.#root, 'the root logger has a level');
    changed.isOwn = level !== null;
    if (level !== null) changed.level = level;
    // Names are in order, so that a logger comes after those above it.
    for (const [each, own] of this.#named) {
      if (!own.isOwn) own.level = this.#above(each).level;
    }
    for (const own of [this.#root, ...this.#named.values()]) own.rank = ranks[own.level];
  }

  threshold(name: string): Threshold {
    return this.#of(name);
  }

  #of(name: string): Own {
    if (name === ROOT_LOGGER) return this.#root;
    const own = this.#named.get(name);
    assert(own !== undefined, 'a logger is one of the table');
    return own;
  }

  #above(name: string): Own {
    for (let end = name.lastIndexOf('.'); end > 0; end = name.lastIndexOf('.', end - 1)) {
      const found = this.#named.get(name.slice(0, end));
      if (found !== undefined) return found;
    }
    return this.#root;
  }
}

/** The logger of one part of a node: its lines name it, and its level may be changed by that name. */
export function named(log: Logger, logger: LoggerName): Logger {
  return log.child({ logger });
}

/** Lets through what the levels say. A child whose fields name a `logger` of the table goes by that one's level, others by their parent's. */
export function levelled(to: Logger, levels: LoggerLevels): Logger {
  return gated(to, levels, levels.threshold(ROOT_LOGGER));
}

function gated(to: Logger, levels: LoggerLevels, threshold: Threshold): Logger {
  return {
    debug(fields, message) {
      if (threshold.rank <= lineRanks.debug) to.debug(fields, message);
    },
    info(fields, message) {
      if (threshold.rank <= lineRanks.info) to.info(fields, message);
    },
    warn(fields, message) {
      if (threshold.rank <= lineRanks.warn) to.warn(fields, message);
    },
    error(fields, message) {
      to.error(fields, message);
    },
    child(fields) {
      const name = 'logger' in fields ? String(fields.logger) : undefined;
      const own = name === undefined || !levels.has(name) ? threshold : levels.threshold(name);
      return gated(to.child(fields), levels, own);
    },
  };
}
