/**
 * ConsumerGroupHeartbeat, key 68, v0-1: a member joins, tells what it owns, hears what it is to own, and leaves. The group shard answers.
 * Source: KIP-848.
 */
import { ErrorCode } from '@odradek/protocol';
import type { ConsumerGroupHeartbeatRequest, ResponseInput } from '@odradek/protocol';
import { consumerProtocolProblem } from '../core/consumer-protocol.ts';
import type { Caller, HandlerOf, Services } from './context.ts';

/** From here on a member makes its own id. */
const OWN_MEMBER_ID_VERSION = 1;

export const consumerGroupHeartbeat: HandlerOf<68> = {
  async handle(request, services, caller) {
    const { groups } = services;
    const problem = heartbeatProblem(request, services, caller);
    if (problem !== undefined) return refused(problem, null);
    const outcome = await groups.submit(request.groupId, {
      kind: 'consumerHeartbeat',
      groupId: request.groupId,
      memberId: request.memberId,
      newMemberId: request.memberId === '' ? groups.newConsumerMemberId() : request.memberId,
      memberEpoch: request.memberEpoch,
      groupInstanceId: request.instanceId,
      rackId: request.rackId,
      clientId: caller.clientId ?? '',
      clientHost: `/${caller.clientHost}`,
      principal: caller.principal,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      subscribedTopicNames: request.subscribedTopicNames,
      subscribedTopicRegex: request.subscribedTopicRegex,
      serverAssignor: request.serverAssignor,
      topicPartitions: request.topicPartitions,
      requiresMemberId: caller.apiVersion >= OWN_MEMBER_ID_VERSION,
    });
    if (!outcome.ok) return refused(outcome.code, outcome.why);
    const { memberId, memberEpoch, heartbeatIntervalMs, assignment } = outcome.value;
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      memberId,
      memberEpoch,
      heartbeatIntervalMs,
      assignment: assignment === null ? null : { topicPartitions: assignment },
    };
  },
  refused: (_request, code, why) => refused(code, why),
};

/** In Kafka's order: that the protocol is not served comes before who asks; a topic that is not allowed is refused as a whole. */
function heartbeatProblem(
  { groupId, subscribedTopicNames }: ConsumerGroupHeartbeatRequest,
  services: Services,
  { principal, clientHost }: Caller,
): number | undefined {
  const { authorizer, config, image } = services;
  if (consumerProtocolProblem(config(), image()) !== undefined) return ErrorCode.UNSUPPORTED_VERSION;
  if (!authorizer.allows(principal, clientHost, { resource: 'group', name: groupId, operation: 'read' }))
    return ErrorCode.GROUP_AUTHORIZATION_FAILED;
  const hidden = (subscribedTopicNames ?? []).some(
    (name) => !authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'describe' }),
  );
  return hidden ? ErrorCode.TOPIC_AUTHORIZATION_FAILED : undefined;
}

function refused(errorCode: number, errorMessage: string | null): ResponseInput<68> {
  return { throttleTimeMs: 0, errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 };
}
