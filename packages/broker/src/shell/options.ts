/** What a broker is made of: all that a process, the test kit or the simulator hands in. */
import type { Limits, Logger, Metrics, NodeConfig, Ports } from '@odradek/base';
import type { ControllerLink } from '@odradek/metadata';
import type { Authorizer } from '../core/authorizer.ts';
import type { LogLevels } from '../core/broker-loggers.ts';

export type BrokerOptions = {
  readonly ports: Ports;
  readonly config: NodeConfig;
  readonly clusterId: string;
  readonly link: ControllerLink;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly logLevels: LogLevels;
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
