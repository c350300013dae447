/** What a broker is made of: all that a process, the test kit or the simulator hands in. */
import type { Limits, Logger, LoggerLevels, Metrics, NodeConfig, Ports } from '@odradek/base';
import type { ControllerLink } from '@odradek/metadata';
import type { SharingStreamServer, StreamClient, StreamServer } from '@odradek/rpc';
import type { Authorizer } from '../core/authorizer.ts';

export type BrokerOptions = {
  readonly ports: Ports;
  readonly config: NodeConfig;
  readonly clusterId: string;
  readonly link: ControllerLink;
  /**
   * Resolves when there are controllers to register with, false when there will be none because the node stops: until then
   * `initial.broker.registration.timeout.ms` does not run. Left out: there are.
   */
  readonly quorum?: Promise<boolean>;
  /** Who takes connections of other nodes (gRPC) on the inter-broker listener; left out: they are strangers. */
  readonly streams?: Pick<SharingStreamServer, 'take'>;
  /**
   * Other brokers: how they are dialled, at their inter-broker listeners, and where this one says what it serves to those that dial it.
   * Left out: it is on its own, and partitions with more replicas than one are neither followed nor let others follow.
   */
  readonly peers?: Pick<StreamClient, 'dial'> & Pick<StreamServer, 'serve'>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly logLevels: LoggerLevels;
  /** What is advertised for a listener that names no host. */
  readonly hostName: string;
  readonly limits?: Limits;
  /** Left out: everybody may do everything. */
  readonly authorizer?: Authorizer;
  /** A broken claim: the process must stop, and say why. */
  readonly onBug: (error: unknown) => void;
  /** The world has failed so that the broker cannot go on: the node should stop in order. */
  readonly onFault?: (fault: Error) => void;
};
