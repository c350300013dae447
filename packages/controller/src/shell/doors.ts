/** The doors of a running controller: sessions of brokers, requests about the quorum, and what the controller says of itself to others. */
import { named } from '@odradek/base';
import type { Limits, Metrics } from '@odradek/base';
import { brokerSessionService, pipe } from '@odradek/rpc';
import type { FromBroker, FromController, ServiceHandler, Stream } from '@odradek/rpc';
import type { ControllerPort } from '../ports.ts';
import type { RaftDriver } from '../raft/shell/driver.ts';
import type { StreamTransport } from '../raft/shell/transport.ts';
import { SessionHost } from '../session/shell/host.ts';
import type { Expected } from '../session/shell/roll-call.ts';
import { BrokerOffsets } from './broker-offsets.ts';
import { RunningPort } from './controller-port.ts';
import type { ControllerOptions } from './create-controller.ts';
import { sampleImage } from './image-metrics.ts';
import { Joining } from './joining.ts';
import { QuorumRequests } from './quorum-requests.ts';
import { LOCAL_HOST, listenerNameOf, ownEndpoints, registeredEndpoints } from './raft-options.ts';
import { Registering } from './registering.ts';
import type { ControllerRuntime } from './runtime.ts';

export type Insides = {
  readonly runtime: ControllerRuntime;
  readonly driver: RaftDriver;
  readonly transport: StreamTransport;
  readonly limits: Limits;
  readonly metrics: Metrics;
};

export type Doors = {
  readonly port: ControllerPort;
  readonly sessions: ServiceHandler<FromBroker, FromController>;
  /** Opens a session within this process. */
  readonly local: () => Stream<FromBroker, FromController>;
  /** Resolves when all brokers that have a session now have ended it. */
  readonly departed: () => Promise<void>;
  /** Answers what waits; brokers look for another controller. */
  readonly close: () => Promise<void>;
};

export function openDoors(options: ControllerOptions, insides: Insides): Doors {
  const { runtime, driver, transport, limits, metrics } = insides;
  const { config, identity, log, ports } = options;
  const { clock } = ports;
  const hostName = options.hostName ?? LOCAL_HOST;
  const requestTimeoutMs = config.get('controller.quorum.request.timeout.ms');
  const listenerName = listenerNameOf(config);
  const brokers = new BrokerOffsets(clock);
  const common = { runtime, identity, requestTimeoutMs, clock, log };
  const desk = new QuorumRequests({ ...common, driver, brokers, listenerName });
  const port = new RunningPort(runtime, desk, brokers, named(log, 'org.apache.kafka.controller'));
  const joins = config.get('controller.quorum.auto.join.enable');
  const joining = new Joining({ ...common, transport, desk, port, joins, endpoints: ownEndpoints(config, hostName) });
  const endpoints = registeredEndpoints(config, hostName);
  const registering = new Registering({ ...common, transport, port, endpoints });
  sampleImage(metrics, () => runtime.image);
  metrics.sample('odradek_controller_unclean_elections_total', {}, () => runtime.uncleanElections);
  metrics.sample('odradek_controller_eligible_elections_total', {}, () => runtime.eligibleElections);
  const expected = (): Generator<Expected> => expectedBrokers(insides, identity.nodeId);
  const isGone = (brokerId: number): Promise<boolean> => isNobodyThere(options, insides, brokerId);
  const sessions = new SessionHost({ controller: port, expected, isGone, identity, clock, limits, log, metrics });
  return {
    port,
    sessions,
    local() {
      const { near, far } = pipe({ service: brokerSessionService, self: identity, clock, limits });
      sessions.opened(far);
      return near;
    },
    departed: () => sessions.departed(),
    async close() {
      joining.close();
      registering.close();
      await runtime.drain();
      sessions.close();
      runtime.close();
    },
  };
}

/** Dials the voter of that id. Who is reached hears of nothing: the stream ends before anything is said on it. */
async function isNobodyThere({ streams }: ControllerOptions, { runtime }: Insides, nodeId: number): Promise<boolean> {
  const [endpoint] = runtime.voters.find(({ id }) => id === nodeId)?.endpoints ?? [];
  if (endpoint === undefined || streams === undefined) return false;
  const target = { host: endpoint.host, port: endpoint.port, nodeId, directoryId: null };
  const dialled = await streams.dial(brokerSessionService, target);
  if (!dialled.ok) return dialled.ending.isAbsent === true;
  dialled.stream.close();
  return false;
}

/** A voter and a broker of one id are one process. */
function* expectedBrokers({ runtime, driver }: Insides, ownId: number): Generator<Expected> {
  const connected = new Set([ownId, ...driver.status().connected]);
  const voters = new Set(runtime.voters.map(({ id }) => id));
  for (const { id, epoch, fenced } of runtime.image.cluster.brokers())
    if (!fenced) yield { brokerId: id, brokerEpoch: epoch, isNodeDown: voters.has(id) && !connected.has(id) };
}
