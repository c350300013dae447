/** Why a group could not be had, as a sentence that says what to do. */
import type { Refusal } from '@odradek/base';
import { ErrorCode, errorName } from '@odradek/protocol';
import type { Group } from './kinds.ts';

const MEMBERS_NAMED = 5;

/** @param doing as `describe`, `delete` */
export function groupRefused(doing: string, groupId: string, { code, why }: Refusal): string {
  if (code === ErrorCode.GROUP_ID_NOT_FOUND) {
    return `group '${groupId}' does not exist; \`odradek groups list\` names those that do`;
  }
  const hint = hints[code];
  const told = why === '' ? '' : `: ${why}`;
  return `cannot ${doing} group '${groupId}': ${errorName(code)}${told}${hint === undefined ? '' : `; ${hint}`}`;
}

const hints: Readonly<Record<number, string>> = {
  [ErrorCode.GROUP_AUTHORIZATION_FAILED]: 'ask for the right to it (ACL on the group)',
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED]: 'ask for the right to the topic (ACL on the topic)',
  [ErrorCode.NON_EMPTY_GROUP]: 'it has members: stop them, or wait until their sessions expire',
  [ErrorCode.UNKNOWN_MEMBER_ID]:
    'it has members again: stop them, or wait until their sessions expire, then run this again',
  [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]: 'members of the group subscribe to the topic: stop them first',
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]: 'there is no such topic or partition',
  [ErrorCode.INVALID_GROUP_ID]: 'a group has a name that is not empty',
};

/** The reason of one partition: the code, and what to do. */
export function partitionRefused({ code, why }: Refusal): string {
  const hint = why === '' ? hints[code] : why;
  return hint === undefined ? errorName(code) : `${errorName(code)}: ${hint}`;
}

/** For what only an empty group allows: who is in the way. */
export function activeGroup(what: string, group: Group): string {
  const named = group.members
    .slice(0, MEMBERS_NAMED)
    .map(({ clientId, memberId, host }) => `${clientId} at ${host} (${memberId})`);
  const more = group.members.length > MEMBERS_NAMED ? ` and ${group.members.length - MEMBERS_NAMED} more` : '';
  const members = group.members.length === 1 ? '1 member' : `${group.members.length} members`;
  const who = named.length === 0 ? '' : `: ${named.join(', ')}${more}`;
  return (
    `${what} group '${group.groupId}' while it is ${group.state} with ${members}${who}; ` +
    'stop them, or wait until their sessions expire, then run this again'
  );
}
