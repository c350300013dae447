/**
 * Every Kafka API that a controller answers at its own listener, for tools that reach it with `--bootstrap-controller`. What Kafka's
 * controllers say to each other and to brokers goes over the streams of `rpc` here, so those APIs are neither served nor advertised.
 */
import { apiByKey } from '@odradek/protocol';
import type { AnyHandler, Handlers } from '../gate.ts';
import { apiVersions } from '../handlers/18-api-versions.ts';
import { createTopics } from '../handlers/19-create-topics.ts';
import { deleteTopics } from '../handlers/20-delete-topics.ts';
import { describeConfigs } from '../handlers/32-describe-configs.ts';
import { alterConfigs } from '../handlers/33-alter-configs.ts';
import { createPartitions } from '../handlers/37-create-partitions.ts';
import { electLeaders } from '../handlers/43-elect-leaders.ts';
import { incrementalAlterConfigs } from '../handlers/44-incremental-alter-configs.ts';
import { alterPartitionReassignments } from '../handlers/45-alter-partition-reassignments.ts';
import { listPartitionReassignments } from '../handlers/46-list-partition-reassignments.ts';
import { describeQuorum } from '../handlers/55-describe-quorum.ts';
import { updateFeatures } from '../handlers/57-update-features.ts';
import { unregisterBroker } from '../handlers/64-unregister-broker.ts';
import { addRaftVoter } from '../handlers/80-add-raft-voter.ts';
import { removeRaftVoter } from '../handlers/81-remove-raft-voter.ts';
import type { AdvertisedApi } from '../handlers/context.ts';
import { describeControllers } from './60-describe-controllers.ts';
import { updateRaftVoter } from './82-update-raft-voter.ts';
import type { FrontHandlerOf, FrontServices } from './services.ts';

export type FrontKey = 18 | 19 | 20 | 32 | 33 | 37 | 43 | 44 | 45 | 46 | 55 | 57 | 60 | 64 | 80 | 81 | 82;

const byKey: { readonly [K in FrontKey]: FrontHandlerOf<K> } = {
  18: apiVersions,
  19: createTopics,
  20: deleteTopics,
  32: describeConfigs,
  33: alterConfigs,
  37: createPartitions,
  43: electLeaders,
  44: incrementalAlterConfigs,
  45: alterPartitionReassignments,
  46: listPartitionReassignments,
  55: describeQuorum,
  57: updateFeatures,
  60: describeControllers,
  64: unregisterBroker,
  80: addRaftVoter,
  81: removeRaftVoter,
  82: updateRaftVoter,
};

export const frontHandlers: Handlers<FrontServices> = new Map(
  Object.entries(byKey).map(([key, handler]) => [Number(key), handler as AnyHandler<FrontServices>]),
);

/** What ApiVersions tells at a controller's listener. */
export const frontAdvertised: readonly AdvertisedApi[] = Array.from(frontHandlers.keys(), (key) => {
  const api = apiByKey(key);
  return api === undefined ? [] : [{ key, min: api.min, max: api.maxStable, own: api.own }];
}).flat();
