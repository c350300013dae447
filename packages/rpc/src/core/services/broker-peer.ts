/** What one broker asks of another that leads partitions: proto/broker_peer.proto, which says what the fields mean. */
import { codecOf, field, message, union } from '../schema.ts';
import type { Infer } from '../schema.ts';
import { serviceOf } from '../service.ts';
import { Refused } from './common.ts';

const LogEndOf = message('LogEndOf', {
  topic: field.text(1),
  partition: field.sint32(2),
  stable: field.bool(3),
  timeFrom: field.nullableUint64(4),
});
export type LogEndOf = Infer<typeof LogEndOf>;
const LogEndsAsk = message('LogEndsAsk', { requestId: field.uint64(1), partitions: field.list(2, LogEndOf) });

export const FromAsker = union('FromAsker', { logEnds: [1, LogEndsAsk] });
export type FromAsker = Infer<typeof FromAsker>;

const LogEnd = message('LogEnd', {
  refused: field.nullableNested(1, Refused),
  logStartOffset: field.uint64(2),
  highWatermark: field.uint64(3),
  lastStableOffset: field.nullableUint64(4),
  timeMs: field.nullableUint64(5),
  timeProblem: field.nullableText(6),
});
export type LogEnd = Infer<typeof LogEnd>;
const LogEndsAnswer = message('LogEndsAnswer', { requestId: field.uint64(1), ends: field.list(2, LogEnd) });

export const FromAsked = union('FromAsked', { logEnds: [1, LogEndsAnswer] });
export type FromAsked = Infer<typeof FromAsked>;

/** Version 1 is what this file says. */
export const brokerPeerService = serviceOf({
  name: 'BrokerPeer',
  versions: { min: 1, max: 1 },
  asked: codecOf(FromAsker),
  told: codecOf(FromAsked),
});
