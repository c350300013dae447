/**
 * How messages are wrapped where they are not requests: records of the coordinators' topics and of the metadata log,
 * consumer-protocol bytes, principals, control records.
 */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ControlRecordType } from './codes.ts';
import { decodePrefix, decodeUvarints, encodeParts } from './codec.ts';
import { ErrorCode } from './errors.ts';
import * as messages from './messages/index.ts';
import type { Infer, Input, Message } from './schema.ts';

const PREFIX_BYTES = 2;

/** int16 version, then the message in that version. */
export function encodeVersioned<I>(schema: Message<unknown, I>, version: number, value: NoInfer<I>): Buffer {
  return Buffer.concat(
    encodeParts([{ write: (writer) => writer.int16(version, 'version') }, { schema, version, value }], false),
  );
}

/**
 * @param versionMax a higher version is read as this one (the message grew at its end); refused with INVALID_REQUEST
 * when left out
 */
export function decodeVersioned<T>(
  schema: Message<T>,
  bytes: Buffer,
  versionMax = Number.MAX_SAFE_INTEGER,
): Outcome<{ readonly version: number; readonly value: T }> {
  if (bytes.length < PREFIX_BYTES) return refuse(ErrorCode.INVALID_REQUEST, `${schema.name}: no version before it`);
  const version = Math.min(bytes.readInt16BE(0), versionMax);
  const decoded = decodePrefix(schema, version, bytes, { at: PREFIX_BYTES });
  return decoded.ok ? ok({ version, value: decoded.value.value }) : decoded;
}

// Consumer protocol: the bytes inside JoinGroup and SyncGroup of groups with protocol type `consumer`.

export function encodeSubscription(
  version: number,
  value: Input<typeof messages.ConsumerProtocolSubscription>,
): Buffer {
  return encodeVersioned(messages.ConsumerProtocolSubscription, version, value);
}

/** A version from the future is read as the newest that is known: what is new stands at the end. */
export function decodeSubscription(bytes: Buffer): Outcome<messages.ConsumerProtocolSubscription> {
  const schema = messages.ConsumerProtocolSubscription;
  const decoded = decodeVersioned(schema, bytes, schema.maxVersion);
  return decoded.ok ? ok(decoded.value.value) : decoded;
}

export function encodeAssignment(version: number, value: Input<typeof messages.ConsumerProtocolAssignment>): Buffer {
  return encodeVersioned(messages.ConsumerProtocolAssignment, version, value);
}

export function decodeAssignment(bytes: Buffer): Outcome<messages.ConsumerProtocolAssignment> {
  const schema = messages.ConsumerProtocolAssignment;
  const decoded = decodeVersioned(schema, bytes, schema.maxVersion);
  return decoded.ok ? ok(decoded.value.value) : decoded;
}

/** The principal of a forwarded request (Envelope, KIP-590). */
export function encodePrincipal(value: Input<typeof messages.DefaultPrincipalData>): Buffer {
  return encodeVersioned(messages.DefaultPrincipalData, messages.DefaultPrincipalData.maxVersion, value);
}

export function decodePrincipal(bytes: Buffer): Outcome<messages.DefaultPrincipalData> {
  const decoded = decodeVersioned(messages.DefaultPrincipalData, bytes);
  return decoded.ok ? ok(decoded.value.value) : decoded;
}

/**
 * Records of `__consumer_offsets`, `__transaction_state` and `__share_group_state`: each name is a pair of schemas,
 * `…Key` and `…Value`.
 */
const coordinatorNames = {
  group: [
    'LegacyOffsetCommit',
    'OffsetCommit',
    'GroupMetadata',
    'ConsumerGroupMetadata',
    'ConsumerGroupPartitionMetadata',
    'ConsumerGroupMemberMetadata',
    'ConsumerGroupTargetAssignmentMetadata',
    'ConsumerGroupTargetAssignmentMember',
    'ConsumerGroupCurrentMemberAssignment',
    'ConsumerGroupRegularExpression',
    'ShareGroupMemberMetadata',
    'ShareGroupMetadata',
    'ShareGroupTargetAssignmentMetadata',
    'ShareGroupTargetAssignmentMember',
    'ShareGroupCurrentMemberAssignment',
    'ShareGroupStatePartitionMetadata',
    'StreamsGroupMetadata',
    'StreamsGroupMemberMetadata',
    'StreamsGroupTargetAssignmentMetadata',
    'StreamsGroupTargetAssignmentMember',
    'StreamsGroupCurrentMemberAssignment',
    'StreamsGroupTopology',
  ],
  transaction: ['TransactionLog'],
  share: ['ShareSnapshot', 'ShareUpdate'],
} as const;

export type CoordinatorLog = keyof typeof coordinatorNames;
export type CoordinatorRecordName<L extends CoordinatorLog = CoordinatorLog> = (typeof coordinatorNames)[L][number];

type Schemas = typeof messages;
type KeySchema<N extends CoordinatorRecordName> = Schemas[`${N}Key`];
type ValueSchema<N extends CoordinatorRecordName> = Schemas[`${N}Value`];

export type KeyAndValue = { readonly key: Buffer; readonly value: Buffer | null };

export type CoordinatorRecord<L extends CoordinatorLog = CoordinatorLog> = {
  [N in CoordinatorRecordName<L>]: {
    readonly name: N;
    readonly key: Infer<KeySchema<N>>;
    /** null: a tombstone. */
    readonly value: Infer<ValueSchema<N>> | null;
    /** Version of the value; -1 for a tombstone. */
    readonly version: number;
  };
}[CoordinatorRecordName<L>];

const schemas: Schemas = messages;
const keySchema = (name: CoordinatorRecordName): Message => schemas[`${name}Key`];
const valueSchema = (name: CoordinatorRecordName): Message => schemas[`${name}Value`];

/** The schemas of a record of a coordinator. */
export function coordinatorSchemas(name: CoordinatorRecordName): { readonly key: Message; readonly value: Message } {
  return { key: keySchema(name), value: valueSchema(name) };
}

/** Key: int16 record type, then the key in its version 0. Value: int16 version, then the value; null is a tombstone. */
export function encodeCoordinatorRecord<N extends CoordinatorRecordName>(
  name: N,
  key: Input<KeySchema<N>>,
  value: Input<ValueSchema<N>> | null,
  version: number,
): KeyAndValue {
  const schema = keySchema(name);
  const keyParts = encodeParts(
    [{ write: (writer) => writer.int16(schema.id, 'type') }, { schema, version: 0, value: key }],
    false,
  );
  return {
    key: Buffer.concat(keyParts),
    value: value === null ? null : encodeVersioned<unknown>(valueSchema(name), version, value),
  };
}

/**
 * @returns undefined for a record type that is not known, which a reader skips; refused with INVALID_REQUEST for
 * garbage
 */
export function decodeCoordinatorRecord<L extends CoordinatorLog>(
  log: L,
  key: Buffer,
  value: Buffer | null,
): Outcome<CoordinatorRecord<L> | undefined> {
  if (key.length < PREFIX_BYTES)
    return refuse(ErrorCode.INVALID_REQUEST, 'a coordinator record without a type in its key');
  const type = key.readInt16BE(0);
  const name = coordinatorNames[log].find((one) => keySchema(one).id === type);
  if (name === undefined) return ok(undefined);
  const decodedKey = decodePrefix(keySchema(name), 0, key, { at: PREFIX_BYTES });
  if (!decodedKey.ok) return decodedKey;
  const decodedValue = value === null ? undefined : decodeVersioned(valueSchema(name), value);
  if (decodedValue?.ok === false) return decodedValue;
  const record = {
    name,
    key: decodedKey.value.value,
    value: decodedValue?.value.value ?? null,
    version: decodedValue?.value.version ?? -1,
  };
  return ok(record as CoordinatorRecord<L>);
}

const METADATA_FRAME_VERSION = 1;

const metadataSchemas = new Map<number, Message>(
  Object.values(messages as unknown as Record<string, Message>)
    .filter((schema) => schema.kind === 'record' && !schema.name.startsWith('Remote'))
    .map((schema) => [schema.id, schema]),
);

/**
 * The value of a record of `__cluster_metadata`: frame version, record type and version as uvarints, body. Its key
 * is null.
 */
export function encodeMetadataRecord<I>(schema: Message<unknown, I>, version: number, value: NoInfer<I>): Buffer {
  const frame = [METADATA_FRAME_VERSION, schema.id, version];
  const parts = encodeParts(
    [{ write: (writer) => frame.forEach((number) => writer.uvarint(number)) }, { schema, version, value }],
    false,
  );
  return Buffer.concat(parts);
}

export type MetadataRecordFrame = { readonly schema: Message; readonly version: number; readonly value: unknown };

/**
 * @returns refused with INVALID_REQUEST for another frame version, an unknown type, garbage, or bytes after the body
 */
export function decodeMetadataRecord(bytes: Buffer): Outcome<MetadataRecordFrame> {
  const frame = decodeUvarints(bytes, 3);
  if (!frame.ok) return frame;
  const [frameVersion = -1, type = -1, version = -1] = frame.value.values;
  if (frameVersion !== METADATA_FRAME_VERSION) {
    return refuse(ErrorCode.INVALID_REQUEST, `a metadata record with frame version ${frameVersion}`);
  }
  const schema = metadataSchemas.get(type);
  if (schema === undefined) return refuse(ErrorCode.INVALID_REQUEST, `a metadata record of the unknown type ${type}`);
  const body = decodePrefix(schema, version, bytes, { at: frame.value.endAt });
  if (!body.ok) return body;
  const tail = bytes.length - body.value.endAt;
  if (tail > 0) return refuse(ErrorCode.INVALID_REQUEST, `${tail} bytes after a ${schema.name}`);
  return ok({ schema, version, value: body.value.value });
}

const CONTROL_KEY_VERSION = 0;
const CONTROL_KEY_BYTES = 4;

/**
 * A control record's key and value, as they go into a control batch. The value begins with the version of its message.
 */
export function encodeEndTxnMarker(
  result: 'COMMIT' | 'ABORT',
  coordinatorEpoch: number,
): { key: Buffer; value: Buffer } {
  return {
    key: controlKey(ControlRecordType[result]),
    value: encodeVersioned(messages.EndTxnMarker, 0, { coordinatorEpoch }),
  };
}

/**
 * What the metadata quorum writes into its own log, by control record type. Their `version` field is the version
 * itself.
 */
const quorumSchemas = {
  LEADER_CHANGE: messages.LeaderChangeMessage,
  SNAPSHOT_HEADER: messages.SnapshotHeaderRecord,
  SNAPSHOT_FOOTER: messages.SnapshotFooterRecord,
  KRAFT_VERSION: messages.KRaftVersionRecord,
  KRAFT_VOTERS: messages.VotersRecord,
} as const;
type QuorumRecordName = keyof typeof quorumSchemas;

export function encodeQuorumRecord<N extends QuorumRecordName>(
  name: N,
  value: Input<(typeof quorumSchemas)[N]>,
): { key: Buffer; value: Buffer } {
  const { version } = value as { version: number };
  const schema: Message = quorumSchemas[name];
  const parts = encodeParts([{ schema, version, value }], false);
  return { key: controlKey(ControlRecordType[name]), value: Buffer.concat(parts) };
}

export type ControlRecord =
  | { readonly name: 'COMMIT' | 'ABORT'; readonly value: messages.EndTxnMarker }
  | {
      [N in QuorumRecordName]: { readonly name: N; readonly value: Infer<(typeof quorumSchemas)[N]> };
    }[QuorumRecordName]
  | { readonly name: 'UNKNOWN'; readonly type: number };

/** @returns `UNKNOWN` for a type from the future, which a reader skips; refused with INVALID_RECORD for garbage */
export function decodeControlRecord(key: Buffer | null, value: Buffer | null): Outcome<ControlRecord> {
  if (key === null || key.length < CONTROL_KEY_BYTES)
    return refuse(ErrorCode.INVALID_RECORD, 'a control record without a type');
  const version = key.readInt16BE(0);
  const type = key.readInt16BE(2);
  if (version < CONTROL_KEY_VERSION)
    return refuse(ErrorCode.INVALID_RECORD, `control record key of version ${version}`);
  const name = controlNames.get(type);
  if (name === undefined) return ok({ name: 'UNKNOWN', type });
  if (value === null || value.length < PREFIX_BYTES)
    return refuse(ErrorCode.INVALID_RECORD, `a ${name} without a value`);
  const marker = name === 'COMMIT' || name === 'ABORT';
  const schema: Message = marker ? messages.EndTxnMarker : quorumSchemas[name];
  // Versions from the future only add to the end.
  const valueVersion = Math.min(value.readInt16BE(0), schema.maxVersion);
  const decoded = decodePrefix(schema, valueVersion, value, { at: marker ? PREFIX_BYTES : 0 });
  if (!decoded.ok) return refuse(ErrorCode.INVALID_RECORD, decoded.why);
  return ok({ name, value: decoded.value.value } as ControlRecord);
}

const controlNames = new Map<number, 'COMMIT' | 'ABORT' | QuorumRecordName>([
  [ControlRecordType.COMMIT, 'COMMIT'],
  [ControlRecordType.ABORT, 'ABORT'],
  ...(Object.keys(quorumSchemas) as QuorumRecordName[]).map((name): [number, QuorumRecordName] => [
    ControlRecordType[name],
    name,
  ]),
]);

function controlKey(type: number): Buffer {
  const key = Buffer.alloc(CONTROL_KEY_BYTES);
  key.writeInt16BE(CONTROL_KEY_VERSION, 0);
  key.writeInt16BE(type, 2);
  return key;
}
