/** Which heartbeats are well formed: what is refused before any group is looked at. Source: Kafka 4.3 GroupCoordinatorService. */
import { refuse } from '@odradek/base';
import type { Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { ConsumerGroupConfig } from '../config.ts';
import type { ConsumerHeartbeatOp } from './kinds.ts';
import { AWAY_EPOCH, JOINING_EPOCH, LEAVING_EPOCH } from './member.ts';

export function checkRequest(config: ConsumerGroupConfig, op: ConsumerHeartbeatOp): Refusal | undefined {
  if (!config.enabled) {
    const why = 'the consumer protocol is off here: group.coordinator.rebalance.protocols or the feature group.version';
    return refuse(ErrorCode.UNSUPPORTED_VERSION, why);
  }
  const flaw = flawOf(op);
  if (flaw !== undefined) return refuse(ErrorCode.INVALID_REQUEST, flaw);
  const { serverAssignor } = op;
  if (serverAssignor === null || config.assignors.includes(serverAssignor)) return undefined;
  const why = `the assignor '${serverAssignor}' is not known here; there are: ${config.assignors.join(', ')}`;
  return refuse(ErrorCode.UNSUPPORTED_ASSIGNOR, why);
}

function flawOf(op: ConsumerHeartbeatOp): string | undefined {
  const { memberEpoch } = op;
  const needsMemberId = op.requiresMemberId || memberEpoch > JOINING_EPOCH || memberEpoch === LEAVING_EPOCH;
  if (needsMemberId && isBlank(op.memberId)) return 'the member id is empty; a member brings its own';
  if (isBlank(op.groupId)) return 'the group id is empty; name a group';
  if (isBlank(op.groupInstanceId)) return 'the instance id is empty; leave it out (null) for a dynamic member';
  if (isBlank(op.rackId)) return 'the rack id is empty; leave it out (null) when the rack is not known';
  if (memberEpoch === JOINING_EPOCH) return flawOfJoin(op);
  if (memberEpoch === AWAY_EPOCH && op.groupInstanceId === null)
    return `epoch ${AWAY_EPOCH} is for static members; send ${LEAVING_EPOCH} to leave`;
  if (memberEpoch < AWAY_EPOCH)
    return `the member epoch ${memberEpoch} has no meaning; 0 joins, ${LEAVING_EPOCH} and ${AWAY_EPOCH} leave`;
  return undefined;
}

/** Who joins says all there is to say. */
function flawOfJoin(op: ConsumerHeartbeatOp): string | undefined {
  if (op.rebalanceTimeoutMs === -1) return 'the rebalance timeout is missing; it belongs in the first heartbeat';
  if (op.topicPartitions === null || op.topicPartitions.length > 0)
    return 'who joins owns nothing: the list of owned partitions has to be there, and empty';
  if (op.subscribedTopicNames === null && op.subscribedTopicRegex === null)
    return 'who joins says what it subscribes to: topic names, a regular expression or both';
  return undefined;
}

/** Nothing but spaces and control characters, as Java's `trim` sees it. */
function isBlank(text: string | null): boolean {
  if (text === null) return false;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x20) return false;
  return true;
}
