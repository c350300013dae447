/**
 * An admin client of one node: creates topics and changes them without a pause, each change with a mark of its own, and keeps what it was
 * told. It tells apart what was refused for sure, and what may have happened although its answer was lost.
 */
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { TopicRecord, type Change, type Found } from './ledger.ts';

const PACE_MS = 5;
const AGAIN_MS = 10;
const REQUEST_TIMEOUT_MS = 5_000;
const FIRST_PARTITIONS = 2;
/** Every so many acknowledged changes it reads its own write back, through the same node. */
const READ_EVERY = 3;
/** As DescribeConfigs numbers resources. */
export const TOPIC = 2;
export const MARKS = 'leader.replication.throttled.replicas';
export const COUNTED = 'retention.ms';
const COUNT_FROM = 100_000_000;

export type Acknowledged = { readonly sentMs: number; readonly ackedMs: number };

type Told = { readonly kind: 'done'; readonly id?: string } | { readonly kind: 'lost' | 'refused' | 'unsent' };

export class AdminClient {
  readonly nodeId: number;
  readonly topics: TopicRecord[] = [];
  readonly acknowledged: Acknowledged[] = [];
  readonly violations: string[] = [];
  readonly counts = { acknowledged: 0, lost: 0, refused: 0, unsent: 0, readBack: 0 };
  readonly #bootstrap: string;
  #wire: Wire | undefined;
  #isStopped = false;
  #counter = 0;
  #running: Promise<void> | undefined;

  constructor(nodeId: number, bootstrap: string) {
    this.nodeId = nodeId;
    this.#bootstrap = bootstrap;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the change that is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#wire?.close();
  }

  /** The first change that was sent at or after `fromMs` and acknowledged. */
  firstAfter(fromMs: number): Acknowledged | undefined {
    const at = this.acknowledged.findLastIndex(({ sentMs }) => sentMs < fromMs);
    return this.acknowledged[at + 1];
  }

  async #run(): Promise<void> {
    for (let life = 0; !this.#isStopped; life += 1) {
      const topic = new TopicRecord(`chaos-${this.nodeId}-${life}`);
      this.topics.push(topic);
      for (const change of this.#life(life)) {
        if (!(await this.#make(topic, change)) || this.#isStopped) break;
      }
    }
  }

  /** What a topic goes through; every fourth is deleted, and must stay so. */
  *#life(life: number): Generator<Change> {
    const counted = (): number => (this.#counter += 1);
    const set = (): Change => ({ kind: 'set', retentionMs: COUNT_FROM + counted() });
    const append = (): Change => ({ kind: 'append', mark: `${counted()}:${this.nodeId}` });
    yield { kind: 'create', partitions: FIRST_PARTITIONS, retentionMs: COUNT_FROM + counted() };
    for (let turn = 0; turn < 4; turn += 1) {
      yield append();
      yield set();
      yield append();
      if (turn % 2 === 1) yield { kind: 'grow' };
    }
    if (life % 4 === 3) yield { kind: 'delete' };
  }

  /** Makes one change, again as long as it certainly did not happen. @returns false when nobody knows whether it did */
  async #make(topic: TopicRecord, change: Change): Promise<boolean> {
    while (!this.#isStopped) {
      const sentMs = performance.now();
      const told = await this.#tell(topic, change);
      switch (told.kind) {
        case 'done':
          this.counts.acknowledged += 1;
          this.acknowledged.push({ sentMs, ackedMs: performance.now() });
          topic.acknowledged(change);
          topic.id ??= told.id;
          if (this.counts.acknowledged % READ_EVERY === 0) await this.#readBack(topic);
          await pause(PACE_MS);
          return true;
        case 'lost':
          this.counts.lost += 1;
          topic.lost(change);
          return false;
        case 'refused':
        case 'unsent':
          this.counts[told.kind] += 1;
          await pause(AGAIN_MS);
          break;
        default:
          throw new Error(`no such answer: ${JSON.stringify(told satisfies never)}`);
      }
    }
    return true;
  }

  async #tell(topic: TopicRecord, change: Change): Promise<Told> {
    let wire: Wire;
    try {
      wire = this.#wire ??= await Wire.open(this.#bootstrap);
    } catch {
      return { kind: 'unsent' };
    }
    try {
      return this.#read(topic, change, await send(wire, topic, change));
    } catch {
      // The node died, or says nothing: what it did with the request is unknown.
      this.#hangUp();
      return { kind: 'lost' };
    }
  }

  #read(topic: TopicRecord, change: Change, answer: Answer): Told {
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        return { kind: 'done', ...(answer.id === undefined ? {} : { id: answer.id }) };
      case ErrorCode.REQUEST_TIMED_OUT:
        return { kind: 'lost' };
      case ErrorCode.NOT_CONTROLLER:
        return { kind: 'refused' };
      default: {
        const why = `${errorName(answer.errorCode)}: ${answer.errorMessage ?? ''}`;
        this.violations.push(
          `node ${this.nodeId}, ${change.kind} of ${topic.name}, a change that must be taken: ${why}`,
        );
        return { kind: 'lost' };
      }
    }
  }

  async #readBack(topic: TopicRecord): Promise<void> {
    try {
      if (this.#wire === undefined) return;
      const [found] = await readTopics(this.#wire, [topic.name]);
      this.counts.readBack += 1;
      const wrong = topic.judge(found?.state, found?.id);
      if (wrong !== undefined) this.violations.push(`node ${this.nodeId}, right after its acknowledgement: ${wrong}`);
    } catch {
      this.#hangUp(); // the node died: nothing was read
    }
  }

  #hangUp(): void {
    this.#wire?.close();
    this.#wire = undefined;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Answer = { readonly errorCode: number; readonly errorMessage: string | null; readonly id?: string };

const SET = 0;
const APPEND = 2;

async function send(wire: Wire, { name, certain }: TopicRecord, change: Change): Promise<Answer> {
  const timeoutMs = REQUEST_TIMEOUT_MS;
  switch (change.kind) {
    case 'create': {
      const configs = [{ name: COUNTED, value: String(change.retentionMs) }];
      const topic = { name, numPartitions: change.partitions, replicationFactor: 1, assignments: [], configs };
      const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [topic], timeoutMs, validateOnly: false });
      const [first] = topics;
      return { ...only(topics), ...(first === undefined ? {} : { id: first.topicId }) };
    }
    case 'grow': {
      const topics = [{ name, count: (certain?.partitions ?? 0) + 1, assignments: null }];
      return only((await wire.call(ApiKey.CreatePartitions, { topics, timeoutMs, validateOnly: false })).results);
    }
    case 'delete':
      return only((await wire.call(ApiKey.DeleteTopics, { topicNames: [name], timeoutMs }, 5)).responses);
    case 'set':
      return alter(wire, name, { name: COUNTED, configOperation: SET, value: String(change.retentionMs) });
    case 'append':
      return alter(wire, name, { name: MARKS, configOperation: APPEND, value: change.mark });
    default:
      throw new Error(`no such change: ${JSON.stringify(change satisfies never)}`);
  }
}

async function alter(
  wire: Wire,
  topic: string,
  config: { readonly name: string; readonly configOperation: number; readonly value: string },
): Promise<Answer> {
  const resources = [{ resourceType: TOPIC, resourceName: topic, configs: [config] }];
  return only((await wire.call(ApiKey.IncrementalAlterConfigs, { resources, validateOnly: false })).responses);
}

function only(answers: readonly Answer[]): Answer {
  const [answer] = answers;
  if (answer === undefined) throw new Error('the answer says nothing of what was asked');
  return answer;
}

export type TopicFound = { readonly name: string; readonly id: string; readonly state: Found };

/** What a node knows of these topics, those that are not there left out. */
export async function readTopics(wire: Wire, names: readonly string[]): Promise<TopicFound[]> {
  const request = { topics: names.map((name) => ({ name })), allowAutoTopicCreation: false };
  const { topics } = await wire.call(ApiKey.Metadata, request);
  const present = topics.filter(({ errorCode }) => errorCode === ErrorCode.NONE);
  const resources = present.map(({ name }) => ({
    resourceType: TOPIC,
    resourceName: name ?? '',
    configurationKeys: [COUNTED, MARKS],
  }));
  const { results } = await wire.call(ApiKey.DescribeConfigs, { resources, includeSynonyms: false });
  return present.map(({ name, topicId, partitions }, index) => {
    const configs = results[index]?.configs ?? [];
    const value = (key: string): string => configs.find((config) => config.name === key)?.value ?? '';
    const marks = value(MARKS) === '' ? [] : value(MARKS).split(',');
    const state = { partitions: partitions.length, retentionMs: Number(value(COUNTED)), marks };
    return { name: name ?? '', id: topicId, state };
  });
}
