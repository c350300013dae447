/**
 * Log levels through the admin API (KIP-412). They belong to one running broker and are not kept. There is one logger, `root`; Kafka's six
 * levels stand for the four that exist here.
 */
import { ok, type Outcome, refuse } from '@odradek/base';
import { AlterConfigOp, ErrorCode } from '@odradek/protocol';

export const ROOT_LOGGER = 'root';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The running logger's level; the server hands it in. */
export interface LogLevels {
  level(): LogLevel;
  setLevel(level: LogLevel): void;
}

const levels: ReadonlyMap<string, LogLevel> = new Map([
  ['TRACE', 'debug'],
  ['DEBUG', 'debug'],
  ['INFO', 'info'],
  ['WARN', 'warn'],
  ['ERROR', 'error'],
  ['FATAL', 'error'],
]);

export type LoggerChange = { readonly name: string; readonly configOperation: number; readonly value: string | null };

/** @returns the level that the changes lead to, or why they are not allowed; undefined when nothing changes */
export function changedLevel(changes: readonly LoggerChange[]): Outcome<LogLevel | undefined> {
  let changed: LogLevel | undefined;
  for (const { name, configOperation, value } of changes) {
    if (name !== ROOT_LOGGER) {
      return refuse(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist! There is one, ${ROOT_LOGGER}.`);
    }
    switch (configOperation) {
      case AlterConfigOp.SET: {
        changed = levels.get((value ?? '').toUpperCase());
        if (changed !== undefined) break;
        const known = [...levels.keys()].join(', ');
        const why = `Cannot set the log level of ${name} to ${value ?? 'null'} as it is not a supported log level. Valid log levels are ${known}`;
        return refuse(ErrorCode.INVALID_CONFIG, why);
      }
      case AlterConfigOp.DELETE:
        return refuse(ErrorCode.INVALID_REQUEST, 'Removing the log level of the root logger is not allowed');
      case AlterConfigOp.APPEND:
      case AlterConfigOp.SUBTRACT: {
        const operation = configOperation === AlterConfigOp.APPEND ? 'APPEND' : 'SUBTRACT';
        const why = `${operation} operation is not allowed for the BROKER_LOGGER resource`;
        return refuse(ErrorCode.INVALID_REQUEST, why);
      }
      default:
        return refuse(ErrorCode.INVALID_REQUEST, `Unknown operations type ${configOperation}`);
    }
  }
  return ok(changed);
}
