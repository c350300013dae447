/** What the requests about the metadata quorum (keys 55, 80, 81, 82) have in common: only its leader answers them. */
import type { Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

/** Clients look for the leader anew when a request about the quorum is answered so; NOT_CONTROLLER says it of all others. */
export function quorumCode({ code }: Refusal): number {
  return code === ErrorCode.NOT_CONTROLLER ? ErrorCode.NOT_LEADER_OR_FOLLOWER : code;
}
