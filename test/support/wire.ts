/** Requests that many scenarios make, one partition at a time. */
import { ApiKey, buildBatch, ErrorCode, errorName, type RequestInput } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { eventually } from './target.ts';

export { Wire };

/** A batch of values with the current time, uncompressed and without a producer. */
export function batchOf(...values: string[]): Buffer {
  const timestampMs = Date.now();
  return buildBatch(
    {},
    values.map((value) => ({ timestampMs, value: Buffer.from(value) })),
  );
}

/** A broker that stands still meanwhile is waited for: what has timed out may be written all the same. */
const PRODUCE_WITHIN_MS = 20_000;

type ProduceOptions = { readonly acks?: number; readonly index?: number };

/** One partition's outcome of a Produce request in version 12, which names topics. */
export async function produce(wire: Wire, topic: string, records: Buffer | null, options: ProduceOptions = {}) {
  const { acks = -1, index = 0 } = options;
  const topicData = [{ name: topic, partitionData: [{ index, records }] }];
  const { responses } = await wire.call(ApiKey.Produce, { acks, timeoutMs: PRODUCE_WITHIN_MS, topicData }, 12);
  const partition = responses[0]?.partitionResponses[0];
  if (partition === undefined) throw new Error('the answer names no partition');
  return partition;
}

/** What a broker says that has not heard yet what another one told, that it leads: nothing was written, and clients ask again. */
const notLeadingYet = new Set<number>([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
]);

/** As `produce`, to a broker that leads by what another one told. @returns the offset @throws when it is refused for another reason */
export async function produceAtLeader(wire: Wire, topic: string, records: Buffer, index = 0): Promise<number> {
  let offset = -1;
  await eventually(`the leader of ${topic}-${index} takes records`, async () => {
    const { errorCode, baseOffset } = await produce(wire, topic, records, { index });
    if (notLeadingYet.has(errorCode)) return false;
    if (errorCode !== ErrorCode.NONE) throw new Error(`${topic}-${index} takes no records: ${errorName(errorCode)}`);
    offset = baseOffset;
    return true;
  });
  return offset;
}

/** The batches from an offset on, by Fetch version 12. */
export async function fetchFrom(wire: Wire, topic: string, fetchOffset: number, partition = 0) {
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: 10_485_760 }];
  const request = {
    isolationLevel: 0,
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 10_485_760,
    topics: [{ topic, partitions }],
  };
  const { responses } = await wire.call(ApiKey.Fetch, request, 12);
  const found = responses[0]?.partitions[0];
  if (found === undefined) throw new Error('the answer names no partition');
  return found;
}

export async function createTopic(
  wire: Wire,
  name: string,
  configs: Record<string, string> = {},
  numPartitions = 1,
): Promise<void> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  await create(wire, { name, numPartitions, replicationFactor: -1, assignments: [], configs: entries });
}

type NewTopic = RequestInput<typeof ApiKey.CreateTopics>['topics'][number];

/** Creates a topic of a new name; another controller that takes over meanwhile is asked as clients ask it. @throws when it is refused */
export async function create(wire: Wire, topic: NewTopic): Promise<void> {
  const request = { topics: [topic], timeoutMs: 20_000, validateOnly: false };
  let isLost = false;
  await eventually(`topic ${topic.name} is created`, async () => {
    const [made] = (await wire.call(ApiKey.CreateTopics, request)).topics;
    const code = made?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    // What became of one whose answer was lost is told by the next.
    if (code === ErrorCode.NONE || (isLost && code === ErrorCode.TOPIC_ALREADY_EXISTS)) return true;
    isLost ||= code === ErrorCode.REQUEST_TIMED_OUT;
    if (code === ErrorCode.REQUEST_TIMED_OUT || code === ErrorCode.NOT_CONTROLLER) return false;
    throw new Error(`topic ${topic.name}: ${errorName(code)}: ${made?.errorMessage ?? ''}`);
  });
}
