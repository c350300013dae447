/** Checks of test vectors made by Kafka: decoding the bytes gives the JSON, encoding the JSON gives the bytes. */
import { decodePrefix, encodeMessage } from '../codec.ts';
import * as messages from '../messages/index.ts';
import type { Message } from '../schema.ts';
import { batchFault } from './golden-batches.ts';
import type { BatchVector } from './golden-batches.ts';
import { equalJson, fromJson, isNarrow, toJson } from './json-form.ts';
import type { Json } from './json-form.ts';

type MessageVector = {
  readonly message: string;
  readonly version: number;
  readonly kind: string;
  readonly json: Json;
  readonly hex: string;
  readonly unknownTags?: Json;
};

const schemas = new Map(Object.entries(messages).map((schema) => schema as [string, Message]));

/** @returns what is wrong, or undefined when the vector is met byte for byte */
function messageFault(vector: MessageVector): string | undefined {
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

export type Verdict = {
  /** Message, version and kind, or the case of a batch. */
  readonly subject: string;
  /** What is wrong; undefined when the vector is met. */
  readonly fault: string | undefined;
};

/** Checks one line of a file of vectors, of either form. */
export function checkVector(json: unknown): Verdict {
  if (isObject(json) && typeof json['hex'] === 'string' && !/^([0-9a-f]{2})*$/i.test(json['hex'])) {
    return { subject: 'a line', fault: 'its hex is not hexadecimal' };
  }
  if (isMessageVector(json)) {
    const subject = `${json.message} v${json.version} ${json.kind}`;
    return { subject, fault: caught(() => messageFault(json)) };
  }
  if (isBatchVector(json)) {
    const subject = `batch ${json.case}${json.invalid === undefined ? '' : ` (${json.invalid})`}`;
    return { subject, fault: caught(() => batchFault(json)) };
  }
  return {
    subject: 'a line',
    fault: 'is neither a message vector (message, version, json, hex) nor a batch vector (case, hex)',
  };
}

type Unknown = { readonly [name: string]: unknown };
const isObject = (value: unknown): value is Unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isMessageVector(value: unknown): value is MessageVector {
  if (!isObject(value)) return false;
  return (
    typeof value['message'] === 'string' &&
    typeof value['version'] === 'number' &&
    typeof value['hex'] === 'string' &&
    isObject(value['json'])
  );
}

function isBatchVector(value: unknown): value is BatchVector {
  return isObject(value) && typeof value['case'] === 'string' && typeof value['hex'] === 'string';
}

/** A vector whose JSON does not fit the schema makes the encoder throw: a failure of that vector, not of the run. */
function caught(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
