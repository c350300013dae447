/** What the configuration of a simulated machine says, and whom an empty disk of it takes for voters. */
import { NodeConfig, UUID_ZERO } from '@odradek/base';
import type { Voter, VoterEndpoint } from '@odradek/controller/raft';

export const CONTROLLER_PORT = 9093;
export const BROKER_PORT = 9092;
const LISTENER = 'CONTROLLER';
const HEARTBEATS_PER_SESSION = 5;

export type Roles = { readonly isController: boolean; readonly isBroker: boolean };
export type QuorumOptions = {
  /** Voters are added and removed while the cluster runs (KIP-853). */
  readonly isDynamic: boolean;
  /** Controllers that are no voters ask to be (KIP-1186); else an operator adds them. */
  readonly isAutoJoin: boolean;
  readonly electionTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** Within which a broker whose stream broke must be back. */
  readonly graceMs: number;
  /** Bytes of log after which a snapshot is taken. */
  readonly snapshotBytes: number;
};
export type Quorum = {
  readonly options: QuorumOptions;
  /** The machines with a controller, from the first on. */
  readonly controllerIds: readonly number[];
};

/** Machines with brokers only have ids from here on. */
const FIRST_BROKER_ID = 101;
/** A controller that has lost its majority may believe for so long that it leads. */
const STALE_ELECTION_TIMEOUTS = 3;
const STALE_MS = 1_000;

/** Which machines there are, and what runs on each. */
export function rolesOf(options: {
  readonly controllerCount: number;
  readonly brokerCount: number;
  /** Brokers run in the processes of controllers, as far as there are any. */
  readonly isCombined: boolean;
}): ReadonlyMap<number, Roles> {
  const { controllerCount, brokerCount, isCombined } = options;
  const combinedCount = isCombined ? Math.min(brokerCount, controllerCount) : 0;
  const roles = new Map<number, Roles>();
  for (let id = 1; id <= controllerCount; id += 1) roles.set(id, { isController: true, isBroker: id <= combinedCount });
  for (let at = combinedCount; at < brokerCount; at += 1)
    roles.set(FIRST_BROKER_ID + at, { isController: false, isBroker: true });
  return roles;
}

export function patienceMsOf({ electionTimeoutMs }: QuorumOptions): number {
  return STALE_ELECTION_TIMEOUTS * electionTimeoutMs + STALE_MS;
}

export function hostOf(id: number): string {
  return `machine-${id}`;
}

/** Where a controller is reached. */
export function endpointsOf(id: number): readonly VoterEndpoint[] {
  return [{ name: LISTENER, host: hostOf(id), port: CONTROLLER_PORT }];
}

/** Of a quorum whose voters come and go, the first machine begins it. */
export function isStandalone({ options, controllerIds }: Quorum, id: number): boolean {
  return options.isDynamic && id === controllerIds[0];
}

/** Who votes, as far as an empty disk knows: those of the configuration; else the machine that begins, and the others learn of it. */
export function firstVotersOf(quorum: Quorum, id: number, directoryId: string): readonly Voter[] {
  if (isStandalone(quorum, id)) return [{ id, directoryId, endpoints: endpointsOf(id) }];
  if (quorum.options.isDynamic) return [];
  return quorum.controllerIds.map((each) => ({ id: each, directoryId: UUID_ZERO, endpoints: endpointsOf(each) }));
}

/** @param more keys beyond those that every machine has */
export function configOf(
  quorum: Quorum,
  id: number,
  { isController, isBroker }: Roles,
  more: Readonly<Record<string, string>> = {},
): NodeConfig {
  const { options } = quorum;
  const host = hostOf(id);
  const roles = [...(isBroker ? ['broker'] : []), ...(isController ? ['controller'] : [])];
  const listeners = [
    ...(isBroker ? [`PLAINTEXT://${host}:${BROKER_PORT}`] : []),
    ...(isController ? [`${LISTENER}://${host}:${CONTROLLER_PORT}`] : []),
  ];
  return new NodeConfig(
    new Map([
      ['node.id', String(id)],
      ['process.roles', roles.join(',')],
      ['listeners', listeners.join(',')],
      ['controller.listener.names', LISTENER],
      ...quorumKeys(quorum),
      ['log.dirs', '/data'],
      ['controller.quorum.fetch.timeout.ms', String(options.electionTimeoutMs)],
      ['broker.session.timeout.ms', String(options.sessionTimeoutMs)],
      ['odradek.broker.reconnect.grace.ms', String(options.graceMs)],
      ['broker.heartbeat.interval.ms', String(Math.floor(options.sessionTimeoutMs / HEARTBEATS_PER_SESSION))],
      ['metadata.log.max.record.bytes.between.snapshots', String(options.snapshotBytes)],
      ['leader.imbalance.check.interval.seconds', '5'],
      ...Object.entries(more),
    ]),
  );
}

function quorumKeys({ options, controllerIds }: Quorum): [string, string][] {
  const addressOf = (id: number): string => `${hostOf(id)}:${CONTROLLER_PORT}`;
  if (!options.isDynamic)
    return [['controller.quorum.voters', controllerIds.map((id) => `${id}@${addressOf(id)}`).join(',')]];
  return [
    ['controller.quorum.bootstrap.servers', controllerIds.map(addressOf).join(',')],
    ['controller.quorum.auto.join.enable', String(options.isAutoJoin)],
  ];
}
