/**
 * Clients of the cluster's administration: each asks any broker for changes that leave marks of their own, remembers what it was told, and looks
 * at once whether the broker that told it shows what it said.
 */
import type { Outcome, Prng } from '@odradek/base';
import type { ReplicaKey } from '@odradek/controller/raft';
import { NO_LEADER } from '@odradek/metadata';
import type { AdminReply, AdminRequest, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import type { SimBroker } from './broker.ts';
import { MARK_CONFIG, markOf } from './claims/changes.ts';
import type { Claims } from './claims/claims.ts';
import { endpointsOf } from '../nodes/machine-config.ts';

/** A topic as its one writer knows it. `unclear`: what became of the last change is not known, so nothing more is asked of it. */
type Topic = { readonly name: string; id: string; partitionCount: number; state: 'free' | 'busy' | 'unclear' };

export type WorkloadOptions = {
  readonly random: Prng;
  readonly unregisterPerMille: number;
  readonly claims: Claims;
  /** Brokers that serve. */
  readonly brokers: () => readonly SimBroker[];
  readonly acknowledged: () => void;
  readonly trace: (line: string) => void;
};

type Asked = { readonly broker: SimBroker; readonly what: string; readonly marks: readonly string[] };
type Item = { readonly code: number; readonly why: string };

const TOPICS_MAX = 40;
const PARTITIONS_MAX = 8;
const ASK_TIMEOUT_MS = 5_000;
const MARK_VALUE_MIN = 1_000_000;
const SET = 0;
const PREFERRED = 0;

/** Nothing is known of it: it may have happened, or may yet. */
const UNCLEAR = new Set<number>([ErrorCode.REQUEST_TIMED_OUT]);

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #topics = new Map<string, Topic>();
  #count = 0;
  /** Asked of processes that live, and not answered. */
  readonly pending = new Map<number, Asked>();
  askedCount = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** Somebody asks for something. */
  ask(): void {
    const { random, unregisterPerMille } = this.#options;
    const brokers = this.#options.brokers();
    const broker = brokers[random.below(Math.max(1, brokers.length))];
    if (broker === undefined) return;
    if (random.chance(unregisterPerMille, 1_000)) return this.#unregister(broker);
    const create = (): void => {
      if (this.#topics.size < TOPICS_MAX) this.#createTopic(broker);
    };
    const acts: (() => void)[] = [
      create,
      create,
      () => this.#setMark(broker),
      () => this.#setMark(broker),
      () => this.#addPartitions(broker),
      () => this.#takeProducerIds(broker),
      () => this.#deleteTopic(broker),
      () => this.#growIsr(broker),
      () => this.#growIsr(broker),
      () => this.#reassign(broker),
      () => this.#elect(broker),
    ];
    acts[random.below(acts.length)]?.();
  }

  /** One change of a healed cluster, asked for again until it is taken. @returns whether it was, as far as it has come */
  prove(broker: SimBroker): () => boolean {
    const { changes } = this.#options.claims;
    let mark = this.#createTopic(broker);
    return () => {
      if (changes.isAcknowledged(mark)) return true;
      const isAsking = [...this.pending.values()].some(({ marks }) => marks.includes(mark));
      if (!isAsking) mark = this.#createTopic(broker);
      return false;
    };
  }

  #createTopic(broker: SimBroker): string {
    const { random } = this.#options;
    const name = `topic-${(this.#count += 1)}`;
    const numPartitions = 1 + random.below(3);
    const alive = [...broker.image.cluster.brokers()].filter(({ fenced }) => !fenced).length;
    const topic: Topic = { name, id: '', partitionCount: numPartitions, state: 'busy' };
    this.#topics.set(name, topic);
    const replicationFactor = 1 + random.below(Math.max(1, alive));
    const asked = { name, numPartitions, replicationFactor, assignments: [], configs: [] };
    const mark = markOf.topic(name);
    const request = { topics: [asked], timeoutMs: ASK_TIMEOUT_MS, validateOnly: false };
    this.#change(
      { broker, what: `create ${name}`, marks: [mark] },
      topic,
      { kind: 'createTopics', request },
      (reply) => {
        const { errorCode = -1, errorMessage } = reply.topics[0] ?? {};
        if (errorCode !== ErrorCode.NONE) this.#topics.delete(name);
        topic.id = broker.image.topics.byName(name)?.id ?? topic.id;
        this.#once(errorCode, ErrorCode.TOPIC_ALREADY_EXISTS, name);
        if (errorCode === ErrorCode.NONE) this.#reads(broker, `create ${name}`, topic.id !== '');
        return { code: errorCode, why: errorMessage ?? '' };
      },
    );
    return mark;
  }

  #deleteTopic(broker: SimBroker): void {
    const topic = this.#free(broker);
    if (topic === undefined) return;
    const { name, id } = topic;
    const request = { topics: [{ name: null, topicId: id }], topicNames: [], timeoutMs: ASK_TIMEOUT_MS };
    const marks = [markOf.removed(id)];
    this.#change({ broker, what: `delete ${name}`, marks }, topic, { kind: 'deleteTopics', request }, (reply) => {
      const { errorCode = -1, errorMessage } = reply.responses[0] ?? {};
      this.#once(errorCode, ErrorCode.UNKNOWN_TOPIC_ID, name);
      if (errorCode === ErrorCode.NONE) {
        this.#topics.delete(name);
        this.#reads(broker, `delete ${name}`, broker.image.topics.byId(id) === undefined);
      }
      return { code: errorCode, why: errorMessage ?? '' };
    });
  }

  #addPartitions(broker: SimBroker): void {
    const topic = this.#free(broker);
    if (topic === undefined || topic.partitionCount >= PARTITIONS_MAX) return;
    const { name, id } = topic;
    const count = topic.partitionCount + 1;
    const request = { topics: [{ name, count, assignments: null }], timeoutMs: ASK_TIMEOUT_MS, validateOnly: false };
    const marks = [markOf.partition(id, count - 1)];
    this.#change({ broker, what: `grow ${name}`, marks }, topic, { kind: 'createPartitions', request }, (reply) => {
      const { errorCode = -1, errorMessage } = reply.results[0] ?? {};
      this.#once(errorCode, ErrorCode.INVALID_PARTITIONS, name);
      if (errorCode === ErrorCode.NONE) {
        topic.partitionCount = count;
        this.#reads(broker, `grow ${name}`, broker.image.topics.byId(id)?.partitions.length === count);
      }
      return { code: errorCode, why: errorMessage ?? '' };
    });
  }

  #setMark(broker: SimBroker): void {
    const topic = this.#free(broker);
    if (topic === undefined) return;
    const { name } = topic;
    const value = String(MARK_VALUE_MIN + (this.#count += 1));
    const configs = [{ name: MARK_CONFIG, configOperation: SET, value }];
    const resources = [{ resourceType: ConfigResourceType.TOPIC, resourceName: name, configs }];
    const request = { resources, validateOnly: false };
    const what = `mark ${name} with ${value}`;
    const marks = [markOf.config(name, value)];
    this.#change({ broker, what, marks }, topic, { kind: 'incrementalAlterConfigs', request }, (reply) => {
      const { errorCode = -1, errorMessage } = reply.responses[0] ?? {};
      const found = broker.image.configs.of(ConfigResourceType.TOPIC, name).get(MARK_CONFIG);
      if (errorCode === ErrorCode.NONE) this.#reads(broker, what, found === value);
      return { code: errorCode, why: errorMessage ?? '' };
    });
  }

  #takeProducerIds(broker: SimBroker): void {
    const { brokerId, brokerEpoch } = broker;
    const asked: Asked = { broker, what: 'producer ids', marks: [] };
    void this.#submit(asked, { kind: 'allocateProducerIds', request: { brokerId, brokerEpoch } }).then((outcome) => {
      if (!outcome.ok || outcome.value.errorCode !== ErrorCode.NONE) return;
      const { producerIdStart: start, producerIdLen } = outcome.value;
      this.#options.claims.changes.block({ start, end: start + producerIdLen, brokerId });
      this.#options.acknowledged();
    });
  }

  /** As the leader of a partition does when followers have caught up. */
  #growIsr(broker: SimBroker): void {
    const { brokerId, brokerEpoch, image } = broker;
    const led = partitionsOf(image).filter(
      ({ partition }) => partition.leader === brokerId && partition.isr.length < partition.replicas.length,
    );
    const found = led[this.#options.random.below(Math.max(1, led.length))];
    if (found === undefined) return;
    const { topic, partition } = found;
    const newIsrWithEpochs = partition.replicas.flatMap((id) => {
      const replica = image.cluster.broker(id);
      const mayJoin = partition.isr.includes(id) || replica?.fenced === false;
      return replica !== undefined && mayJoin ? [{ brokerId: id, brokerEpoch: replica.epoch }] : [];
    });
    const { leaderEpoch, partitionEpoch, leaderRecoveryState } = partition;
    const asked = {
      partitionIndex: partition.partition,
      leaderEpoch,
      newIsr: [],
      newIsrWithEpochs,
      leaderRecoveryState,
      partitionEpoch,
    };
    const request = { brokerId, brokerEpoch, topics: [{ topicId: topic.id, partitions: [asked] }] };
    void this.#submit({ broker, what: 'grow an ISR', marks: [] }, { kind: 'alterPartition', request });
  }

  #reassign(broker: SimBroker): void {
    const { random } = this.#options;
    const { image } = broker;
    const all = partitionsOf(image);
    const found = all[random.below(Math.max(1, all.length))];
    const ids = [...image.cluster.brokers()].filter(({ fenced }) => !fenced).map(({ id }) => id);
    if (found === undefined || ids.length === 0) return;
    const first = random.below(ids.length);
    const rotated = [...ids.slice(first), ...ids.slice(0, first)];
    const isCancel = found.partition.addingReplicas.length > 0 && random.chance(1, 2);
    const replicas = isCancel ? null : rotated.slice(0, 1 + random.below(ids.length));
    const partitions = [{ partitionIndex: found.partition.partition, replicas }];
    const topics = [{ name: found.topic.name, partitions }];
    const request = { timeoutMs: ASK_TIMEOUT_MS, allowReplicationFactorChange: true, topics };
    void this.#submit({ broker, what: 'reassign', marks: [] }, { kind: 'alterPartitionReassignments', request });
  }

  /** An operator adds or removes a voter. */
  changeVoter({ id, directoryId }: ReplicaKey, where: 'in' | 'out'): void {
    const broker = this.#options.brokers()[0];
    if (broker === undefined) return;
    const key = { clusterId: null, voterId: id, voterDirectoryId: directoryId };
    const listeners = endpointsOf(id).map(({ name, host, port }) => ({ name, host, port }));
    const asked: Asked = { broker, what: `voter ${id} ${where}`, marks: [] };
    const timeoutMs = ASK_TIMEOUT_MS;
    const answer =
      where === 'in'
        ? this.#submit(asked, {
            kind: 'addRaftVoter',
            request: { ...key, timeoutMs, listeners, ackWhenCommitted: true },
          })
        : this.#submit(asked, { kind: 'removeRaftVoter', request: key });
    void answer.then((outcome) => {
      const isDone = outcome.ok && outcome.value.errorCode === ErrorCode.NONE;
      if (isDone) this.#options.claims.changes.voterChanged({ id, directoryId, where });
      else this.#options.trace(`${asked.what}: ${outcome.ok ? outcome.value.errorMessage : outcome.why}`);
    });
  }

  /** A broker that lives registers again by itself. */
  #unregister(broker: SimBroker): void {
    const ids = Array.from(broker.image.cluster.brokers(), ({ id }) => id);
    const brokerId = ids[this.#options.random.below(Math.max(1, ids.length))];
    if (brokerId === undefined) return;
    const asked: Asked = { broker, what: `unregister ${brokerId}`, marks: [] };
    void this.#submit(asked, { kind: 'unregisterBroker', request: { brokerId } });
  }

  #elect(broker: SimBroker): void {
    const request = { electionType: PREFERRED, topicPartitions: null, timeoutMs: ASK_TIMEOUT_MS };
    void this.#submit({ broker, what: 'elect leaders', marks: [] }, { kind: 'electLeaders', request });
  }

  #change<R extends AdminRequest>(asked: Asked, topic: Topic, request: R, judge: (reply: AdminReply<R>) => Item): void {
    const { changes } = this.#options.claims;
    topic.state = 'busy';
    for (const mark of asked.marks) changes.asked(mark);
    void this.#submit(asked, request).then((outcome) => {
      const { code, why } = outcome.ok ? judge(outcome.value) : outcome;
      const said = `broker ${asked.broker.brokerId}: ${code} ${why}`;
      if (code !== ErrorCode.NONE) this.#options.trace(`${asked.what}: ${said}`);
      topic.state = UNCLEAR.has(code) ? 'unclear' : 'free';
      for (const mark of asked.marks)
        if (code === ErrorCode.NONE) changes.acknowledged(mark, said);
        else if (!UNCLEAR.has(code)) changes.refused(mark, said);
      if (code === ErrorCode.NONE) this.#options.acknowledged();
    });
  }

  async #submit<R extends AdminRequest>(asked: Asked, request: R): Promise<Outcome<AdminReply<R>>> {
    const { trace } = this.#options;
    const id = (this.askedCount += 1);
    const who = `client ${id} of broker ${asked.broker.brokerId}`;
    trace(`${who}: ${asked.what}`);
    this.pending.set(id, asked);
    const outcome = await asked.broker.admin(request, 'User:client');
    this.pending.delete(id);
    trace(`${who}: ${asked.what}: ${outcome.ok ? 'answered' : `${outcome.code} ${outcome.why}`}`);
    return outcome;
  }

  /** Whoever asked a process that is gone will not be told. */
  gone(broker: SimBroker): void {
    for (const [id, asked] of this.pending) if (asked.broker === broker) this.pending.delete(id);
  }

  /** The error that says that a change, asked for once, had happened before. */
  #once(code: number, telling: number, name: string): void {
    const { judge } = this.#options.claims;
    judge.holds(
      code !== telling,
      'nothing is applied twice',
      () => `one request for ${name} was answered with ${code}`,
    );
  }

  #reads(broker: SimBroker, what: string, isThere: boolean): void {
    const { judge } = this.#options.claims;
    const { brokerId, image } = broker;
    judge.holds(isThere, 'read your own writes', () => {
      return `${what} was acknowledged by broker ${brokerId}, whose image at ${image.endOffset} does not show it`;
    });
  }

  /** A topic that nobody changes now and that this broker knows. */
  #free(broker: SimBroker): Topic | undefined {
    const free = [...this.#topics.values()].filter(
      ({ state, id }) => state === 'free' && broker.image.topics.byId(id) !== undefined,
    );
    return free[this.#options.random.below(Math.max(1, free.length))];
  }
}

function partitionsOf(image: MetadataImage): { readonly topic: TopicImage; readonly partition: PartitionImage }[] {
  const all: { readonly topic: TopicImage; readonly partition: PartitionImage }[] = [];
  for (const topic of image.topics.all())
    for (const partition of topic.partitions) if (partition.leader !== NO_LEADER) all.push({ topic, partition });
  return all;
}
