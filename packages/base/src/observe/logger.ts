/** pino behind `Logger`: JSON lines, or lines for people on a terminal. */
import pino from 'pino';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

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

export async function createLogger(options: LoggerOptions): Promise<Logger & { setLevel(level: LogLevel): void }> {
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      errorKey: 'error',
      serializers: { error: pino.stdSerializers.err },
    },
    options.format === 'json' ? pino.destination({ dest: options.descriptor, sync: true }) : await forPeople(options),
  );
  const warnings = options.metrics?.counter('odradek_log_lines_total', { level: 'warn' });
  const errors = options.metrics?.counter('odradek_log_lines_total', { level: 'error' });
  return {
    ...adapted(root, { warned: () => warnings?.inc(), failed: () => errors?.inc() }),
    setLevel: (level) => (root.level = level),
  };
}

type Counts = { warned(): void; failed(): void };

function adapted(to: pino.Logger, counts: Counts): Logger {
  return {
    debug: (fields, message) => to.debug(fields, message),
    info: (fields, message) => to.info(fields, message),
    warn(fields, message) {
      counts.warned();
      to.warn(fields, message);
    },
    error(fields, message) {
      counts.failed();
      to.error(fields, message);
    },
    child: (fields) => adapted(to.child(fields), counts),
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
