/**
 * JoinGroup, key 11, v0-9. The group shard answers, at the latest after the rebalance timeout.
 * Sources: KIP-345 (static members), KIP-394 (member ids first), KIP-800 (reasons), KIP-814 (a returning leader does not assign again).
 */
import { ErrorCode } from '@odradek/protocol';
import type { JoinGroupRequest, ResponseInput } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';

/** From these versions on a client understands MEMBER_ID_REQUIRED, a missing protocol name, and being spared an assignment. */
const MEMBER_ID_REQUIRED_VERSION = 4;
const NULL_PROTOCOL_VERSION = 7;
const SKIP_ASSIGNMENT_VERSION = 9;

export const joinGroup: HandlerOf<11> = {
  needs: (request) => [{ resource: 'group', name: request.groupId, operation: 'read' }],
  async handle(request, { groups }, { apiVersion, clientId, clientHost }) {
    const outcome = await groups.submit(request.groupId, {
      kind: 'join',
      groupId: request.groupId,
      memberId: request.memberId,
      newMemberId: groups.newMemberId(request.groupInstanceId ?? clientId ?? ''),
      groupInstanceId: request.groupInstanceId,
      clientId: clientId ?? '',
      clientHost: `/${clientHost}`,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: apiVersion === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols,
      reason: request.reason,
      requiresMemberId: apiVersion >= MEMBER_ID_REQUIRED_VERSION,
      canSkipAssignment: apiVersion >= SKIP_ASSIGNMENT_VERSION,
    });
    if (!outcome.ok) return refused(request, outcome.code, apiVersion);
    const reply = outcome.value;
    if (reply.code !== ErrorCode.NONE) return { ...refused(request, reply.code, apiVersion), memberId: reply.memberId };
    return {
      errorCode: ErrorCode.NONE,
      generationId: reply.generation,
      protocolType: reply.protocolType,
      protocolName: protocolName(reply.protocolName, apiVersion),
      leader: reply.leader,
      skipAssignment: reply.skipAssignment,
      memberId: reply.memberId,
      members: reply.members,
    };
  },
  refused: (request, code, _why, version) => refused(request, code, version),
};

function refused(request: JoinGroupRequest, errorCode: number, version: number): ResponseInput<11> {
  return { errorCode, protocolName: protocolName(null, version), leader: '', memberId: request.memberId, members: [] };
}

function protocolName(name: string | null, version: number): string | null {
  return name ?? (version >= NULL_PROTOCOL_VERSION ? null : '');
}
