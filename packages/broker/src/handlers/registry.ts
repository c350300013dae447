/**
 * Every Kafka API that this broker answers. What is here is served and advertised, in the versions of the API table; what is not is
 * neither. A key of `SupportedKey` without a handler, or a handler of the wrong type, does not compile.
 */
import { apiByKey } from '@odradek/protocol';
import type { AnyHandler, Handlers } from '../gate.ts';
import { produce } from './00-produce.ts';
import { fetch } from './01-fetch.ts';
import { listOffsets } from './02-list-offsets.ts';
import { metadata } from './03-metadata.ts';
import { offsetCommit } from './08-offset-commit.ts';
import { offsetFetch } from './09-offset-fetch.ts';
import { findCoordinator } from './10-find-coordinator.ts';
import { joinGroup } from './11-join-group.ts';
import { heartbeat } from './12-heartbeat.ts';
import { leaveGroup } from './13-leave-group.ts';
import { syncGroup } from './14-sync-group.ts';
import { describeGroups } from './15-describe-groups.ts';
import { listGroups } from './16-list-groups.ts';
import { apiVersions } from './18-api-versions.ts';
import { createTopics } from './19-create-topics.ts';
import { deleteTopics } from './20-delete-topics.ts';
import { deleteRecords } from './21-delete-records.ts';
import { initProducerId } from './22-init-producer-id.ts';
import { offsetForLeaderEpoch } from './23-offset-for-leader-epoch.ts';
import { describeConfigs } from './32-describe-configs.ts';
import { alterConfigs } from './33-alter-configs.ts';
import { alterReplicaLogDirs } from './34-alter-replica-log-dirs.ts';
import { describeLogDirs } from './35-describe-log-dirs.ts';
import { createPartitions } from './37-create-partitions.ts';
import { deleteGroups } from './42-delete-groups.ts';
import { electLeaders } from './43-elect-leaders.ts';
import { incrementalAlterConfigs } from './44-incremental-alter-configs.ts';
import { alterPartitionReassignments } from './45-alter-partition-reassignments.ts';
import { listPartitionReassignments } from './46-list-partition-reassignments.ts';
import { offsetDelete } from './47-offset-delete.ts';
import { describeQuorum } from './55-describe-quorum.ts';
import { updateFeatures } from './57-update-features.ts';
import { describeCluster } from './60-describe-cluster.ts';
import { unregisterBroker } from './64-unregister-broker.ts';
import { consumerGroupHeartbeat } from './68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from './69-consumer-group-describe.ts';
import { listConfigResources } from './74-list-config-resources.ts';
import { describeTopicPartitions } from './75-describe-topic-partitions.ts';
import { addRaftVoter } from './80-add-raft-voter.ts';
import { removeRaftVoter } from './81-remove-raft-voter.ts';
import { describeGroupLag } from './10000-describe-group-lag.ts';
import { explainGroups } from './10001-explain-groups.ts';
import { describeNode } from './10002-describe-node.ts';
import type { AdvertisedApi, HandlerOf } from './context.ts';

export type SupportedKey =
  | 0 | 1 | 2 | 3 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 | 18 | 19 | 20 | 21 | 22 | 23 | 32 | 33 | 34 | 35 | 37 | 42 | 43
  | 44 | 45 | 46 | 47 | 55 | 57 | 60 | 64 | 68 | 69 | 74 | 75 | 80 | 81 | 10000 | 10001
  | 10002; // prettier-ignore

const byKey: { readonly [K in SupportedKey]: HandlerOf<K> } = {
  0: produce,
  1: fetch,
  2: listOffsets,
  3: metadata,
  8: offsetCommit,
  9: offsetFetch,
  10: findCoordinator,
  11: joinGroup,
  12: heartbeat,
  13: leaveGroup,
  14: syncGroup,
  15: describeGroups,
  16: listGroups,
  18: apiVersions,
  19: createTopics,
  20: deleteTopics,
  21: deleteRecords,
  22: initProducerId,
  23: offsetForLeaderEpoch,
  32: describeConfigs,
  33: alterConfigs,
  34: alterReplicaLogDirs,
  35: describeLogDirs,
  37: createPartitions,
  42: deleteGroups,
  43: electLeaders,
  44: incrementalAlterConfigs,
  45: alterPartitionReassignments,
  46: listPartitionReassignments,
  47: offsetDelete,
  55: describeQuorum,
  57: updateFeatures,
  60: describeCluster,
  64: unregisterBroker,
  68: consumerGroupHeartbeat,
  69: consumerGroupDescribe,
  74: listConfigResources,
  75: describeTopicPartitions,
  80: addRaftVoter,
  81: removeRaftVoter,
  10000: describeGroupLag,
  10001: explainGroups,
  10002: describeNode,
};

/** The gate knows no API's types: it hands each handler what the codec of its own key has decoded. */
export const handlers: Handlers = new Map(
  Object.entries(byKey).map(([key, handler]) => [Number(key), handler as AnyHandler]),
);

/** What ApiVersions tells; our own APIs only to clients of this house. */
export const advertised: readonly AdvertisedApi[] = Array.from(handlers.keys(), (key) => {
  const api = apiByKey(key);
  return api === undefined ? [] : [{ key, ...api.advertised, own: api.own }];
}).flat();
