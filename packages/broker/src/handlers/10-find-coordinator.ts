/**
 * FindCoordinator, key 10, v0-6: the broker that serves a group, which is the leader of the group's partition of `__consumer_offsets`.
 * The topic is created when the first client asks; the answer then waits a bounded time for its leaders rather than failing.
 * Sources: KIP-98 (key types, v1), KIP-699 (several keys, v4), KIP-932 (share, v6).
 */
import { GROUP_TOPIC, groupPartitionFor } from '@odradek/coordinator';
import type { MetadataImage } from '@odradek/metadata';
import { CoordinatorType, ErrorCode, findCoordinatorRequestConstants, type ResponseInput } from '@odradek/protocol';
import { aliveNode } from '../core/topic-view.ts';
import type { Caller, HandlerOf, Services } from './context.ts';
import { createMissingTopics } from './topic-creation.ts';

type Response = ResponseInput<10>;
type Coordinator = NonNullable<Response['coordinators']>[number];

const NO_NODE = { nodeId: -1, host: '', port: -1 };
const SHARE_SINCE = 6;
/** librdkafka asks with at most this version, and of a transaction coordinator it takes every error but one for passing: it asks for ever. */
const LAST_OF_LIBRDKAFKA = 2;
/** Before several keys could be asked for, a coordinator that was found is told with the name of its code for a message. */
const FOUND = 'NONE';

export const findCoordinator: HandlerOf<10> = {
  async handle(request, services, caller) {
    const batched = caller.apiVersion >= findCoordinatorRequestConstants.MIN_BATCHED_VERSION;
    const keys = batched ? request.coordinatorKeys : [request.key];
    const refusal = typeRefusal(request.keyType, caller.apiVersion);
    if (refusal === undefined && services.image().topics.byName(GROUP_TOPIC) === undefined && keys.length > 0) {
      await createMissingTopics([GROUP_TOPIC], services, caller);
    }
    if (refusal === undefined) await takenOver(keys, services);
    const coordinators = keys.map((key) =>
      refusal === undefined ? groupCoordinator(key, services, caller) : refused(key, refusal.code, refusal.why),
    );
    return respond(batched, coordinators);
  },
  refused(request, code, why, version) {
    const batched = version >= findCoordinatorRequestConstants.MIN_BATCHED_VERSION;
    const keys = batched ? request.coordinatorKeys : [request.key];
    return respond(
      batched,
      keys.map((key) => refused(key, code, why)),
    );
  },
};

function respond(batched: boolean, coordinators: readonly Coordinator[]): Response {
  if (batched) return { coordinators };
  const { errorCode, errorMessage, nodeId, host, port } = coordinators[0] ?? refused('', ErrorCode.INVALID_REQUEST, '');
  return { errorCode, errorMessage: errorCode === ErrorCode.NONE ? FOUND : errorMessage, nodeId, host, port };
}

function refused(key: string, errorCode: number, errorMessage: string): Coordinator {
  return { key, ...NO_NODE, errorCode, errorMessage };
}

function typeRefusal(keyType: number, version: number): { readonly code: number; readonly why: string } | undefined {
  const code = ErrorCode.INVALID_REQUEST;
  switch (keyType) {
    case CoordinatorType.GROUP:
      return undefined;
    case CoordinatorType.TRANSACTION: {
      const why = 'this broker has no transaction coordinator yet: send without transactional.id';
      return { code: version <= LAST_OF_LIBRDKAFKA ? ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED : code, why };
    }
    case CoordinatorType.SHARE:
      if (version < SHARE_SINCE) return { code, why: `share coordinators can be found from version ${SHARE_SINCE} on` };
      return { code, why: 'this broker has no share coordinator yet: consume with a consumer group' };
    default:
      return { code, why: `there is no coordinator of type ${keyType}; 0 is for groups` };
  }
}

/**
 * Metadata is seen a moment before this broker has done what it says. Whoever is told in between that this broker coordinates a group would
 * hear NOT_COORDINATOR from it, and some clients then wait for seconds.
 */
async function takenOver(keys: readonly string[], services: Services): Promise<void> {
  const { groups, limits, nodeId } = services;
  const isDone = (image: MetadataImage): boolean =>
    keys.every((key) => leaderFor(key, image)?.leader !== nodeId || groups.serves(key));
  if (!isDone(services.image())) await services.awaitImage(isDone, limits.firstLeaderWaitMs);
}

function leaderFor(key: string, image: MetadataImage): { readonly leader: number } | undefined {
  const topic = image.topics.byName(GROUP_TOPIC);
  return topic?.partitions[groupPartitionFor(key, topic.partitions.length)];
}

function groupCoordinator(key: string, services: Services, caller: Caller): Coordinator {
  const need = { resource: 'group', name: key, operation: 'describe' } as const;
  if (!services.authorizer.allows(caller.principal, caller.clientHost, need)) {
    return refused(key, ErrorCode.GROUP_AUTHORIZATION_FAILED, `${caller.principal} may not describe group ${key}`);
  }
  const image = services.image();
  const partition = leaderFor(key, image);
  const node = partition === undefined ? undefined : aliveNode(image, partition.leader, services.reach(caller));
  if (node === undefined) {
    const why =
      image.topics.byName(GROUP_TOPIC) === undefined
        ? `${GROUP_TOPIC} does not exist yet`
        : `the partition of ${GROUP_TOPIC} that holds group ${key} has no leader now`;
    return refused(key, ErrorCode.COORDINATOR_NOT_AVAILABLE, why);
  }
  return { key, nodeId: node.id, host: node.host, port: node.port, errorCode: ErrorCode.NONE, errorMessage: '' };
}
