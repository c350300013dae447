/** How a node's broker and controller stand, as its readiness goes by (core/readiness.ts). */
import type { RunningBroker } from '@odradek/broker';
import type { QuorumStatus } from '@odradek/controller';
import type { BrokerView, ControllerStanding, StopView } from './core/readiness.ts';

export function brokerView(broker: RunningBroker | undefined): BrokerView | undefined {
  if (broker === undefined) return undefined;
  const { registeredAt, isFenced, silentMs, behind } = broker.standing;
  return { state: broker.state(), isFenced: isFenced(), registeredAt, silentMs: silentMs(), behind: behind() };
}

/** @param status undefined: there is no controller in the node */
export function controllerStanding(
  status: QuorumStatus | undefined,
  nodeId: number,
  leaderlessMs: number,
): ControllerStanding | undefined {
  if (status === undefined) return undefined;
  const own = status.voters.find(({ id }) => id === nodeId);
  return { leaderlessMs, isRecovering: own?.isRecovering === true, highWatermark: status.highWatermark };
}

/** The quorum as one of its voters sees it; undefined for a node that is none. */
export function quorumView(status: QuorumStatus | undefined, nodeId: number): StopView['quorum'] {
  if (status === undefined || !status.voters.some(({ id }) => id === nodeId)) return undefined;
  const { voters, connected, leaderId } = status;
  const others = voters.filter(({ id }) => id !== nodeId && connected.includes(id));
  return { voters: voters.length, othersConnected: others.length, hasLeader: leaderId !== null };
}
