/** pino behind `Logger`: JSON lines, or lines for people on a terminal. */
import pino from 'pino';
import type { Logger } from './log.ts';
import type { Counter, Metrics } from './metrics.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type LoggerOptions = {
  readonly level: LogLevel;
  /** `text` for people, `json` for machines. */
  readonly format: 'text' | 'json';
  /** Where lines go: a file descriptor (1: standard output). Written at once, so that the last words of a crash are not lost. */
  readonly descriptor: number;
  /** Counts warnings and errors. */
  readonly metrics?: Metrics;
};

/** The level of the logger and of all its children may be changed while it is used. */
export type AdjustableLogger = Logger & { level(): LogLevel; setLevel(level: LogLevel): void };

export async function createLogger(options: LoggerOptions): Promise<AdjustableLogger> {
  const root = pino(
    {
      // Everything passes here: the level is ours to check, since pino's children would keep the one they were made with.
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      errorKey: 'error',
      serializers: { error: pino.stdSerializers.err },
    },
    options.format === 'json' ? pino.destination({ dest: options.descriptor, sync: true }) : await forPeople(options),
  );
  const shared: Shared = {
    level: options.level,
    warnings: options.metrics?.counter('odradek_log_lines_total', { level: 'warn' }),
    errors: options.metrics?.counter('odradek_log_lines_total', { level: 'error' }),
  };
  return {
    ...adapted(root, shared),
    level: () => shared.level,
    setLevel: (level) => {
      shared.level = level;
    },
  };
}

const ranks = { debug: 0, info: 1, warn: 2, error: 3 } as const;

type Shared = { level: LogLevel; readonly warnings: Counter | undefined; readonly errors: Counter | undefined };

function adapted(to: pino.Logger, shared: Shared): Logger {
  return {
    debug(fields, message) {
      if (ranks[shared.level] <= ranks.debug) to.debug(fields, message);
    },
    info(fields, message) {
      if (ranks[shared.level] <= ranks.info) to.info(fields, message);
    },
    warn(fields, message) {
      shared.warnings?.inc();
      if (ranks[shared.level] <= ranks.warn) to.warn(fields, message);
    },
    error(fields, message) {
      shared.errors?.inc();
      to.error(fields, message);
    },
    child: (fields) => adapted(to.child(fields), shared),
  };
}

/** The pretty printer is loaded only where people look on. */
async function forPeople(options: LoggerOptions): Promise<pino.DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    destination: options.descriptor,
    sync: true,
    messageKey: 'message',
    errorLikeObjectKeys: ['error', 'err'],
    timestampKey: 'time',
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    singleLine: true,
    colorize: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  });
}
