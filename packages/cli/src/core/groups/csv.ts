/**
 * Files of offsets for `reset-offsets`, as kafka-consumer-groups writes and reads them: `topic,partition,offset`, or
 * `group,topic,partition,offset` when more than one group is asked for. One row a line, no header.
 */
import { CommandError } from '../refusal.ts';
import type { TopicPartition } from './kinds.ts';
import { keyOf } from './partitions.ts';

export type OffsetRow = TopicPartition & { readonly group: string; readonly offset: number };

/** Kafka's writer quotes whatever is longer without looking at it. */
const LOOKED_AT_MAX = 24;
/** UTF-16 units of a wrong line that its refusal repeats. */
const SHOWN_MAX = 120;
const PARTITION_MAX = 2_147_483_647;

/** One line, without its end. @param withGroup whether the group is the first column */
export function formatOffsetRow(row: OffsetRow, withGroup: boolean): string {
  const columns = [quoted(row.topic), String(row.partition), String(row.offset)];
  return (withGroup ? [quoted(row.group), ...columns] : columns).join(',');
}

function quoted(text: string): string {
  const plain = text.length <= LOOKED_AT_MAX && /^[\u002d-\u005b\u005d-\uffff]+$/.test(text);
  return plain ? text : `"${text.replaceAll('"', '""')}"`;
}

/**
 * @param only the group that rows without a group are for: the one that was asked for, undefined when there were several or all
 * @throws CommandError with the line that is wrong, and what it should be
 */
export function parseOffsetFile(path: string, text: string, only: string | undefined): OffsetRow[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const rows: OffsetRow[] = [];
  const seen = new Map<string, number>();
  let width: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const refuse = (why: string): CommandError =>
      new CommandError(`--from-file: ${path} line ${index + 1} (${excerpt(line)}): ${why}`);
    const columns = columnsOf(line);
    if (columns === undefined) throw refuse('a quote is not closed; a quote inside quotes is written twice');
    width ??= columns.length;
    const row = rowOf(columns, width, only, refuse);
    const key = `${keyOf(row.topic, row.partition)}:${row.group}`;
    const before = seen.get(key);
    if (before !== undefined) throw refuse(`the partition was given before, in line ${before}`);
    seen.set(key, index + 1);
    rows.push(row);
  }
  if (rows.length === 0) throw new CommandError(`--from-file: ${path} has no rows; a row is topic,partition,offset`);
  return rows;
}

function excerpt(line: string): string {
  return line.length <= SHOWN_MAX ? line : `${line.slice(0, SHOWN_MAX)}…`;
}

type Refuse = (why: string) => CommandError;

function rowOf(columns: readonly string[], width: number, only: string | undefined, refuse: Refuse): OffsetRow {
  if (columns.length !== 3 && columns.length !== 4) {
    throw refuse(`${columns.length} columns; a row is topic,partition,offset or group,topic,partition,offset`);
  }
  if (columns.length !== width) throw refuse(`${columns.length} columns, but the first row has ${width}`);
  if (columns.length === 3 && only === undefined) {
    throw refuse('with several groups a row is group,topic,partition,offset; or name one --group');
  }
  const [group = '', topic = '', partition = '', offset = ''] =
    columns.length === 3 ? [only ?? '', ...columns] : columns;
  if (topic === '') throw refuse('the topic is empty');
  return {
    group,
    topic,
    partition: whole('partition', partition, PARTITION_MAX, refuse),
    offset: whole('offset', offset, Number.MAX_SAFE_INTEGER, refuse),
  };
}

function whole(what: string, text: string, max: number, refuse: Refuse): number {
  const value = Number(text.trim());
  if (!/^\s*\d+\s*$/.test(text) || value > max)
    throw refuse(`the ${what} '${text}' is not a whole number of at least 0`);
  return value;
}

/** @returns undefined when a quote is not closed */
function columnsOf(line: string): string[] | undefined {
  const columns: string[] = [];
  let at = 0;
  for (;;) {
    let end: number;
    if (line[at] === '"') {
      const close = closingQuote(line, at + 1);
      if (close === undefined) return undefined;
      columns.push(line.slice(at + 1, close).replaceAll('""', '"'));
      end = close + 1;
      if (end < line.length && line[end] !== ',') return undefined;
    } else {
      const comma = line.indexOf(',', at);
      end = comma < 0 ? line.length : comma;
      columns.push(line.slice(at, end));
    }
    if (end >= line.length) return columns;
    at = end + 1;
  }
}

function closingQuote(line: string, from: number): number | undefined {
  for (let at = from; at < line.length; at++) {
    if (line[at] !== '"') continue;
    if (line[at + 1] !== '"') return at;
    at += 1;
  }
  return undefined;
}
