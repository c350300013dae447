/**
 * A group shard on a bench: ops go in, answers and records come out, time moves when told. What is written counts as committed at once
 * unless `holdCommits` says otherwise. `member()` is a client that remembers its id and generation, as a real one does.
 */
import { assert } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { GroupConfig } from '../group/core/config.ts';
import type {
  DescribedConsumerGroup,
  GroupEvent,
  GroupKinds,
  GroupOp,
  GroupOpKind,
  GroupOpOf,
  GroupRecord,
  GroupReply,
} from '../group/core/kinds.ts';
import { GroupMachine } from '../group/core/machine.ts';
import { decodeRecord } from '../group/core/records.ts';
import { Shard } from '../runtime/core/shard.ts';
import type { KeyValue } from '../runtime/ports.ts';
import { BenchClassic } from './bench-classic.ts';
import type { ClassicOptions } from './bench-classic.ts';
import { BenchConsumer } from './bench-consumer.ts';
import type { ConsumerOptions } from './bench-consumer.ts';
import { BenchMember } from './bench-member.ts';
import type { MemberOptions } from './bench-member.ts';
import { BenchTopics } from './bench-topics.ts';

export { BenchMember, stabilize, subscription } from './bench-member.ts';
export type { MemberOptions } from './bench-member.ts';

export const benchConfig: GroupConfig = {
  groupMaxSize: 1_000,
  initialRebalanceDelayMs: 0,
  sessionTimeoutMinMs: 6_000,
  sessionTimeoutMaxMs: 1_800_000,
  offsetMetadataMax: 4_096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  recordBytesMax: 1_000_000,
  consumer: {
    enabled: true,
    assignors: ['uniform', 'range'],
    maxSize: 1_000,
    migrationPolicy: 'bidirectional',
    regexRefreshMs: 600_000,
    ofGroup: () => ({ sessionTimeoutMs: 45_000, heartbeatIntervalMs: 5_000, assignmentIntervalMs: 0 }),
  },
};

const BATCH_BYTES_MAX = 1_000_000;
/** Timers that may be due at one time; in a node more than that would hold its event loop for ever. */
const INSTANT_FIRES_MAX = 100_000;

/** One op that was submitted, and its answer as soon as there is one. */
export class Ask<K extends GroupOpKind> {
  readonly #outcome: () => Outcome<unknown> | undefined;

  constructor(outcome: () => Outcome<unknown> | undefined) {
    this.#outcome = outcome;
  }

  get answered(): boolean {
    return this.#outcome() !== undefined;
  }

  get outcome(): Outcome<GroupReply<K>> {
    const outcome = this.#outcome();
    assert(outcome !== undefined, 'the op has been answered');
    return outcome as Outcome<GroupReply<K>>;
  }

  get value(): GroupReply<K> {
    const { outcome } = this;
    assert(outcome.ok, 'the op was not refused', outcome);
    return outcome.value;
  }

  /** Code of the whole: of the refusal, of a join's answer, or NONE. */
  get code(): number {
    const { outcome } = this;
    if (!outcome.ok) return outcome.code;
    const value: unknown = outcome.value;
    return typeof value === 'object' && value !== null && 'code' in value ? Number(value.code) : ErrorCode.NONE;
  }
}

export class GroupBench {
  readonly config: GroupConfig;
  readonly topics: BenchTopics;
  nowMs: number;
  readonly #shard: Shard<GroupKinds>;
  readonly #answers = new Map<number, Outcome<unknown>>();
  #nextId = 1;
  #nextMemberId = 1;
  #holding = false;
  readonly committed: KeyValue[] = [];
  #seen = 0;
  readonly #taken = new Set<number>();
  readonly events: GroupEvent[] = [];
  /** Ops that were answered more than once would trip the bench; these wait still. */
  readonly waiting = new Set<number>();

  constructor(
    config: Partial<GroupConfig> = {},
    from?: {
      readonly log: readonly KeyValue[];
      readonly topics: BenchTopics;
      readonly nowMs: number;
      readonly nextMemberId: number;
    },
  ) {
    this.topics = from?.topics ?? new BenchTopics();
    this.config = { ...benchConfig, ...config };
    this.nowMs = from?.nowMs ?? 1_000_000;
    this.#nextMemberId = from?.nextMemberId ?? 1;
    this.#shard = new Shard(new GroupMachine(() => this.config, this.topics));
    for (const record of from?.log ?? []) {
      assert(this.#shard.replay(record), 'the machine reads its own records');
      this.committed.push(record);
    }
    this.#seen = this.committed.length;
    this.#shard.loaded(this.#now());
    this.#settle();
  }

  /** A new shard that has loaded what this one committed (or that log), at the same time. */
  reloaded(config: Partial<GroupConfig> = {}, log: readonly KeyValue[] = this.committed): GroupBench {
    return new GroupBench(
      { ...this.config, ...config },
      {
        log,
        topics: this.topics,
        nowMs: this.nowMs,
        nextMemberId: this.#nextMemberId,
      },
    );
  }

  submit<K extends GroupOpKind>(op: GroupOpOf<K>): Ask<K> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.waiting.add(id);
    this.#shard.submit(id, op as GroupOp, this.#now());
    this.#settle();
    return new Ask<K>(() => this.#answers.get(id));
  }

  /** Moves time on, firing each timer at its own time. */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs;
    let instantFires = 0;
    for (
      let nextMs = this.#shard.nextTimerMs();
      nextMs !== undefined && nextMs <= endMs;
      nextMs = this.#shard.nextTimerMs()
    ) {
      instantFires = nextMs > this.nowMs ? 0 : instantFires + 1;
      assert(instantFires < INSTANT_FIRES_MAX, 'timers do not set each other anew without time passing', { nextMs });
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (!this.#shard.fire(this.#now()) && this.#shard.nextTimerMs() === nextMs) break;
      this.#settle();
    }
    this.nowMs = endMs;
  }

  /** One timer that is due, as if the event loop had come to it. @returns whether there was one */
  fireOne(): boolean {
    const fired = this.#shard.fire(this.#now());
    this.#settle();
    return fired;
  }

  holdCommits(): void {
    this.#holding = true;
  }

  releaseCommits(): void {
    this.#holding = false;
    this.#settle();
  }

  /** Records committed since the last call. */
  written(): GroupRecord[] {
    const records = this.committed.slice(this.#seen).map((raw) => {
      const record = decodeRecord(raw);
      assert(record !== undefined, 'the bench reads its own records');
      return record;
    });
    this.#seen = this.committed.length;
    return records;
  }

  member(groupId = 'g', options: MemberOptions = {}): BenchMember {
    return new BenchMember(this, groupId, options);
  }

  consumer(groupId = 'g', options: ConsumerOptions = {}): BenchConsumer {
    return new BenchConsumer(this, groupId, options);
  }

  classic(groupId = 'g', options: ClassicOptions = {}): BenchClassic {
    return new BenchClassic(this, groupId, options);
  }

  /** Events of a kind that were not taken yet. */
  takeEvents<K extends GroupEvent['kind']>(kind: K): Extract<GroupEvent, { readonly kind: K }>[] {
    const taken = this.events.filter(
      (event, at): event is Extract<GroupEvent, { readonly kind: K }> => event.kind === kind && !this.#taken.has(at),
    );
    this.events.forEach((event, at) => event.kind === kind && this.#taken.add(at));
    return taken;
  }

  describeConsumer(groupId = 'g'): DescribedConsumerGroup {
    return this.submit<'consumerDescribe'>({ kind: 'consumerDescribe', groupId }).value;
  }

  newMemberId(name: string): string {
    const id = `${name}-${this.#nextMemberId}`;
    this.#nextMemberId += 1;
    return id;
  }

  describe(groupId = 'g'): Ask<'describe'> {
    return this.submit({ kind: 'describe', groupId });
  }

  /** State of a group as ListGroups tells it; 'Dead' when it does not exist. */
  stateOf(groupId = 'g'): string {
    const listed = this.submit<'list'>({ kind: 'list', states: [], types: [] }).value;
    return listed.find((group) => group.groupId === groupId)?.state ?? 'Dead';
  }

  timers(): number {
    return this.#shard.timerCount;
  }

  #now(): { wallMs: number; monotonicMs: number } {
    return { wallMs: this.nowMs, monotonicMs: this.nowMs };
  }

  #settle(): void {
    while (this.#shard.hasPending && !this.#holding) {
      const batch = this.#shard.takeBatch(BATCH_BYTES_MAX);
      this.committed.push(...batch);
      this.#shard.committed(batch.length);
    }
    const { replies, events } = this.#shard.drain();
    for (const { id, outcome } of replies) {
      assert(this.waiting.delete(id), 'an op is answered once', { id });
      this.#answers.set(id, outcome);
    }
    this.events.push(...events);
  }
}
