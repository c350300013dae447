/** Reads each partition from its beginning to its end and holds it against what was promised. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ErrorCode, errorName, isRetriable, readBatch, splitBatches } from '@odradek/protocol';
import type { Target } from '../../core/chaos/commands.ts';
import type { Ledger } from '../../core/chaos/ledger.ts';
import { numberOf } from '../../core/chaos/records.ts';
import type { Sightings } from '../../core/chaos/sightings.ts';
import { CommandError } from '../../core/refusal.ts';
import { Link } from './links.ts';

const EARLIEST = -2;
const LATEST = -1;
const CONSUMER = -1;
const READ_UNCOMMITTED = 0;
const FETCH_WAIT_MS = 500;
const FETCH_BYTES = 4 * 1024 * 1024;
/** Versions up to here name topics by name. */
const FETCH_BY_NAME = 12;
const ANSWER_WITHIN_MS = 30_000;
const AGAIN_MS = 100;
/** How long a partition may give no answer before the reading is given up. */
const SILENT_MAX_MS = 60_000;

export type ReadBack = {
  readonly nodes: readonly Target[];
  readonly topic: string;
  readonly run: string;
  readonly sightings: Sightings;
  readonly progress: (records: number) => void;
};

/** @throws CommandError when a partition cannot be read: nothing is known of it then */
export async function readBack(ledgers: readonly Ledger[], reading: ReadBack): Promise<void> {
  const links = new Map(reading.nodes.map((node) => [node.id, new Link(node, ANSWER_WITHIN_MS)]));
  try {
    for (const ledger of ledgers) await readPartition(ledger, reading, links);
  } finally {
    for (const link of links.values()) link.close();
  }
}

async function readPartition(ledger: Ledger, reading: ReadBack, links: ReadonlyMap<number, Link>): Promise<void> {
  const { partition } = ledger;
  const ask = <T>(question: (link: Link) => Promise<T | undefined>): Promise<T> =>
    untilAnswered(partition, reading, links, question);
  const offsetAt = (timestamp: number): Promise<number> =>
    ask((link) => listOffset(link, { topic: reading.topic, partition, timestamp }));
  let next = await offsetAt(EARLIEST);
  const end = await offsetAt(LATEST);
  while (next < end) {
    const from = next;
    const records = await ask((link) => fetch(link, { topic: reading.topic, partition, from }));
    const before = ledger.read;
    next = take(ledger, reading.run, records, from);
    reading.progress(ledger.read - before);
  }
}

/** Asks the partition's leader, whoever that is by then, until it answers. @param question undefined: ask again */
async function untilAnswered<T>(
  partition: number,
  { sightings }: ReadBack,
  links: ReadonlyMap<number, Link>,
  question: (link: Link) => Promise<T | undefined>,
): Promise<T> {
  const untilMs = performance.now() + SILENT_MAX_MS;
  for (;;) {
    const link = links.get(sightings.partitions[partition]?.leader ?? -1);
    const answer = link === undefined ? undefined : await question(link).catch(retriableOnly);
    if (answer !== undefined) return answer;
    if (performance.now() >= untilMs) {
      throw new CommandError(
        `partition ${partition} could not be read within ${SILENT_MAX_MS / 1_000} s: nothing is known of it`,
      );
    }
    await sleep(AGAIN_MS);
  }
}

class Refused extends Error {}

/** A connection that broke is asked again; what a broker refuses for good ends the reading. */
function retriableOnly(error: unknown): undefined {
  if (error instanceof Refused) throw new CommandError(error.message);
  return undefined;
}

function mustBeAnswered(errorCode: number, doing: string): boolean {
  if (errorCode === ErrorCode.NONE) return true;
  if (isRetriable(errorCode)) return false;
  throw new Refused(`cannot ${doing}: ${errorName(errorCode)}`);
}

async function listOffset(
  link: Link,
  { topic, partition, timestamp }: { topic: string; partition: number; timestamp: number },
): Promise<number | undefined> {
  const connection = await link.ready();
  const answer = await connection?.call(ApiKey.ListOffsets, {
    replicaId: CONSUMER,
    isolationLevel: READ_UNCOMMITTED,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
    timeoutMs: ANSWER_WITHIN_MS,
  });
  const told = answer?.topics[0]?.partitions[0];
  if (told === undefined) return undefined;
  return mustBeAnswered(told.errorCode, `list offsets of partition ${partition}`) ? told.offset : undefined;
}

async function fetch(
  link: Link,
  { topic, partition, from }: { topic: string; partition: number; from: number },
): Promise<Buffer | undefined> {
  const connection = await link.ready();
  const request = {
    replicaId: CONSUMER,
    maxWaitMs: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES,
    isolationLevel: READ_UNCOMMITTED,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, partitions: [{ partition, fetchOffset: from, partitionMaxBytes: FETCH_BYTES }] }],
    forgottenTopicsData: [],
    rackId: '',
  };
  const answer = await connection?.call(ApiKey.Fetch, request, FETCH_BY_NAME);
  const told = answer?.responses[0]?.partitions[0];
  if (told === undefined || !mustBeAnswered(told.errorCode, `read partition ${partition} at offset ${from}`))
    return undefined;
  return told.records === null || told.records.length === 0 ? undefined : told.records;
}

/** @returns the offset after the last whole batch */
function take(ledger: Ledger, run: string, bytes: Buffer, from: number): number {
  const split = splitBatches(bytes);
  if (!split.ok) throw new CommandError(`partition ${ledger.partition} at offset ${from}: ${split.why}`);
  let next = from;
  for (const { at } of split.value.batches) {
    const batch = readBatch(bytes, at);
    if (!batch.ok) throw new CommandError(`partition ${ledger.partition} at offset ${next}: ${batch.why}`);
    next = batch.value.lastOffset + 1;
    if (batch.value.isControl) continue;
    for (const { offset, value } of batch.value.records) {
      if (offset >= from) ledger.take(numberOf(run, ledger.partition, value), offset);
    }
  }
  return next;
}
