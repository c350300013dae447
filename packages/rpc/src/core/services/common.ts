/** What messages of several services hold: proto/common.proto. */
import { codecOf, field, message, union } from '../schema.ts';

/** A Kafka code and a sentence: a refusal as it travels. */
export const Refused = message('Refused', { code: field.sint32(1), why: field.text(2) });

/** A Kafka request that travels inside the cluster, in Kafka's own encoding of its key and version: no second schema, and no loss. */
export const Ask = message('Ask', {
  requestId: field.uint64(1),
  apiKey: field.sint32(2),
  apiVersion: field.sint32(3),
  /** The body, without a header. */
  body: field.bytes(4),
  /** Who asks, as the first broker authenticated it: `User:alice`. */
  principal: field.text(5),
  /** How long the asker waits, milliseconds. */
  deadlineMs: field.uint64(6),
  /** Of which request of a client, as the first broker names it in its log: `PLAINTEXT-3-17`. null: of none, or it was not said. */
  clientRequest: field.nullableText(7),
});

/** The answer to the `Ask` of the same request id. */
export const Answer = message('Answer', {
  requestId: field.uint64(1),
  /** Nothing was done and there is no body. */
  refused: field.nullableNested(2, Refused),
  apiKey: field.sint32(3),
  apiVersion: field.sint32(4),
  body: field.bytes(5),
  /** Who has applied the metadata up to here sees what was answered. */
  committedOffset: field.uint64(6),
});

/** The last message of a stream that one side ends: why. Field 15 of every message that begins a stream's direction. */
export const Goodbye = message('Goodbye', {
  /** 'closed': orderly; 'refused': trying again at once changes nothing; 'invalid': what the other side sent cannot be taken. */
  reason: field.text(1),
  why: field.text(2),
});

const GOODBYE_FIELD = 15;
const farewell = union('Farewell', { goodbye: [GOODBYE_FIELD, Goodbye] });
export const farewellCodec = codecOf(farewell);

const FAREWELL_TAG = (GOODBYE_FIELD << 3) | 2;

/** Whether a message is the stream's last, by its first byte. */
export function isFarewell(bytes: Buffer): boolean {
  return bytes[0] === FAREWELL_TAG;
}
