/** The production composition that the simulator runs, as one value: planted bugs are another one. */
import { MetricsRegistry, silent } from '@odradek/base';
import type { Clock, Limits, NodeConfig, Random } from '@odradek/base';
import { ControllerSession, createControllerLink } from '@odradek/broker/session';
import type { ControllerSessionOptions } from '@odradek/broker/session';
import { createController } from '@odradek/controller';
import type { RunningController } from '@odradek/controller';
import { raftStoreOn } from '@odradek/controller/testing';
import type { ControllerLink } from '@odradek/metadata';
import type { Identity, StreamClient } from '@odradek/rpc';

export type LinkParts = {
  readonly identity: Identity;
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly streams: StreamClient;
  /** Of the same process. */
  readonly controller: RunningController | undefined;
  readonly bug: (error: unknown) => void;
};

export type BrokerSession = Pick<
  ControllerSession,
  'join' | 'unfence' | 'leave' | 'close' | 'admin' | 'image' | 'brokerEpoch'
>;

export type Modules = {
  readonly createController: typeof createController;
  readonly raftStoreOn: typeof raftStoreOn;
  readonly createControllerLink: typeof createControllerLink;
  readonly ControllerSession: typeof ControllerSession;
};

export type Composition = Pick<Modules, 'createController' | 'raftStoreOn'> & {
  linkOf(parts: LinkParts): ControllerLink;
  sessionOf(options: Omit<ControllerSessionOptions, 'log' | 'metrics'>): BrokerSession;
};

export const modules: Modules = { createController, raftStoreOn, createControllerLink, ControllerSession };

export const production: Composition = compositionOf(modules);

/** A broker looks for controllers where its configuration says that they are. */
export function compositionOf(modules: Modules): Composition {
  return {
    createController: modules.createController,
    raftStoreOn: modules.raftStoreOn,
    linkOf: ({ identity, config, clock, random, limits, streams, controller, bug }) => {
      const { quorum } = config;
      const candidates =
        quorum.kind === 'static'
          ? quorum.voters.map(({ id, host, port }) => ({ nodeId: id, host, port }))
          : quorum.kind === 'bootstrap'
            ? quorum.servers.map(({ host, port }) => ({ nodeId: null, host, port }))
            : [];
      return modules.createControllerLink({
        identity,
        client: streams,
        ...(controller === undefined ? {} : { local: () => controller.local() }),
        candidates: () => candidates,
        clock,
        random,
        limits,
        log: silent,
        metrics: new MetricsRegistry(),
        duplicateMs: config.get('broker.session.timeout.ms'),
        bug,
      });
    },
    sessionOf: (options) => new modules.ControllerSession({ ...options, log: silent, metrics: new MetricsRegistry() }),
  };
}
