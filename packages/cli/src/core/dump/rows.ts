/** The same as data, a JSON value a line: what scripts read. */
import type { DecodedBatch, DecodedRecord } from '@odradek/protocol';
import { controlText, type RecordView } from './lines.ts';

/** The `name: value` pairs of a line that holds nothing else: batches, rows of indexes, producers. Empty optionals are null. */
export function pairsOf(line: string): Record<string, string | number | boolean | null> {
  const pairs = line.trim().matchAll(/(\w+): (\S+)/g);
  return Object.fromEntries(Array.from(pairs, ([, name = '', text = '']) => [name, valueOf(text)]));
}

function valueOf(text: string): string | number | boolean | null {
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === 'OptionalLong.empty') return null;
  const number = /^(?:OptionalLong\[)?(-?\d+)\]?$/.exec(text)?.[1];
  return number === undefined ? text : Number(number);
}

/** @property key and payload as the decoder shows them: texts, JSON of the cluster's own records as JSON */
export function recordRow(of: DecodedBatch, record: DecodedRecord, { decoder, skipMetadata }: RecordView): object {
  const { offset, timestampMs, sequence, key, value, headers } = record;
  const metadata = {
    offset,
    timestampMs,
    timestampType: of.timestampType === 1 ? 'LogAppendTime' : 'CreateTime',
    keySize: key?.length ?? -1,
    valueSize: value?.length ?? -1,
    sequence,
    headerKeys: headers.map((header) => header.key),
    ...(of.isControl ? { control: controlText(key, value) } : {}),
  };
  const shown = decoder === undefined || of.isControl ? {} : readable(decoder(record));
  return { ...(skipMetadata ? {} : metadata), ...shown };
}

function readable(contents: { readonly key: string | undefined; readonly payload: string | undefined }): object {
  return { key: parsed(contents.key), payload: parsed(contents.payload) };
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return null;
  if (!text.startsWith('{"')) return text;
  try {
    return JSON.parse(text);
  } catch {
    // A text that only looks like it.
    return text;
  }
}
