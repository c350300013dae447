/**
 * Groups and offsets as records of `__consumer_offsets`, in Kafka's own schemas, so that Kafka's tools read the topic and we read Kafka's.
 * Key: int16 record type, then the key; value: int16 version, then the value; no value deletes.
 */
import { UUID_ZERO } from '@odradek/base';
import {
  GroupMetadataKey,
  GroupMetadataValue,
  LegacyOffsetCommitKey,
  LegacyOffsetCommitValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from '@odradek/protocol';
import type { KeyValue } from '../../runtime/ports.ts';
import { decodeConsumerRecord, encodeConsumerRecord } from './consumer/records.ts';
import type { GroupRecord, GroupValue, OffsetValue } from './kinds.ts';
import { decodeKey, decodeValue, encodeKey, encodeValue, recordType } from './record-parts.ts';

/** Newest without tagged fields: what Kafka writes. */
const GROUP_VALUE_VERSION = 3;
/** 3: with a leader epoch; 4: with a topic id too; 1: the only one with an expiry time. */
const OFFSET_VALUE_VERSION = 3;
const OFFSET_VALUE_VERSION_TOPIC_ID = 4;
const OFFSET_VALUE_VERSION_EXPIRY = 1;

export function encodeRecord(record: GroupRecord): KeyValue {
  if (record.kind === 'group') {
    const key = encodeKey(GroupMetadataKey, { group: record.groupId });
    return { key, value: record.value === null ? null : encodeGroup(record.value) };
  }
  if (record.kind !== 'offset') return encodeConsumerRecord(record);
  const { groupId, topic, partition } = record;
  const key = encodeKey(OffsetCommitKey, { group: groupId, topic, partition });
  return { key, value: record.value === null ? null : encodeOffset(record.value) };
}

/** @returns undefined for kinds that are not known here: of later versions, or of groups of further types */
export function decodeRecord(raw: KeyValue): GroupRecord | undefined {
  const type = recordType(raw.key);
  switch (type) {
    case GroupMetadataKey.id: {
      const key = decodeKey(GroupMetadataKey, raw.key);
      const value = raw.value === null ? null : decodeValue(GroupMetadataValue, raw.value);
      if (key === undefined || value === undefined) return undefined;
      return { kind: 'group', groupId: key.group, value: value === null ? null : groupOf(value) };
    }
    case OffsetCommitKey.id:
    case LegacyOffsetCommitKey.id: {
      const key = decodeKey(OffsetCommitKey, raw.key);
      if (key === undefined) return undefined;
      const offset = raw.value === null ? null : decodeOffset(type, raw.value);
      if (offset === undefined) return undefined;
      return { kind: 'offset', groupId: key.group, topic: key.topic, partition: key.partition, value: offset };
    }
    default:
      return decodeConsumerRecord(type, raw);
  }
}

function encodeGroup(value: GroupValue): Buffer {
  return encodeValue(GroupMetadataValue, GROUP_VALUE_VERSION, {
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
  return encodeValue(OffsetCommitValue, version, {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestamp: value.commitMs,
    expireTimestamp: value.expireMs,
    topicId: value.topicId,
  });
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
