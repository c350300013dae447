/** What may be changed of a node's log levels through the admin API, said as Kafka says it. Source: KIP-412. */
import { type KafkaLevel, kafkaLevels, type LoggerLevels, ok, type Outcome, refuse, ROOT_LOGGER } from '@odradek/base';
import { AlterConfigOp, ErrorCode } from '@odradek/protocol';

export type AskedLevel = { readonly name: string; readonly configOperation: number; readonly value: string | null };
/** @property level null: the logger goes by the one above it again */
export type LevelChange = { readonly name: string; readonly level: KafkaLevel | null };

/** All of the changes are allowed, or none is made. */
export function levelChanges(asked: readonly AskedLevel[], levels: LoggerLevels): Outcome<readonly LevelChange[]> {
  if (new Set(asked.map(({ name }) => name)).size < asked.length) {
    return refuse(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
  }
  const nulls = asked.filter(
    ({ configOperation, value }) => configOperation !== AlterConfigOp.DELETE && value === null,
  );
  if (nulls.length > 0) {
    const names = nulls.map(({ name }) => name).join(', ');
    return refuse(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${names}`);
  }
  const changes: LevelChange[] = [];
  for (const each of asked) {
    const change = levelChange(each, levels);
    if (!change.ok) return change;
    changes.push(change.value);
  }
  return ok(changes);
}

function levelChange({ name, configOperation, value }: AskedLevel, levels: LoggerLevels): Outcome<LevelChange> {
  switch (configOperation) {
    case AlterConfigOp.SET:
      if (!levels.has(name)) return missing(name);
      return setTo(name, value ?? '');
    case AlterConfigOp.DELETE:
      if (!levels.has(name)) return missing(name);
      if (name !== ROOT_LOGGER) return ok({ name, level: null });
      return refuse(ErrorCode.INVALID_REQUEST, `Removing the log level of the ${ROOT_LOGGER} logger is not allowed`);
    case AlterConfigOp.APPEND:
      return refuse(ErrorCode.INVALID_REQUEST, 'APPEND operation is not allowed for the BROKER_LOGGER resource');
    case AlterConfigOp.SUBTRACT:
      return refuse(ErrorCode.INVALID_REQUEST, 'SUBTRACT operation is not allowed for the BROKER_LOGGER resource');
    default: {
      const why = `Unknown operation type ${configOperation} is not allowed for the BROKER_LOGGER resource`;
      return refuse(ErrorCode.INVALID_REQUEST, why);
    }
  }
}

function setTo(name: string, value: string): Outcome<LevelChange> {
  // As they are written, nothing else: Kafka refuses `debug`, too.
  const level = kafkaLevels.find((each) => each === value);
  if (level !== undefined) return ok({ name, level });
  const valid = kafkaLevels.toSorted((left, right) => (left < right ? -1 : 1)).join(', ');
  const why = `Cannot set the log level of ${name} to ${value} as it is not a supported log level. Valid log levels are ${valid}`;
  return refuse(ErrorCode.INVALID_CONFIG, why);
}

function missing(name: string): Outcome<never> {
  return refuse(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`);
}
