/**
 * What consumer groups cost in the core: `node --expose-gc packages/coordinator/bench/consumer-groups.ts`. One group that all its members join,
 * with the target and the way of every member to it; then heartbeats that change nothing; then 10,000 groups of one member. CPU times, since
 * wall time is no measure on a machine that others use.
 */
import { GroupMachine } from '../src/group/core/machine.ts';
import type {
  ConsumerHeartbeatOp,
  ConsumerHeartbeatReply,
  GroupKinds,
  GroupOpOf,
  TopicPartitions,
} from '../src/group/core/kinds.ts';
import { Shard } from '../src/runtime/core/shard.ts';
import { BenchTopics } from '../src/testing/bench-topics.ts';
import { benchConfig } from '../src/testing/group-bench.ts';

const HEARTBEATS = 200_000;
const GROUPS = 10_000;
const BATCH_BYTES = 1_000_000;
const INTERVAL_MS = 1_000;
const TARGETS = 20;

const settings = { sessionTimeoutMs: 45_000, heartbeatIntervalMs: 5_000, assignmentIntervalMs: INTERVAL_MS };
const config = { ...benchConfig, consumer: { ...benchConfig.consumer, maxSize: 100_000, ofGroup: () => settings } };

class Bench {
  readonly topics = new BenchTopics();
  readonly #shard = new Shard(new GroupMachine(() => config, this.topics));
  #nowMs = 1_000_000;
  #id = 0;

  constructor() {
    this.#shard.loaded(this.#now());
  }

  heartbeat(op: ConsumerHeartbeatOp): ConsumerHeartbeatReply {
    this.#id += 1;
    const asked: GroupOpOf<'consumerHeartbeat'> = { kind: 'consumerHeartbeat', ...op };
    this.#shard.submit(this.#id, asked, this.#now());
    const { replies } = this.#commit();
    const outcome = replies[0]?.outcome;
    if (outcome?.ok !== true) throw new Error(outcome?.why ?? 'no answer');
    return outcome.value as ConsumerHeartbeatReply;
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    while (this.#shard.fire(this.#now())) this.#commit();
  }

  #commit(): ReturnType<Shard<GroupKinds>['drain']> {
    while (this.#shard.hasPending) this.#shard.committed(this.#shard.takeBatch(BATCH_BYTES).length);
    return this.#shard.drain();
  }

  #now(): { wallMs: number; monotonicMs: number } {
    return { wallMs: this.#nowMs, monotonicMs: this.#nowMs };
  }
}

function beat(
  groupId: string,
  memberId: string,
  memberEpoch: number,
  owned: TopicPartitions | null,
): ConsumerHeartbeatOp {
  return {
    groupId,
    memberId,
    newMemberId: '',
    memberEpoch,
    groupInstanceId: null,
    rackId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: owned,
    requiresMemberId: true,
  };
}

function joinOf(groupId: string, memberId: string, topics: readonly string[]): ConsumerHeartbeatOp {
  return { ...beat(groupId, memberId, 0, []), rebalanceTimeoutMs: 60_000, subscribedTopicNames: topics };
}

function cpuMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function oneGroup(members: number, topicCount: number, partitions: number): void {
  const bench = new Bench();
  const topics = Array.from({ length: topicCount }, (_, at) => `topic-${at}`);
  for (const topic of topics) bench.topics.set(topic, partitions);
  const known = Array.from({ length: members }, (_, at) => ({
    id: `member-${at}`,
    epoch: 0,
    owned: [] as TopicPartitions,
  }));
  const joinMs = cpuMs(() => {
    for (const member of known) {
      const reply = bench.heartbeat(joinOf('g', member.id, topics));
      member.epoch = reply.memberEpoch;
      member.owned = reply.assignment ?? [];
    }
  });
  const targetMs = cpuMs(() => bench.pass(INTERVAL_MS));
  let longestMs = 0;
  const reconcileMs = cpuMs(() => {
    for (let changes = 1; changes > 0;) {
      changes = 0;
      for (const member of known) {
        let reply: ConsumerHeartbeatReply | undefined;
        const tookMs = cpuMs(() => (reply = bench.heartbeat(beat('g', member.id, member.epoch, member.owned))));
        longestMs = Math.max(longestMs, tookMs);
        if (reply === undefined || (reply.memberEpoch === member.epoch && reply.assignment === null)) continue;
        changes += 1;
        member.epoch = reply.memberEpoch;
        member.owned = reply.assignment ?? member.owned;
      }
    }
  });
  const beatMs = cpuMs(() => {
    for (let sent = 0; sent < HEARTBEATS; sent += 1) {
      const member = known[sent % members];
      if (member !== undefined) bench.heartbeat(beat('g', member.id, member.epoch, null));
    }
  });
  console.log(
    `${members} members, ${topicCount} x ${partitions}: joins ${joinMs.toFixed(1)} ms, target ${targetMs.toFixed(1)} ms, ` +
      `reconciliation ${reconcileMs.toFixed(1)} ms (longest heartbeat ${longestMs.toFixed(1)} ms), ` +
      `heartbeat ${((beatMs * 1_000) / HEARTBEATS).toFixed(1)} us`,
  );
}

type TargetShape = {
  readonly topics: number;
  readonly partitions: number;
  readonly assignor: string;
  readonly mixed: boolean;
};

/** How long one turn of the event loop takes that makes a target and its records: the first of the process, then one member more each time. */
function targets(members: number, { topics: count, partitions, assignor, mixed }: TargetShape): void {
  const bench = new Bench();
  const topics = Array.from({ length: count }, (_, at) => `topic-${at}`);
  for (const topic of topics) bench.topics.set(topic, partitions);
  const join = (at: number): void => {
    const names = mixed ? topics.filter((_, topic) => (topic + at) % 4 !== 0) : topics;
    bench.heartbeat({ ...joinOf('g', `member-${at}`, names), serverAssignor: assignor });
  };
  for (let at = 0; at < members; at += 1) join(at);
  const took = [threadMs(() => bench.pass(INTERVAL_MS))];
  for (let more = 0; more < TARGETS; more += 1) {
    join(members + more);
    took.push(threadMs(() => bench.pass(INTERVAL_MS)));
  }
  const [first = 0, ...others] = took;
  const sorted = others.toSorted((a, b) => a - b);
  const figures = [first, sorted[TARGETS >> 1] ?? 0, sorted.at(-1) ?? 0].map((ms) => ms.toFixed(1).padStart(5));
  const what = `${assignor} ${members} members, ${count} x ${partitions}${mixed ? ' mixed' : ''}`.padEnd(40);
  console.log(`target: ${what} first ${figures[0]} ms, median ${figures[1]} ms, longest ${figures[2]} ms`);
}

/** CPU of this thread alone: what holds the event loop, whoever else uses the machine. */
function threadMs(run: () => void): number {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

function manyGroups(): void {
  const bench = new Bench();
  bench.topics.set('topic', 3);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const ids = Array.from({ length: GROUPS }, (_, at) => `group-${at}`);
  const epochs = new Map<string, number>();
  const joinMs = cpuMs(() => {
    for (const id of ids) epochs.set(id, bench.heartbeat(joinOf(id, 'member', ['topic'])).memberEpoch);
  });
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / GROUPS;
  const beatMs = cpuMs(() => {
    for (let sent = 0; sent < HEARTBEATS; sent += 1) {
      const id = ids[sent % GROUPS] ?? '';
      bench.heartbeat(beat(id, 'member', epochs.get(id) ?? 0, null));
    }
  });
  console.log(
    `${GROUPS} groups of one: made in ${joinMs.toFixed(0)} ms, ${(bytes / 1_024).toFixed(1)} KiB each, ` +
      `heartbeat ${((beatMs * 1_000) / HEARTBEATS).toFixed(1)} us`,
  );
}

oneGroup(100, 1, 1_000);
oneGroup(100, 1, 1_000);
oneGroup(100, 20, 50);
oneGroup(1_000, 10, 1_000);
for (const shape of [
  { topics: 10, partitions: 1_000, assignor: 'uniform', mixed: false },
  { topics: 100, partitions: 100, assignor: 'uniform', mixed: true },
  { topics: 10, partitions: 1_000, assignor: 'range', mixed: false },
  { topics: 100, partitions: 100, assignor: 'range', mixed: true },
])
  targets(1_000, shape);
manyGroups();
