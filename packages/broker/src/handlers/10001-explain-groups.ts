/** ExplainGroups, key 10001, v0 (Odradek's own): the last rebalances of groups, who caused each, why, and how long its phases took. */
import type { ExplainedGroup, MemberName, Person, Rebalance } from '@odradek/coordinator';
import { ErrorCode } from '@odradek/protocol';
import type { ResponseInput } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';
import { byName, inTurns } from './in-turns.ts';

type Explained = ResponseInput<10001>['groups'][number];
type RebalanceAnswer = Explained['rebalances'][number];

export const explainGroups: HandlerOf<10001> = {
  async handle({ groupIds, limit }, services, caller) {
    return {
      groups: await inTurns(groupIds, { services, caller, keyOf: byName }, (groupId) =>
        explain(groupId, limit, services, caller),
      ),
    };
  },
  refused: (request, code, why) => ({ groups: request.groupIds.map((groupId) => refused(groupId, code, why)) }),
};

async function explain(groupId: string, limit: number, services: Services, caller: Caller): Promise<Explained> {
  const { principal, clientHost } = caller;
  if (!services.authorizer.allows(principal, clientHost, { resource: 'group', name: groupId, operation: 'describe' }))
    return refused(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED, null);
  const outcome = await services.groups.explain(groupId, limit);
  if (!outcome.ok) return refused(groupId, outcome.code, outcome.why);
  const group = outcome.value;
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: group.state,
    groupType: group.type,
    sinceMs: group.sinceMs,
    rebalanceCount: group.count,
    findings: group.findings,
    rebalances: group.rebalances.map((rebalance) => rebalanceAnswer(rebalance, group)),
  };
}

function rebalanceAnswer(rebalance: Rebalance, group: ExplainedGroup): RebalanceAnswer {
  const { outcome, startedMs, endedMs } = rebalance;
  const isOngoing = outcome === 'ongoing';
  return {
    startedMs,
    endedMs,
    tookMs: Math.max(0, (isOngoing ? group.nowMs : endedMs) - startedMs),
    groupType: rebalance.groupType,
    epoch: rebalance.epoch,
    assignor: rebalance.assignor,
    outcome,
    membersBefore: rebalance.membersBefore,
    membersAfter: rebalance.membersAfter,
    movedPartitions: rebalance.movedPartitions,
    causes: rebalance.causes.map(({ atMs, why, hint, ...cause }) => ({ atMs, ...whoOf(cause), why, hint })),
    furtherCauses: rebalance.furtherCauses,
    phases: rebalance.phases.map((phase) =>
      isOngoing && !phase.done ? openPhase(phase, group) : { ...phaseAnswer(phase), ...whoOf(phase.who) },
    ),
    lost: rebalance.lost.map(({ why, ...person }) => ({ ...whoOf(person), why })),
  };
}

type Phase = Rebalance['phases'][number];
type PhaseAnswer = RebalanceAnswer['phases'][number];

function phaseAnswer({ name, tookMs, done, detail }: Phase): Pick<PhaseAnswer, 'name' | 'tookMs' | 'done' | 'detail'> {
  return { name, tookMs, done, detail };
}

/** The phase that is going on: whom it waits for is what the group says now. */
function openPhase(phase: Phase, { nowMs, waitingFor }: ExplainedGroup): PhaseAnswer {
  const [first] = waitingFor;
  return {
    ...phaseAnswer(phase),
    tookMs: Math.max(0, nowMs - phase.startedMs),
    ...whoOf(first ?? phase.who),
    detail: waitingFor.length === 0 ? phase.detail : `waits for ${namesOf(waitingFor)}`,
  };
}

/** Names told of those that a rebalance waits for; the rest is counted. */
const NAMES_TOLD_MAX = 5;

function namesOf(members: readonly MemberName[]): string {
  const names = members.slice(0, NAMES_TOLD_MAX).map(({ memberId, clientHost }) => `${memberId} at ${clientHost}`);
  const more = members.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}

function whoOf({ memberId, clientId, clientHost, groupInstanceId }: Person | MemberName): Person {
  return { memberId, clientId, clientHost, groupInstanceId };
}

function refused(groupId: string, errorCode: number, errorMessage: string | null): Explained {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupType: '',
    sinceMs: -1,
    rebalanceCount: 0,
    findings: [],
    rebalances: [],
  };
}
