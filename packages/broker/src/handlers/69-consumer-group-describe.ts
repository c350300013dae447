/**
 * ConsumerGroupDescribe, key 69, v0-1: state, epochs, members, what they own and what they are to own. A group that holds topics which
 * the caller may not describe is refused as a whole. Source: KIP-848; KIP-1099 (member types, v1).
 */
import type { DescribedConsumerGroup, NamedPartitions } from '@odradek/coordinator';
import { AUTHORIZED_OPERATIONS_OMITTED, ErrorCode } from '@odradek/protocol';
import type { ResponseInput } from '@odradek/protocol';
import { consumerProtocolProblem } from '../core/consumer-protocol.ts';
import type { Caller, HandlerOf, Services } from './context.ts';
import { byName, inTurns } from './in-turns.ts';

type Described = ResponseInput<69>['groups'][number];
type Member = Described['members'][number];

/** How the member speaks: the classic protocol, or the consumer protocol. */
const MemberType = { CLASSIC: 0, CONSUMER: 1 } as const;

export const consumerGroupDescribe: HandlerOf<69> = {
  async handle(request, services, caller) {
    const { groupIds } = request;
    if (consumerProtocolProblem(services.config(), services.image()) !== undefined)
      return answer(Array.from(new Set(groupIds), (groupId) => refused(groupId, ErrorCode.UNSUPPORTED_VERSION, null)));
    const { principal, clientHost } = caller;
    const groups = await inTurns(groupIds, { services, caller, keyOf: byName }, async (groupId) => {
      const group = await describe(groupId, services, caller);
      if (!request.includeAuthorizedOperations || group.errorCode !== ErrorCode.NONE) return group;
      const authorizedOperations = services.authorizer.operations(principal, clientHost, 'group', groupId);
      return { ...group, authorizedOperations };
    });
    return answer(groups);
  },
  refused: (request, code, why) => answer(request.groupIds.map((groupId) => refused(groupId, code, why))),
};

function answer(groups: readonly Described[]): ResponseInput<69> {
  return { throttleTimeMs: 0, groups };
}

async function describe(groupId: string, services: Services, { principal, clientHost }: Caller): Promise<Described> {
  const { authorizer, groups } = services;
  if (!authorizer.allows(principal, clientHost, { resource: 'group', name: groupId, operation: 'describe' }))
    return refused(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED, null);
  if (groupId === '') return refused(groupId, ErrorCode.INVALID_GROUP_ID, null);
  const outcome = await groups.submit(groupId, { kind: 'consumerDescribe', groupId });
  if (!outcome.ok) return refused(groupId, outcome.code, outcome.why);
  const group = outcome.value;
  const hidden = Array.from(topicsOf(group)).some(
    (name) => !authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'describe' }),
  );
  if (hidden) {
    const why = `group ${groupId} holds topics that ${principal} may not describe`;
    return refused(groupId, ErrorCode.TOPIC_AUTHORIZATION_FAILED, why);
  }
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.assignorName,
    members: group.members.map(memberAnswer),
    authorizedOperations: AUTHORIZED_OPERATIONS_OMITTED,
  };
}

function topicsOf({ members }: DescribedConsumerGroup): Set<string> {
  const names = new Set<string>();
  for (const { assignment, targetAssignment } of members) {
    for (const { topicName } of assignment) names.add(topicName);
    for (const { topicName } of targetAssignment) names.add(topicName);
  }
  return names;
}

function memberAnswer(member: DescribedConsumerGroup['members'][number]): Member {
  const assigned = (topicPartitions: NamedPartitions): Member['assignment'] => ({ topicPartitions });
  return {
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopicNames,
    subscribedTopicRegex: member.subscribedTopicRegex ?? '',
    assignment: assigned(member.assignment),
    targetAssignment: assigned(member.targetAssignment),
    memberType: member.isClassic ? MemberType.CLASSIC : MemberType.CONSUMER,
  };
}

function refused(groupId: string, errorCode: number, errorMessage: string | null): Described {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
    authorizedOperations: AUTHORIZED_OPERATIONS_OMITTED,
  };
}
