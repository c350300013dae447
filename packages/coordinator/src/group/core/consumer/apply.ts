/**
 * What a record of a consumer group changes: live, and again when the log is replayed. A compacted log lacks older records of a key, so
 * each record stands for itself: it makes what it needs, and one that deletes what was never seen changes nothing.
 */
import { unreachable } from '@odradek/base';
import type { ConsumerRecord } from '../kinds.ts';
import { ConsumerGroup } from './group.ts';
import { fromCurrentValue, fromTopicPartitions } from './member.ts';

/** No target is left of a group whose target was deleted. */
const NO_ASSIGNMENT_EPOCH = -1;

export function applyConsumerRecord(groups: Map<string, ConsumerGroup>, record: ConsumerRecord): void {
  let group = groups.get(record.groupId);
  if (record.value === null) {
    if (group !== undefined) applyDeletion(groups, group, record);
    return;
  }
  if (group === undefined) groups.set(record.groupId, (group = new ConsumerGroup(record.groupId)));
  switch (record.kind) {
    case 'consumerGroup':
      group.epoch = record.value.epoch;
      group.metadataHash = record.value.metadataHash;
      return;
    case 'consumerPartitionMetadata':
      group.hasPartitionMetadata = true;
      return;
    case 'consumerMember':
      return group.setMember(record.memberId, record.value);
    case 'targetMetadata':
      group.assignmentEpoch = record.value.assignmentEpoch;
      group.assignedMs = record.value.assignedMs;
      return;
    case 'targetMember':
      group.targets.set(record.memberId, fromTopicPartitions(record.value));
      return;
    case 'currentAssignment':
      return group.setCurrent(record.memberId, fromCurrentValue(record.value));
    case 'resolvedRegex':
      return group.setRegex(record.regex, record.value);
    default:
      return unreachable(record);
  }
}

function applyDeletion(groups: Map<string, ConsumerGroup>, group: ConsumerGroup, record: ConsumerRecord): void {
  switch (record.kind) {
    case 'consumerGroup':
      groups.delete(record.groupId);
      return;
    case 'consumerPartitionMetadata':
      group.hasPartitionMetadata = false;
      return;
    case 'consumerMember':
      return group.removeMember(record.memberId);
    case 'targetMetadata':
      group.assignmentEpoch = NO_ASSIGNMENT_EPOCH;
      group.assignedMs = 0;
      return;
    case 'targetMember':
      group.targets.delete(record.memberId);
      return;
    case 'currentAssignment':
      return group.removeCurrent(record.memberId);
    case 'resolvedRegex':
      return group.setRegex(record.regex, null);
    default:
      return unreachable(record);
  }
}
