/** What `bench groups` puts on a node: commits, members that beat, rebalances and offsets to be loaded; requests alone, no client library. */
import { readFileSync } from 'node:fs';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { Pipeline } from '../../test/support/pipeline.ts';
import { RawConsumer, reconcile } from '../../test/support/raw-consumers.ts';
import {
  beat,
  commit,
  coordinatorReady,
  expectNone,
  formGroup,
  join,
  newMember,
  sync,
} from '../../test/support/raw-groups.ts';
import type { RawGroup } from '../../test/support/raw-groups.ts';

export const TOPIC = 'bench-groups';
const SESSION_TIMEOUT_MS = 300_000;
const COMMIT_GROUPS = 50;
const POOL = 8;
const IN_FLIGHT_EACH = 32;
const OFFSET_COMMIT_BY_NAME = 9;

/** Seconds of processor time that a process has used. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Linux's USER_HZ, as /proc counts. */
const TICKS_PER_SECOND = 100;

export async function createTopic(bootstrap: string, name: string, numPartitions: number): Promise<void> {
  using pipe = await Pipeline.open(bootstrap);
  const topics = [{ name, numPartitions, replicationFactor: -1, assignments: [], configs: [] }];
  const made = await pipe.call(ApiKey.CreateTopics, { topics, timeoutMs: 60_000, validateOnly: false });
  expectNone(name, made.topics[0]?.errorCode ?? 0);
  const asked = { topics: [{ name }], allowAutoTopicCreation: false };
  for (;;) {
    const { topics: found } = await pipe.call(ApiKey.Metadata, asked);
    if (found[0]?.partitions.filter(({ leaderId }) => leaderId >= 0).length === numPartitions) return;
  }
}

export type Pool = AsyncDisposable & { readonly pipes: readonly Pipeline[] };

export async function openPool(bootstrap: string, size = POOL): Promise<Pool> {
  const pipes = await Promise.all(
    Array.from({ length: size }, (_, index) => Pipeline.open(bootstrap, `pool-${index}`)),
  );
  return {
    pipes,
    [Symbol.asyncDispose]: () => {
      for (const pipe of pipes) pipe.close();
      return Promise.resolve();
    },
  };
}

/** Commits one partition a request, as many at once as the pool takes, for so long. @returns commits per second */
export async function commitRate(bootstrap: string, partitions: number, seconds: number): Promise<number> {
  await using pool = await openPool(bootstrap);
  const [first] = pool.pipes;
  if (first === undefined) throw new Error('a pool has connections');
  for (let group = 0; group < COMMIT_GROUPS; group += 1) await coordinatorReady(first, `commits-${group}`);
  let done = 0;
  const until = performance.now() + seconds * 1000;
  const worker = async (pipe: Pipeline, number: number): Promise<void> => {
    for (let round = 0; performance.now() < until; round += 1) {
      const place = number + round * 7;
      const one = { partitionIndex: place % partitions, committedOffset: round, committedMetadata: '' };
      const topics = [{ name: TOPIC, partitions: [one] }];
      const request = {
        groupId: `commits-${place % COMMIT_GROUPS}`,
        memberId: '',
        generationIdOrMemberEpoch: -1,
        topics,
      };
      const answer = await pipe.call(ApiKey.OffsetCommit, request, OFFSET_COMMIT_BY_NAME);
      expectNone('commit', answer.topics[0]?.partitions[0]?.errorCode ?? 0);
      done += 1;
    }
  };
  const from = performance.now();
  const workers = pool.pipes.flatMap((pipe, index) =>
    Array.from({ length: IN_FLIGHT_EACH }, (_, number) => worker(pipe, index * IN_FLIGHT_EACH + number)),
  );
  await Promise.all(workers);
  return done / ((performance.now() - from) / 1000);
}

const optionsOf = (groupId: string, members: number, pipes: readonly Pipeline[]) => ({
  groupId,
  members,
  pipes,
  topics: [TOPIC],
  sessionTimeoutMs: SESSION_TIMEOUT_MS,
});

/** Runs the work for every number below `count`, so many at a time. */
async function forEach<T>(count: number, atOnce: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  return results;
}

const AT_ONCE = 64;

export type Beating = { readonly beat: (index: number) => Promise<unknown> };

/** Groups of one member each, all of them joined. */
export async function singles(pool: Pool, count: number, protocol: 'classic' | 'consumer'): Promise<Beating> {
  const pipeOf = (index: number): Pipeline => pool.pipes[index % pool.pipes.length] ?? fail();
  if (protocol === 'classic') {
    const groups = await forEach(count, AT_ONCE, (index) =>
      formGroup(optionsOf(`classic-${index}`, 1, [pipeOf(index)])),
    );
    return { beat: async (index) => beat(groups[index] ?? fail()) };
  }
  await coordinatorReady(pipeOf(0), 'any');
  const members = await forEach(count, AT_ONCE, async (index) => {
    const member = new RawConsumer(pipeOf(index), `consumer-${index}`, [TOPIC]);
    await reconcile([member]);
    return member;
  });
  return { beat: async (index) => (members[index] ?? fail()).beat() };
}

function fail(): never {
  throw new Error('there is one for every number');
}

/** Every member beats once in each interval, evenly spread, for so long. @returns beats per second that were answered */
export async function keepBeating(
  beating: Beating,
  count: number,
  intervalMs: number,
  seconds: number,
): Promise<number> {
  const from = performance.now();
  const until = from + seconds * 1000;
  const pending = new Set<Promise<unknown>>();
  let done = 0;
  for (let sent = 0; performance.now() < until;) {
    const due = Math.floor(((performance.now() - from) / intervalMs) * count);
    for (; sent < due; sent += 1) {
      const one: Promise<unknown> = beating.beat(sent % count).then(() => {
        done += 1;
        pending.delete(one);
      });
      pending.add(one);
    }
    await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
  }
  await Promise.all(pending);
  return done / ((performance.now() - from) / 1000);
}

const SLICE_MS = 5;

/** A member comes to a stable classic group. @returns milliseconds from when all have joined until all have their assignment */
export async function classicRebalance(pool: Pool, size: number, run: number): Promise<number> {
  const options = optionsOf(`rebalance-${run}`, size - 1, pool.pipes);
  const group = await formGroup(options);
  const comer = await newMember(options, size - 1);
  const first = join(options, comer);
  while ((await beat(group))[0] !== ErrorCode.REBALANCE_IN_PROGRESS); // the coordinator has it
  const from = performance.now();
  const others = group.members.map((member) => join(options, member));
  await sync(options, [comer, ...group.members], await Promise.all([first, ...others]));
  return performance.now() - from;
}

export type Reconciled = { readonly ms: number; readonly rounds: number };

/** A member comes to a stable consumer group; everyone beats as fast as it is answered. @returns until everyone owns what it is to own */
export async function consumerRebalance(pool: Pool, size: number, run: number): Promise<Reconciled> {
  const [pipe = fail()] = pool.pipes;
  const pipeOf = (index: number): Pipeline => pool.pipes[index % pool.pipes.length] ?? fail();
  const members = Array.from(
    { length: size },
    (_, index) => new RawConsumer(pipeOf(index), `reconcile-${run}`, [TOPIC]),
  );
  const [last = fail(), ...others] = members;
  await coordinatorReady(pipe, `reconcile-${run}`);
  await reconcile(others);
  await last.beat();
  const from = performance.now();
  const rounds = await reconcile(members);
  const owned = members.reduce((sum, { partitionCount }) => sum + partitionCount, 0);
  if (members.some(({ partitionCount }) => partitionCount === 0))
    throw new Error(`${owned} partitions, not everyone has one`);
  return { ms: performance.now() - from, rounds };
}

/** So many groups with an offset for every partition of the topic. */
export async function fillOffsets(pool: Pool, groups: number, partitions: number): Promise<void> {
  await forEach(groups, AT_ONCE, async (index) => {
    const pipe = pool.pipes[index % pool.pipes.length] ?? fail();
    const group: RawGroup = { groupId: `load-${index}`, pipe, generationId: -1, members: [] };
    await coordinatorReady(pipe, group.groupId);
    for (let at = 0; at < partitions; at += FILL_AT_ONCE) {
      const offsets = Array.from({ length: Math.min(FILL_AT_ONCE, partitions - at) }, (_, number) => ({
        topic: TOPIC,
        partition: at + number,
        offset: index + at,
        metadata: '',
      }));
      await commit(group, { memberId: '', pipe }, offsets);
    }
  });
}

const FILL_AT_ONCE = 500;
