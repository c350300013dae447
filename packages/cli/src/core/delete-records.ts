/** The file of kafka-delete-records: up to which offset each partition's records go. */
import { CommandError } from './refusal.ts';
import type { TopicPartition } from './groups/kinds.ts';

/** @property offset the first that stays; -1: what every replica has, all of it */
export type Deletion = TopicPartition & { readonly offset: number };

const VERSION = 1;
export const DELETE_ALL = -1;

/** @throws CommandError that says what is wrong with the file */
export function parseDeletions(option: string, text: string): Deletion[] {
  const wrong = (why: string): CommandError =>
    new CommandError(
      `${option}: ${why}; expected {"partitions": [{"topic": "orders", "partition": 1, "offset": 100}], "version": 1}`,
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrong(`it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  if (!isObject(json)) throw wrong('it is not an object');
  if ((json['version'] ?? VERSION) !== VERSION) throw wrong(`version ${JSON.stringify(json['version'])} is unknown`);
  const rows = json['partitions'];
  if (!Array.isArray(rows)) throw wrong('"partitions" is not a list');
  const seen = new Set<string>();
  return rows.map((row: unknown) => {
    const shown = JSON.stringify(row);
    if (!isObject(row)) throw wrong(`${shown} is not an object`);
    const { topic, partition, offset } = row;
    if (typeof topic !== 'string' || topic === '') throw wrong(`${shown} has no topic`);
    if (!isWhole(partition, 0)) throw wrong(`${shown} has no partition`);
    if (!isWhole(offset, DELETE_ALL)) throw wrong(`${shown} has no offset (a number, or -1 for all)`);
    const key = `${partition}:${topic}`;
    if (seen.has(key)) throw wrong(`it names ${topic}-${partition} twice`);
    seen.add(key);
    return { topic, partition, offset };
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least;
}
