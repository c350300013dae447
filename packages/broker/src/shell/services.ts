/** What handlers may touch, made of the rooms of this broker. */
import { named } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { ANONYMOUS_PRINCIPAL } from '@odradek/protocol';
import type { ReadMemory, Replicas } from '@odradek/replication';
import { allowAll } from '../core/authorizer.ts';
import { FetchSessions } from '../core/fetch-sessions.ts';
import type { Services } from '../handlers/context.ts';
import { advertised } from '../handlers/registry.ts';
import type { ControllerSession } from './controller-link.ts';
import type { CoordinatorLink } from './coordinator-link.ts';
import type { DynamicConfig } from './dynamic-config.ts';
import type { InternalTopics } from './internal-topics.ts';
import type { OwnAddresses } from './own-addresses.ts';
import { ProducerIds } from './producer-ids.ts';
import type { BrokerOptions } from './options.ts';
import type { Turns } from './turns.ts';

export type Furniture = {
  readonly limits: Limits;
  readonly turns: Turns;
  readonly session: ControllerSession;
  readonly replicas: Replicas;
  readonly readMemory: ReadMemory;
  readonly coordinator: CoordinatorLink;
  readonly internalTopics: InternalTopics;
  readonly config: DynamicConfig;
  readonly addresses: OwnAddresses;
  readonly heard: Services['heard'];
  readonly isLeaderGone: Services['isLeaderGone'];
};

export function servicesOf(options: BrokerOptions, furniture: Furniture): Services {
  const { limits, session, replicas, coordinator, config } = furniture;
  const { ports } = options;
  const nodeId = options.config.nodeId;
  return {
    role: 'broker',
    nodeId,
    clusterId: options.clusterId,
    nowMs: () => ports.clock.nowMs(),
    log: named(options.log, 'kafka.server.KafkaApis'),
    limits,
    turns: furniture.turns,
    config: () => config.current,
    image: () => session.image,
    awaitImage: (holds, timeoutMs) => session.awaitImage(holds, timeoutMs),
    controllerSilentMs: () => session.silentMs,
    addressProblems: () => furniture.addresses.problems,
    replicas,
    readMemory: furniture.readMemory,
    heard: furniture.heard,
    isLeaderGone: furniture.isLeaderGone,
    groups: coordinator.groups,
    data: dataServices(options, limits, session),
    admin: (request, principal, clientRequest) => session.admin(request, principal, clientRequest),
    createOnce: once(),
    createInternalTopic: (topic) => furniture.internalTopics.create(topic),
    authorizer: options.authorizer ?? allowAll,
    logLevels: options.logLevels,
    reach: ({ listener, clientHost, localHost }) => furniture.addresses.reach(listener, clientHost, localHost),
    advertised: () => advertised,
  };
}

function dataServices(options: BrokerOptions, limits: Limits, session: ControllerSession): Services['data'] {
  const { config, ports, metrics } = options;
  const bounds = {
    sessions: config.get('max.incremental.fetch.session.cache.slots'),
    partitions: limits.fetchSessionPartitionsMax,
  };
  const fetchSessions = new FetchSessions(bounds, ports.random.below(2 ** 32));
  metrics.sample('odradek_fetch_sessions', {}, () => fetchSessions.sessionCount);
  metrics.sample('odradek_fetch_session_partitions', {}, () => fetchSessions.partitionCount);
  metrics.sample('odradek_fetch_sessions_evicted_total', {}, () => fetchSessions.evictedCount);
  const producerIds = new ProducerIds({
    clock: ports.clock,
    allocate: () => {
      const request = { brokerId: config.nodeId, brokerEpoch: session.brokerEpoch };
      return session.admin({ kind: 'allocateProducerIds', request }, ANONYMOUS_PRINCIPAL);
    },
  });
  return {
    fetchSessions,
    producerIds,
    fetchMaxBytes: config.get('fetch.max.bytes'),
    picksReplicaByRack: config.get('replica.selector.class') !== null,
  };
}

/** Callers that ask for the same topic while it is being created share the outcome. */
function once(): Services['createOnce'] {
  const creating = new Map<string, Promise<number>>();
  return (topic, create) => {
    const underWay = creating.get(topic);
    if (underWay !== undefined) return underWay;
    const created = create().finally(() => creating.delete(topic));
    creating.set(topic, created);
    return created;
  };
}
