/** Reads as a member of a consumer group: offsets are committed for what has been written to stdout, and no further. */
import { Consumer, type Message, type MessagesStream } from '@platformatic/kafka';
import type { ConsumePlan } from './consume-plan.ts';
import type { ConsumedRecord } from '../core/record-format.ts';
import type { Connection } from './client.ts';
import type { Output } from './output.ts';

type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;
type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;
type Consumed = Message<Buffer, Buffer, Buffer, Buffer>;

const SESSION_TIMEOUT_MS = 45_000;
/** The library makes an object of every record fetched before the first is handed out: this bounds them. */
const FETCH_BYTES_MAX = 1024 * 1024;
const FETCH_WAIT_MS = 500;
const COMMIT_EVERY_MS = 1_000;
const END_CHECK_MS = 100;

export async function readGroup(plan: ConsumePlan, connection: Connection, output: Output): Promise<void> {
  const consumer: Client = new Consumer({
    ...connection,
    groupId: plan.group ?? '',
    retries: 5,
    retryDelay: 200,
    sessionTimeout: SESSION_TIMEOUT_MS,
    autocommit: false,
    highWaterMark: 1,
  });
  const written = new Written(consumer);
  try {
    const stream = await consumer.consume({
      topics: [plan.topic],
      mode: 'committed',
      fallbackMode: plan.start.kind === 'earliest' ? 'earliest' : 'latest',
      autocommit: false,
      maxBytes: Math.min(plan.fetchMaxBytes, FETCH_BYTES_MAX),
      maxBytesPerPartition: Math.min(plan.fetchMaxBytes, FETCH_BYTES_MAX),
      maxWaitTime: FETCH_WAIT_MS,
      isolationLevel: plan.committedOnly ? 1 : 0,
    });
    // A member that cannot join anew ends with that; one that is leaving anyhow is not held up by it.
    consumer.on('error', (error: Error) => void stream.destroy(error));
    output.begin();
    await drain({ consumer, stream, plan, output, written });
    await stream.close();
  } finally {
    output.close();
    await consumer.close(true).catch(() => undefined);
  }
}

type Reading = {
  readonly consumer: Client;
  readonly stream: Stream;
  readonly plan: ConsumePlan;
  readonly output: Output;
  readonly written: Written;
};

async function drain(reading: Reading): Promise<void> {
  const { stream, output, written } = reading;
  const stop = (): void => void stream.destroy();
  output.stopping.signal.addEventListener('abort', stop);
  const ending = reading.plan.exitAtEnd ? watchEnd(reading) : undefined;
  try {
    for await (const message of stream as AsyncIterable<Consumed>) {
      if (output.enough) break;
      output.add(recordOf(message));
      written.add(message);
      // The last of what was fetched leaves at once: nothing else may come for long.
      if (output.full || stream.readableLength === 0) {
        await output.flush();
        await written.commitSometimes();
      }
      if (output.enough) break;
    }
  } catch (error) {
    if (!output.stopping.signal.aborted) throw error;
  } finally {
    clearInterval(ending);
    output.stopping.signal.removeEventListener('abort', stop);
  }
  await output.flush();
  await written.commit();
}

function recordOf(message: Consumed): ConsumedRecord {
  return {
    topic: message.topic,
    partition: message.partition,
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    timestampType: message.timestamp < 0n ? 'NoTimestampType' : 'CreateTime',
    // The library says `undefined` where a record has null.
    key: message.key ?? null,
    value: message.value ?? null,
    headers: message.headerEntries.map(([key, value]) => [key, value ?? null] as const),
  };
}

/** What has been written to stdout, and what of it the group knows. */
class Written {
  private readonly consumer: Client;
  private readonly next = new Map<number, { topic: string; partition: number; offset: bigint; leaderEpoch: number }>();
  private committedMs = performance.now();

  constructor(consumer: Client) {
    this.consumer = consumer;
  }

  add(message: Consumed): void {
    const { topic, partition, leaderEpoch } = message;
    this.next.set(partition, { topic, partition, offset: message.offset + 1n, leaderEpoch });
  }

  position(partition: number): bigint | undefined {
    return this.next.get(partition)?.offset;
  }

  async commitSometimes(): Promise<void> {
    if (performance.now() - this.committedMs >= COMMIT_EVERY_MS) await this.commit();
  }

  /** Commits the partitions that are still this member's; the others are their new owner's to read again. */
  async commit(): Promise<void> {
    const owned = new Set(this.consumer.assignments?.flatMap(({ partitions }) => partitions));
    const offsets = [...this.next.values()].filter(({ partition }) => owned.has(partition));
    this.committedMs = performance.now();
    if (offsets.length > 0) await this.consumer.commit({ offsets });
  }
}

/** Stops the output once every partition of this member has reached the end it had when it was assigned. */
function watchEnd({ consumer, stream, plan, output, written }: Reading): NodeJS.Timeout {
  const ends = new Map<number, bigint>();
  const check = async (): Promise<void> => {
    const owned = consumer.assignments?.find(({ topic }) => topic === plan.topic)?.partitions;
    if (owned === undefined) return;
    if (owned.some((partition) => !ends.has(partition))) {
      const listed = await consumer.listOffsets({ topics: [plan.topic], partitions: { [plan.topic]: owned } });
      for (const partition of owned) {
        if (!ends.has(partition)) ends.set(partition, listed.get(plan.topic)?.[partition] ?? 0n);
      }
    }
    const reached = owned.every((partition) => {
      const position = written.position(partition) ?? stream.offsetsCommitted.get(`${plan.topic}:${partition}`);
      return position !== undefined && position >= (ends.get(partition) ?? 0n);
    });
    if (reached) output.stopping.abort();
  };
  let checking = false;
  return setInterval(() => {
    if (checking) return;
    checking = true;
    check()
      .catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))))
      .finally(() => (checking = false));
  }, END_CHECK_MS);
}
