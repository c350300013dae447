/** What the configuration of a simulated machine says, and whom an empty disk of it takes for voters. */
import { NodeConfig, UUID_ZERO } from '@odradek/base';
import type { Voter, VoterEndpoint } from '@odradek/controller/raft';
import type { ControllersOptions } from './options.ts';

export const CONTROLLER_PORT = 9093;
export const BROKER_PORT = 9092;
const LISTENER = 'CONTROLLER';
const HEARTBEATS_PER_SESSION = 5;

export type Roles = { readonly isController: boolean; readonly isBroker: boolean };
export type Quorum = {
  readonly options: Pick<
    ControllersOptions,
    'isDynamic' | 'isAutoJoin' | 'electionTimeoutMs' | 'sessionTimeoutMs' | 'snapshotBytes' | 'graceMs'
  >;
  /** The machines with a controller, from the first on. */
  readonly controllerIds: readonly number[];
};

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
