/** Consumer groups (KIP-848) as records of `__consumer_offsets`, in Kafka's own schemas. */
import { assert, unreachable } from '@odradek/base';
import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from '@odradek/protocol';
import type { Message } from '@odradek/protocol';
import type { KeyValue } from '../../../runtime/ports.ts';
import type { ConsumerMemberValue, ConsumerRecord, CurrentAssignmentValue } from '../kinds.ts';
import { decodeKey, decodeValue, encodeKey, encodeValue } from '../record-parts.ts';

/** The only version of these values. */
const VALUE_VERSION = 0;

const keys = {
  consumerGroup: ConsumerGroupMetadataKey,
  consumerPartitionMetadata: ConsumerGroupPartitionMetadataKey,
  consumerMember: ConsumerGroupMemberMetadataKey,
  targetMetadata: ConsumerGroupTargetAssignmentMetadataKey,
  targetMember: ConsumerGroupTargetAssignmentMemberKey,
  currentAssignment: ConsumerGroupCurrentMemberAssignmentKey,
  resolvedRegex: ConsumerGroupRegularExpressionKey,
} as const satisfies Record<ConsumerRecord['kind'], { readonly id: number }>;

export function encodeConsumerRecord(record: ConsumerRecord): KeyValue {
  return { key: keyOf(record), value: record.value === null ? null : valueOf(record) };
}

function keyOf(record: ConsumerRecord): Buffer {
  const { groupId } = record;
  switch (record.kind) {
    case 'consumerGroup':
    case 'consumerPartitionMetadata':
    case 'targetMetadata':
      return encodeKey(keys[record.kind], { groupId });
    case 'consumerMember':
    case 'targetMember':
    case 'currentAssignment':
      return encodeKey(keys[record.kind], { groupId, memberId: record.memberId });
    case 'resolvedRegex':
      return encodeKey(keys.resolvedRegex, { groupId, regularExpression: record.regex });
    default:
      return unreachable(record);
  }
}

function valueOf(record: ConsumerRecord): Buffer {
  assert(record.value !== null, 'a record that deletes has no value');
  switch (record.kind) {
    case 'consumerGroup':
      return encodeValue(ConsumerGroupMetadataValue, VALUE_VERSION, record.value);
    case 'consumerPartitionMetadata':
      return encodeValue(ConsumerGroupPartitionMetadataValue, VALUE_VERSION, record.value);
    case 'consumerMember':
      return encodeMember(record.value);
    case 'targetMetadata': {
      const { assignmentEpoch, assignedMs } = record.value;
      const value = { assignmentEpoch, assignmentTimestamp: assignedMs };
      return encodeValue(ConsumerGroupTargetAssignmentMetadataValue, VALUE_VERSION, value);
    }
    case 'targetMember':
      return encodeValue(ConsumerGroupTargetAssignmentMemberValue, VALUE_VERSION, { topicPartitions: record.value });
    case 'currentAssignment': {
      const { memberEpoch, previousMemberEpoch, state, assigned, revoking } = record.value;
      return encodeValue(ConsumerGroupCurrentMemberAssignmentValue, VALUE_VERSION, {
        memberEpoch,
        previousMemberEpoch,
        state,
        assignedPartitions: assigned,
        partitionsPendingRevocation: revoking,
      });
    }
    case 'resolvedRegex': {
      const { topics, metadataOffset, resolvedMs } = record.value;
      const value = { topics, version: metadataOffset, timestamp: resolvedMs };
      return encodeValue(ConsumerGroupRegularExpressionValue, VALUE_VERSION, value);
    }
    default:
      return unreachable(record);
  }
}

function encodeMember(value: ConsumerMemberValue): Buffer {
  const { classic } = value;
  return encodeValue(ConsumerGroupMemberMetadataValue, VALUE_VERSION, {
    instanceId: value.groupInstanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    subscribedTopicNames: value.subscribedTopicNames,
    subscribedTopicRegex: value.subscribedTopicRegex,
    rebalanceTimeoutMs: value.rebalanceTimeoutMs,
    serverAssignor: value.serverAssignor,
    classicMemberMetadata:
      classic === null ? null : { sessionTimeoutMs: classic.sessionTimeoutMs, supportedProtocols: classic.protocols },
  });
}

/** @returns undefined for records that are not of consumer groups, or not of a version known here */
export function decodeConsumerRecord(type: number, raw: KeyValue): ConsumerRecord | undefined {
  switch (type) {
    case keys.consumerGroup.id: {
      const read = decodeRecord(keys.consumerGroup, ConsumerGroupMetadataValue, raw);
      if (read === undefined) return undefined;
      return { kind: 'consumerGroup', groupId: read.key.groupId, value: read.value };
    }
    case keys.consumerPartitionMetadata.id: {
      const read = decodeRecord(keys.consumerPartitionMetadata, ConsumerGroupPartitionMetadataValue, raw);
      if (read === undefined) return undefined;
      return { kind: 'consumerPartitionMetadata', groupId: read.key.groupId, value: read.value };
    }
    case keys.consumerMember.id: {
      const read = decodeRecord(keys.consumerMember, ConsumerGroupMemberMetadataValue, raw);
      if (read === undefined) return undefined;
      return { kind: 'consumerMember', ...read.key, value: read.value === null ? null : memberOf(read.value) };
    }
    case keys.targetMetadata.id: {
      const read = decodeRecord(keys.targetMetadata, ConsumerGroupTargetAssignmentMetadataValue, raw);
      if (read === undefined) return undefined;
      const { value } = read;
      const target =
        value === null ? null : { assignmentEpoch: value.assignmentEpoch, assignedMs: value.assignmentTimestamp };
      return { kind: 'targetMetadata', groupId: read.key.groupId, value: target };
    }
    case keys.targetMember.id: {
      const read = decodeRecord(keys.targetMember, ConsumerGroupTargetAssignmentMemberValue, raw);
      if (read === undefined) return undefined;
      return { kind: 'targetMember', ...read.key, value: read.value?.topicPartitions ?? null };
    }
    case keys.currentAssignment.id: {
      const read = decodeRecord(keys.currentAssignment, ConsumerGroupCurrentMemberAssignmentValue, raw);
      if (read === undefined) return undefined;
      return { kind: 'currentAssignment', ...read.key, value: read.value === null ? null : currentOf(read.value) };
    }
    case keys.resolvedRegex.id: {
      const read = decodeRecord(keys.resolvedRegex, ConsumerGroupRegularExpressionValue, raw);
      if (read === undefined) return undefined;
      const { groupId, regularExpression: regex } = read.key;
      const { value } = read;
      const resolved =
        value === null ? null : { topics: value.topics, metadataOffset: value.version, resolvedMs: value.timestamp };
      return { kind: 'resolvedRegex', groupId, regex, value: resolved };
    }
    default:
      return undefined;
  }
}

function decodeRecord<K, V>(
  keySchema: Message<K>,
  valueSchema: Message<V>,
  raw: KeyValue,
): { key: K; value: V | null } | undefined {
  const key = decodeKey(keySchema, raw.key);
  const value = raw.value === null ? null : decodeValue(valueSchema, raw.value);
  return key === undefined || value === undefined ? undefined : { key, value };
}

function memberOf(value: ConsumerGroupMemberMetadataValue): ConsumerMemberValue {
  const { classicMemberMetadata: classic } = value;
  return {
    groupInstanceId: value.instanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    subscribedTopicNames: value.subscribedTopicNames,
    subscribedTopicRegex: value.subscribedTopicRegex,
    rebalanceTimeoutMs: value.rebalanceTimeoutMs,
    serverAssignor: value.serverAssignor,
    classic:
      classic === null
        ? null
        : {
            sessionTimeoutMs: classic.sessionTimeoutMs,
            // Copied: a slice would hold the whole chunk of the log that it was read in.
            protocols: classic.supportedProtocols.map(({ name, metadata }) => ({
              name,
              metadata: Buffer.from(metadata),
            })),
          },
  };
}

function currentOf(value: ConsumerGroupCurrentMemberAssignmentValue): CurrentAssignmentValue {
  const { memberEpoch, previousMemberEpoch, state, assignedPartitions, partitionsPendingRevocation } = value;
  return {
    memberEpoch,
    previousMemberEpoch,
    state,
    assigned: assignedPartitions,
    revoking: partitionsPendingRevocation,
  };
}
