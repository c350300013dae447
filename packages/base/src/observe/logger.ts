/** pino behind `Logger`: JSON lines, or lines for people on a terminal. */
import pino from 'pino';
import type { Logger } from './log.ts';
import { levelled, LoggerLevels } from './loggers.ts';
import type { LineLevel } from './loggers.ts';
import type { Counter, Metrics } from './metrics.ts';

export type LoggerOptions = {
  /** What `root` begins with. */
  readonly level: LineLevel;
  /** `text` for people, `json` for machines. */
  readonly format: 'text' | 'json';
  /** Where lines go: a file descriptor (1: standard output). Written at once, so that the last words of a crash are not lost. */
  readonly descriptor: number;
  /** Counts warnings and errors. */
  readonly metrics?: Metrics;
};

/** The levels may be changed while it is used, and hold for all its children. */
export type AdjustableLogger = Logger & { readonly levels: LoggerLevels };

export async function createLogger(options: LoggerOptions): Promise<AdjustableLogger> {
  const root = pino(
    {
      // Everything passes here: levels are ours to check, since pino's children would keep the one they were made with.
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
  const levels = new LoggerLevels(kafkaLevelOf[options.level]);
  const shown = levelled(root, levels);
  return { ...(options.metrics === undefined ? shown : counted(shown, linesOf(options.metrics))), levels };
}

const kafkaLevelOf = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR' } as const;

type Lines = { readonly warnings: Counter; readonly errors: Counter };

function linesOf(metrics: Metrics): Lines {
  const counter = (level: 'warn' | 'error'): Counter => metrics.counter('odradek_log_lines_total', { level });
  return { warnings: counter('warn'), errors: counter('error') };
}

/** Counts what is said, whether it is shown or not. */
function counted(to: Logger, lines: Lines): Logger {
  return {
    debug: (fields, message) => to.debug(fields, message),
    info: (fields, message) => to.info(fields, message),
    warn(fields, message) {
      lines.warnings.inc();
      to.warn(fields, message);
    },
    error(fields, message) {
      lines.errors.inc();
      to.error(fields, message);
    },
    child: (fields) => counted(to.child(fields), lines),
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
    // Names of loggers are for those who change levels, and long; JSON has them.
    ignore: 'pid,hostname,logger',
    singleLine: true,
    colorize: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  });
}
