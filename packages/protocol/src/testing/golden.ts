/** Checks of test vectors made by Kafka: decoding the bytes gives the JSON, encoding the JSON gives the bytes. */
import { decodePrefix, encodeMessage } from '../codec.ts';
import * as messages from '../messages/index.ts';
import type { Message } from '../schema.ts';
import { equalJson, fromJson, isNarrow, toJson } from './json-form.ts';
import type { Json } from './json-form.ts';

export type MessageVector = {
  readonly message: string;
  readonly version: number;
  readonly kind: string;
  readonly json: Json;
  readonly hex: string;
  readonly unknownTags?: Json;
};

const schemas = new Map(Object.entries(messages).map((schema) => schema as [string, Message]));

export function schemaNamed(name: string): Message | undefined {
  return schemas.get(name);
}

/** @returns what is wrong, or undefined when the vector is met byte for byte */
export function messageFault(vector: MessageVector): string | undefined {
  const schema = schemas.get(vector.message);
  if (schema === undefined) return `there is no message ${vector.message}`;
  const wide = modeFault(schema, vector, true);
  if (wide !== undefined) return wide;
  // The mode that the broker runs in must agree wherever the values fit into it.
  return isNarrow(schema.fields, vector.json) ? modeFault(schema, vector, false) : undefined;
}

function modeFault(schema: Message, vector: MessageVector, wide: boolean): string | undefined {
  const mode = wide ? 'wide' : 'narrow';
  const bytes = Buffer.from(vector.hex, 'hex');
  const decoded = decodePrefix(schema, vector.version, bytes, { wide });
  if (!decoded.ok) return `${mode} decoding: ${decoded.why}`;
  if (decoded.value.endAt !== bytes.length) {
    return `${mode} decoding: stopped at byte ${decoded.value.endAt} of ${bytes.length}`;
  }
  const json = toJson(schema, vector.version, decoded.value.value);
  if (!equalJson(json, vector.json)) return `${mode} decoding: got ${JSON.stringify(json).slice(0, 2_000)}`;
  if (vector.unknownTags !== undefined) return undefined;
  const encoded = Buffer.concat(encodeMessage(schema, vector.version, fromJson(schema, vector.json, wide), { wide }));
  if (!encoded.equals(bytes)) return `${mode} encoding: got ${encoded.toString('hex').slice(0, 2_000)}`;
  const again = Buffer.concat(encodeMessage(schema, vector.version, decoded.value.value, { wide }));
  return again.equals(bytes)
    ? undefined
    : `${mode} encoding of what was decoded: got ${again.toString('hex').slice(0, 2_000)}`;
}
