/**
 * Groups and offsets as records of `__consumer_offsets`, in Kafka's own schemas, so that Kafka's tools read the topic and we read Kafka's.
 * Key: int16 record type, then the key; value: int16 version, then the value; no value deletes.
 */
import { UUID_ZERO, assert } from '@odradek/base';
import {
  GroupMetadataKey,
  GroupMetadataValue,
  LegacyOffsetCommitKey,
  LegacyOffsetCommitValue,
  OffsetCommitKey,
  OffsetCommitValue,
  decodeMessage,
  encodeMessage,
} from '@odradek/protocol';
import type { Message } from '@odradek/protocol';
import type { KeyValue } from '../../runtime/ports.ts';
import type { GroupRecord, GroupValue, OffsetValue } from './kinds.ts';

const PREFIX_BYTES = 2;
/** The only version of any key. */
const KEY_VERSION = 0;
/** Newest without tagged fields: what Kafka writes. */
const GROUP_VALUE_VERSION = 3;
/** 3: with a leader epoch; 4: with a topic id too; 1: the only one with an expiry time. */
const OFFSET_VALUE_VERSION = 3;
const OFFSET_VALUE_VERSION_TOPIC_ID = 4;
const OFFSET_VALUE_VERSION_EXPIRY = 1;

export function encodeRecord(record: GroupRecord): KeyValue {
  if (record.kind === 'group') {
    const key = prefixed(GroupMetadataKey.id, encodeMessage(GroupMetadataKey, KEY_VERSION, { group: record.groupId }));
    return { key, value: record.value === null ? null : encodeGroup(record.value) };
  }
  const { groupId, topic, partition } = record;
  const key = prefixed(
    OffsetCommitKey.id,
    encodeMessage(OffsetCommitKey, KEY_VERSION, { group: groupId, topic, partition }),
  );
  return { key, value: record.value === null ? null : encodeOffset(record.value) };
}

/** @returns undefined for kinds that are not ours to read: of later versions, or of groups of other types */
export function decodeRecord(raw: KeyValue): GroupRecord | undefined {
  if (raw.key.length < PREFIX_BYTES) return undefined;
  const type = raw.key.readInt16BE(0);
  switch (type) {
    case GroupMetadataKey.id: {
      const key = decodePart(GroupMetadataKey, KEY_VERSION, raw.key);
      const value = raw.value === null ? null : decodeValue(GroupMetadataValue, raw.value);
      if (key === undefined || value === undefined) return undefined;
      return { kind: 'group', groupId: key.group, value: value === null ? null : groupOf(value) };
    }
    case OffsetCommitKey.id:
    case LegacyOffsetCommitKey.id: {
      const key = decodePart(OffsetCommitKey, KEY_VERSION, raw.key);
      if (key === undefined) return undefined;
      const offset = raw.value === null ? null : decodeOffset(type, raw.value);
      if (offset === undefined) return undefined;
      return { kind: 'offset', groupId: key.group, topic: key.topic, partition: key.partition, value: offset };
    }
    default:
      return undefined;
  }
}

function encodeGroup(value: GroupValue): Buffer {
  const body = encodeMessage(GroupMetadataValue, GROUP_VALUE_VERSION, {
    protocolType: value.protocolType,
    generation: value.generation,
    protocol: value.protocolName,
    leader: value.leader,
    currentStateTimestamp: value.stateSinceMs,
    members: value.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.subscription,
      assignment: member.assignment,
    })),
  });
  return prefixed(GROUP_VALUE_VERSION, body);
}

function groupOf(value: GroupMetadataValue): GroupValue {
  return {
    protocolType: value.protocolType,
    generation: value.generation,
    protocolName: value.protocol,
    leader: value.leader,
    stateSinceMs: value.currentStateTimestamp,
    members: value.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      // Copied: a slice would hold the whole chunk of the log that it was read in.
      subscription: Buffer.from(member.subscription),
      assignment: Buffer.from(member.assignment),
    })),
  };
}

function encodeOffset(value: OffsetValue): Buffer {
  const version =
    value.expireMs !== -1
      ? OFFSET_VALUE_VERSION_EXPIRY
      : value.topicId === UUID_ZERO
        ? OFFSET_VALUE_VERSION
        : OFFSET_VALUE_VERSION_TOPIC_ID;
  const body = encodeMessage(OffsetCommitValue, version, {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestamp: value.commitMs,
    expireTimestamp: value.expireMs,
    topicId: value.topicId,
  });
  return prefixed(version, body);
}

function decodeOffset(type: number, bytes: Buffer): OffsetValue | undefined {
  if (type === LegacyOffsetCommitKey.id) {
    const value = decodeValue(LegacyOffsetCommitValue, bytes);
    if (value === undefined) return undefined;
    const { offset, metadata, commitTimestamp } = value;
    return { offset, leaderEpoch: -1, metadata, commitMs: commitTimestamp, expireMs: -1, topicId: UUID_ZERO };
  }
  const value = decodeValue(OffsetCommitValue, bytes);
  if (value === undefined) return undefined;
  return {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitMs: value.commitTimestamp,
    expireMs: value.expireTimestamp,
    topicId: value.topicId,
  };
}

function prefixed(prefix: number, parts: readonly Buffer[]): Buffer {
  let length = PREFIX_BYTES;
  for (const part of parts) length += part.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = bytes.writeInt16BE(prefix, 0);
  for (const part of parts) at += part.copy(bytes, at);
  assert(at === length, 'a record is written to its end');
  return bytes;
}

function decodeValue<T>(schema: Message<T>, bytes: Buffer): T | undefined {
  return bytes.length < PREFIX_BYTES ? undefined : decodePart(schema, bytes.readInt16BE(0), bytes);
}

function decodePart<T>(schema: Message<T>, version: number, bytes: Buffer): T | undefined {
  const outcome = decodeMessage(schema, version, bytes, PREFIX_BYTES);
  return outcome.ok ? outcome.value : undefined;
}
