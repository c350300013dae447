/**
 * The Kafka side of a controller's listeners, the same on nodes that are only a controller and on those that are a broker too: Kafka's
 * frames come to the handlers here, connections of other nodes go on to their streams.
 *
 *   listeners are bound (ports are known, wrong addresses told) → the controller is made → `serve`
 */
import { assert, limits as allLimits, named } from '@odradek/base';
import type { Limits, Logger, LoggerLevels, Metrics, NodeConfig, Ports } from '@odradek/base';
import { allowAll, type Authorizer } from '../core/authorizer.ts';
import { Gate } from '../gate.ts';
import { connectionBoundsOf } from '../shell/connection-bounds.ts';
import { type BoundListener, type ListenerConfig, Listeners, type ListenersOptions } from '../shell/listener.ts';
import { Requests } from '../shell/requests.ts';
import { Turns } from '../shell/turns.ts';
import { frontAdvertised, frontHandlers } from './registry.ts';
import { type FrontController, frontServices, type FrontServices } from './services.ts';

export type ControllerFrontOptions = {
  readonly ports: Pick<Ports, 'clock' | 'network'>;
  readonly config: NodeConfig;
  readonly clusterId: string;
  /** Left out: `config.controllerListeners`. */
  readonly listeners?: readonly ListenerConfig[];
  /** Who takes connections of other nodes (gRPC) on a listener. */
  readonly streamsOn?: NonNullable<ListenersOptions['streamsOn']>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly logLevels: LoggerLevels;
  readonly limits?: Limits;
  /** Left out: everybody may do everything. */
  readonly authorizer?: Authorizer;
  /** A broken claim: the process must stop, and say why. */
  readonly onBug: (error: unknown) => void;
};

export type ControllerFront = {
  /** What was bound: real ports. */
  readonly listeners: readonly BoundListener[];
  readonly connectionCount: () => number;
  /** From now on requests are answered and streams handed on; what has connected before waits unread. */
  serve(controller: FrontController): void;
  stopAccepting(): Promise<void>;
  /** Answers what is under way, then closes every connection; cuts what is left after `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
};

/** Resolves when every listener is bound. @throws when one cannot be: its address is in use, or not this machine's */
export async function createControllerFront(options: ControllerFrontOptions): Promise<ControllerFront> {
  const { ports, config, metrics, log } = options;
  const limits = options.limits ?? allLimits.production;
  const turns = new Turns(ports.clock, limits);
  let requests: Requests<FrontServices> | undefined;
  const listeners = new Listeners({
    network: ports.network,
    clock: ports.clock,
    limits,
    turns,
    log: named(log, 'kafka.network.SocketServer'),
    metrics,
    listeners: options.listeners ?? config.controllerListeners,
    bounds: connectionBoundsOf(() => config),
    frameBytesMax: config.get('socket.request.max.bytes'),
    idleMs: config.get('connections.max.idle.ms'),
    // On a node that is a broker too, the broker's connections tell theirs.
    tellsQueuedBytes: !config.hasRole('broker'),
    start: (frame, connection, slot) => requests?.start(frame, connection, slot),
    ...(options.streamsOn === undefined ? {} : { streamsOn: options.streamsOn }),
  });
  const bound = await listeners.bind();
  return {
    listeners: bound,
    connectionCount: () => listeners.connectionCount,
    serve(controller) {
      assert(requests === undefined, 'a front serves one controller');
      requests = requestsTo(controller, options, { limits, turns });
      listeners.serve();
    },
    stopAccepting: () => listeners.stopAccepting(),
    close: (deadlineMs) => listeners.close(deadlineMs),
  };
}

function requestsTo(
  controller: FrontController,
  options: ControllerFrontOptions,
  { limits, turns }: { readonly limits: Limits; readonly turns: Turns },
): Requests<FrontServices> {
  const { ports, config, clusterId, log, logLevels, metrics, onBug: bug } = options;
  const { clock } = ports;
  const authorizer = options.authorizer ?? allowAll;
  const services = frontServices({
    controller,
    clusterId,
    config,
    nowMs: () => clock.nowMs(),
    log: named(log, 'kafka.server.KafkaApis'),
    limits,
    turns,
    authorizer,
    logLevels,
    advertised: frontAdvertised,
  });
  const gate = new Gate(frontHandlers, authorizer, 'controller');
  return new Requests({ gate, services, clock, log, levels: logLevels, metrics, bug });
}
