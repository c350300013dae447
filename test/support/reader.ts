/** A member of a group that commits what it reads, and records whose times a test knows. */
import { promisify } from 'node:util';
import { Consumer, MultipleErrors } from '@platformatic/kafka';
import { buildBatch, ErrorCode, errorName, isRetriable } from '@odradek/protocol';
import { eventually } from './target.ts';
import { produce, type Wire } from './wire.ts';

export type ReaderOptions = {
  readonly clientId: string;
  readonly group: string;
  readonly topic: string;
  readonly protocol: 'classic' | 'consumer';
  /** Of a static member. */
  readonly instanceId?: string;
};

/** Joins and reads from the beginning. Disposing of it leaves the group. */
export async function openReader(bootstrap: string, options: ReaderOptions): Promise<AsyncDisposable> {
  const consumer = new Consumer({
    clientId: options.clientId,
    bootstrapBrokers: [bootstrap],
    groupId: options.group,
    maxWaitTime: 100,
    ...(options.instanceId === undefined ? {} : { groupInstanceId: options.instanceId }),
    ...(options.protocol === 'consumer'
      ? { groupProtocol: 'consumer' as const }
      : { heartbeatInterval: 200, sessionTimeout: 10_000, rebalanceTimeout: 20_000 }),
  });
  const leave = leaving(consumer);
  const stream = await consumer.consume({
    topics: [options.topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: false,
  });
  const reading = (async (): Promise<void> => {
    // A commit that a rebalance refuses is made by the next owner.
    for await (const message of stream) await Promise.resolve(message.commit()).catch(() => undefined);
  })();
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await stream.close();
      await reading;
      await leave();
    },
  };
}

/**
 * What a member leaves with. One that is in the middle of joining anew is told by an 'error' event in the midst of its own close, and never
 * ends it when nobody listens; an error at any other time stays one. A close asks the coordinator that was known last, and once: when that
 * one has moved since, the member asks who it is now, until the new one has read its log.
 */
export function leaving<K, V, HK, HV>(
  consumer: Pick<Consumer<K, V, HK, HV>, 'on' | 'close' | 'leaveGroup'>,
): () => Promise<void> {
  let closing = false;
  consumer.on('error', (error: Error) => {
    if (!closing) throw error;
  });
  return async () => {
    closing = true;
    let hasMoved = false;
    await eventually('its coordinator lets the member leave', async () => {
      try {
        if (hasMoved) await promisify((done: (error: Error | null) => void) => consumer.leaveGroup(true, done))();
        await consumer.close(true);
        return true;
      } catch (error) {
        if (!isOfMovedGroup(error)) throw error;
        hasMoved = true;
        return false;
      }
    });
  };
}

const ofMovedGroup = ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'];

function isOfMovedGroup(error: unknown): boolean {
  return error instanceof MultipleErrors && ofMovedGroup.some((code) => error.findBy('apiId', code) !== null);
}

/** One record a timestamp, in their order. */
export async function writeAt(
  wire: Wire,
  topic: string,
  index: number,
  timestampsMs: readonly number[],
): Promise<void> {
  const records = timestampsMs.map((timestampMs) => ({ timestampMs, value: Buffer.from(`at ${timestampMs}`) }));
  const batch = buildBatch({}, records);
  // The leader of a topic that was just made may not have heard of it.
  await eventually(`partition ${index} of ${topic} takes the records`, async () => {
    const { errorCode } = await produce(wire, topic, batch, { index });
    if (errorCode === ErrorCode.NONE) return true;
    if (isRetriable(errorCode)) return false;
    throw new Error(`partition ${index} of ${topic} refused the records: ${errorName(errorCode)}`);
  });
}
