/** `KAFKA_LOG4J_LOGGERS=NAME=LEVEL,…`: levels of loggers that are here by those names, which the node begins with. */
import { kafkaLevels, loggers } from '@odradek/base';
import type { KafkaLevel } from '@odradek/base';

/** @returns levels by name; what is not here is told in a line */
export function readLoggers(text: string, notes: string[]): Map<string, KafkaLevel> {
  const levels = new Map<string, KafkaLevel>();
  const unknown: string[] = [];
  for (const entry of text.split(',').map((each) => each.trim())) {
    if (entry === '') continue;
    const [name = '', word = ''] = entry.split('=').map((part) => part.trim());
    const level = kafkaLevels.find((each) => each === word.toUpperCase());
    if (Object.hasOwn(loggers, name) && level !== undefined) levels.set(name, level);
    else unknown.push(entry);
  }
  if (unknown.length > 0) {
    notes.push(`KAFKA_LOG4J_LOGGERS: ${unknown.join(', ')} ignored, there is no such logger or level here`);
  }
  return levels;
}
