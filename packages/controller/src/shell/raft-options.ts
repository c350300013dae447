/** What the configuration says about the quorum, in the words of the replica. */
import { UUID_ZERO } from '@odradek/base';
import type { Limits, NodeConfig } from '@odradek/base';
import type { Endpoint } from '@odradek/metadata';
import { SecurityProtocol } from '@odradek/protocol';
import type { Identity } from '@odradek/rpc';
import type { Voter, VoterEndpoint } from '../raft/core/messages.ts';
import type { RaftOptions } from '../raft/core/state.ts';

/** Where a machine is reached that has not said its name. */
export const LOCAL_HOST = 'localhost';

/** Beats within the time after which a leader is missed. */
const BEATS_PER_TIMEOUT = 5;

export function raftOptionsOf(config: NodeConfig, limits: Limits): RaftOptions {
  const electionTimeoutMs = Math.max(1, config.get('controller.quorum.fetch.timeout.ms'));
  return {
    electionTimeoutMs,
    heartbeatMs: Math.max(1, Math.floor(electionTimeoutMs / BEATS_PER_TIMEOUT)),
    candidateTimeoutMs: Math.max(1, config.get('controller.quorum.election.timeout.ms')),
    electionBackoffMaxMs: Math.max(1, config.get('controller.quorum.election.backoff.max.ms')),
    brokenStreamWaitMs: limits.raftBrokenStreamWaitMs,
    appendBytesMax: config.get('controller.quorum.fetch.max.bytes'),
    inFlightMax: limits.raftInFlightAppendsMax,
    inFlightBytesMax: limits.raftInFlightBytesMax,
    uncommittedBytesMax: limits.raftUncommittedBytesMax,
    keptBytesMax: limits.raftKeptBytesMax,
  };
}

/** The bounds of this controller, as far as the configuration says them. */
export function quorumLimits(config: NodeConfig, limits: Limits): Limits {
  const partBytes = config.get('controller.quorum.fetch.snapshot.max.bytes');
  return {
    ...limits,
    rpcRedialMinMs: config.isSet('controller.quorum.retry.backoff.ms')
      ? Math.max(1, config.get('controller.quorum.retry.backoff.ms'))
      : limits.rpcRedialMinMs,
    controllerSnapshotPartBytes: Math.min(limits.controllerSnapshotPartBytes, partBytes),
  };
}

/** Where others reach this controller. @param hostName for a listener that names no host */
export function ownEndpoints(config: NodeConfig, hostName: string): readonly VoterEndpoint[] {
  return config.advertisedControllerListeners.map(({ name, host, port }) => ({ name, host: host || hostName, port }));
}

/** The same, as the cluster is told of it (KIP-919). */
export function registeredEndpoints(config: NodeConfig, hostName: string): readonly Endpoint[] {
  return config.advertisedControllerListeners.map(({ name, host, port, securityProtocol }) => ({
    name,
    host: host || hostName,
    port,
    securityProtocol: SecurityProtocol[securityProtocol],
  }));
}

/**
 * Who votes in a quorum that begins here: the voters by name (static, kraft.version 0), this node alone (dynamic, so that others can be
 * added), or nobody yet: the voters are learnt from `controller.quorum.bootstrap.servers`.
 */
export function firstVoters(
  config: NodeConfig,
  identity: Identity,
  { hostName, isStandalone }: { readonly hostName: string; readonly isStandalone: boolean },
): readonly Voter[] {
  const { quorum } = config;
  if (quorum.kind === 'static') {
    const name = listenerNameOf(config);
    return quorum.voters.map(({ id, host, port }) => ({
      id,
      directoryId: UUID_ZERO,
      endpoints: [{ name, host, port }],
    }));
  }
  if (quorum.kind === 'bootstrap' && !isStandalone) return [];
  return [{ id: config.nodeId, directoryId: identity.directoryId, endpoints: ownEndpoints(config, hostName) }];
}

/** The listener by which controllers reach each other. */
export function listenerNameOf(config: NodeConfig): string {
  const [name = 'CONTROLLER'] = config.get('controller.listener.names');
  return name.toUpperCase();
}
