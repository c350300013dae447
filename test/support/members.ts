/**
 * Groups of real clients under load. Members are told to start and stop, and tell every span of records that they have worked on and
 * committed; the writer goes on all the while, and in the end every record must have been done once.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ApiKey, buildBatch, ErrorCode, errorName } from '@odradek/protocol';
import { describeGroup, type Group } from '@odradek/testkit';
import { judge, placeOf, type Span, type Verdict } from './coverage.ts';
import { eventually, freshName } from './target.ts';
import { createTopic, Wire } from './wire.ts';

export type MemberSpec = {
  readonly name: string;
  readonly group: string;
  /** A topic, or a regular expression that begins with `^`. */
  readonly subscription: string;
  /** In the client's own words. */
  readonly settings: Readonly<Record<string, string>>;
};

/** Runs members of one kind of client. */
export interface Members {
  readonly spans: readonly Span[];
  start(spec: MemberSpec): Promise<void>;
  /** Lets a member finish what it does and leave. @throws when it fails */
  stop(name: string): Promise<void>;
  /** Members that ended with an error. */
  readonly failures: readonly string[];
}

const STOP_WITHIN_MS = 20_000;
const SETTLE_WITHIN_MS = 30_000;
const NOTES_MAX = 2_000;

/**
 * Members in a process of another language. Lines in: `start NAME GROUP SUBSCRIPTION key=value…`, `stop NAME`; the end of the input ends all.
 * Lines out: `ready`; `taking NAME TOPIC PARTITION FROM TO START_MS` before a commit and `span` with the same, END_MS and OUTCOME after it;
 * `stopped NAME`; `failed NAME REASON`; others are notes.
 */
export class MemberProcess implements Members, AsyncDisposable {
  readonly spans: Span[] = [];
  readonly failures: string[] = [];
  readonly #child: ChildProcess;
  readonly #stopped = new Set<string>();
  /** Commits that were begun and not told of yet, by place. */
  readonly #taken = new Map<string, Span>();
  readonly #ended: Promise<void>;
  #ready = false;
  /** The last of what else the members said: `assigned NAME COUNT`, `revoked NAME COUNT`, `lost NAME COUNT`, and complaints. */
  notes: readonly string[] = [];

  private constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
    this.#child.once('error', (error) => void this.failures.push(String(error)));
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line));
  }

  static async open(command: readonly string[]): Promise<MemberProcess> {
    const process = new MemberProcess(command);
    await eventually(`${command[0]} is ready`, () => process.#ready || process.failures.length > 0, 60_000);
    return process;
  }

  async start({ name, group, subscription, settings }: MemberSpec): Promise<void> {
    const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    this.#child.stdin?.write(`${['start', name, group, subscription, ...pairs].join(' ')}\n`);
    return Promise.resolve();
  }

  async stop(name: string): Promise<void> {
    this.#child.stdin?.write(`stop ${name}\n`);
    const failure = (): string | undefined => this.failures.find((line) => line.split(' ')[1] === name);
    await eventually(`${name} stops`, () => this.#stopped.has(name) || failure() !== undefined, STOP_WITHIN_MS);
    const notes = this.notes.filter((note) => note.includes(name));
    if (failure() !== undefined) throw new Error([failure(), ...notes].join('\n'));
  }

  /** SIGKILL. A commit that was under way has come to the group or not: `committed` tells. */
  async kill(committed: () => Promise<ReadonlyMap<string, number>>): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    const offsets = await committed();
    for (const [place, span] of this.#taken)
      this.spans.push({ ...span, outcome: offsets.get(place) === span.to ? 'ok' : 'killed' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#ended;
    clearTimeout(late);
  }

  #take(line: string): void {
    const [what, name = '', ...rest] = line.split(' ');
    if (what === 'ready') this.#ready = true;
    else if (what === 'stopped') this.#stopped.add(name);
    else if (what === 'failed') this.failures.push(line);
    else if (what === 'taking') this.#begun(spanOf(name, [...rest, rest.at(-1) ?? '']));
    else if (what === 'span') this.#done(spanOf(name, rest));
    else this.notes = [...this.notes.slice(-NOTES_MAX), line];
  }

  #begun(span: Span): void {
    this.#taken.set(placeOf(span), span);
  }

  #done(span: Span): void {
    this.#taken.delete(placeOf(span));
    this.spans.push(span);
  }
}

function spanOf(member: string, words: readonly string[]): Span {
  const [topic = '', partition, from, to, startMs, endMs, outcome = ''] = words;
  const numbers = { partition: Number(partition), from: Number(from), to: Number(to) };
  return { member, topic, ...numbers, startMs: Number(startMs), endMs: Number(endMs), outcome };
}

/** Members inside this process: a client's adaptor takes them on and tells spans. */
export class OwnMembers implements Members {
  readonly spans: Span[] = [];
  readonly failures: string[] = [];
  readonly #open: (spec: MemberSpec, tell: (span: Omit<Span, 'member'>) => void) => Promise<() => Promise<void>>;
  readonly #closers = new Map<string, () => Promise<void>>();

  /** @param open starts a member and resolves to what stops it */
  constructor(open: (spec: MemberSpec, tell: (span: Omit<Span, 'member'>) => void) => Promise<() => Promise<void>>) {
    this.#open = open;
  }

  async start(spec: MemberSpec): Promise<void> {
    const close = await this.#open(spec, (span) => void this.spans.push({ member: spec.name, ...span }));
    this.#closers.set(spec.name, close);
  }

  async stop(name: string): Promise<void> {
    await this.#closers.get(name)?.();
    this.#closers.delete(name);
  }
}

/** Writes to every partition of its topics, a few records at a time, until it is stopped. */
export class Writer {
  readonly ends = new Map<string, number>();
  readonly #wire: Wire;
  readonly #topics: Map<string, number>;
  #stopping = false;
  #done: Promise<void> = Promise.resolve();

  private constructor(wire: Wire, topics: ReadonlyMap<string, number>) {
    this.#wire = wire;
    this.#topics = new Map(topics);
  }

  /** @param topics partitions by name */
  static async begin(bootstrap: string, topics: ReadonlyMap<string, number>): Promise<Writer> {
    const writer = new Writer(await Wire.open(bootstrap), topics);
    writer.#done = writer.#run();
    return writer;
  }

  /** Goes on with another topic too. */
  add(topic: string, partitions: number): void {
    this.#topics.set(topic, partitions);
  }

  /** @returns how many records each partition has */
  async stop(): Promise<ReadonlyMap<string, number>> {
    this.#stopping = true;
    await this.#done;
    this.#wire.close();
    return this.ends;
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#stopping; round += 1) {
      for (const [topic, count] of this.#topics) await this.#write(topic, count, round);
      await new Promise((resolve) => setTimeout(resolve, WRITE_PAUSE_MS));
    }
  }

  async #write(topic: string, count: number, round: number): Promise<void> {
    // Not the same number everywhere, so that an offset of the wrong partition is seen.
    const countOf = (index: number): number => 1 + ((round + index) % 3);
    const partitionData = Array.from({ length: count }, (_, index) => {
      const value = Buffer.from(`${topic} ${index} ${round}`);
      const values = Array.from({ length: countOf(index) }, () => ({ timestampMs: Date.now(), value }));
      return { index, records: buildBatch({}, values) };
    });
    const request = { acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData }] };
    const { responses } = await this.#wire.call(ApiKey.Produce, request, 12);
    for (const { index, errorCode } of responses[0]?.partitionResponses ?? []) {
      const place = placeOf({ topic, partition: index });
      if (errorCode === ErrorCode.NONE) this.ends.set(place, (this.ends.get(place) ?? 0) + countOf(index));
      else if (!notYet.has(errorCode)) throw new Error(`${place} takes no records: ${errorName(errorCode)}`);
    }
  }
}

/** A topic that is new: nothing was written, and the next round tries again. */
const notYet = new Set<number>([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER]);
const WRITE_PAUSE_MS = 30;
/** The last version that names topics instead of their ids. */
const OFFSET_FETCH_BY_NAME = 9;
export const PARTITIONS = 6;

/** A topic, a group, the members that come and go in it, and the load. */
export class Scenario implements AsyncDisposable {
  readonly group: string;
  readonly topic: string;
  readonly #members: readonly Members[];
  readonly #wire: Wire;
  readonly #writer: Writer;
  readonly #running = new Map<string, Members>();

  private constructor(parts: {
    group: string;
    topic: string;
    members: readonly Members[];
    wire: Wire;
    writer: Writer;
  }) {
    this.group = parts.group;
    this.topic = parts.topic;
    this.#members = parts.members;
    this.#wire = parts.wire;
    this.#writer = parts.writer;
  }

  static async begin(bootstrap: string, what: string, ...members: Members[]): Promise<Scenario> {
    const wire = await Wire.open(bootstrap);
    const topic = freshName(what);
    await madeTopic(wire, topic, PARTITIONS);
    const writer = await Writer.begin(bootstrap, new Map([[topic, PARTITIONS]]));
    return new Scenario({ group: `${topic}-group`, topic, members, wire, writer });
  }

  async start(members: Members, name: string, settings: Readonly<Record<string, string>>, subscription = this.topic) {
    const unique = `${this.topic}-${name}`; // several scenarios share the process of a client
    this.#running.set(name, members);
    await members.start({ name: unique, group: this.group, subscription, settings });
  }

  async stop(...names: readonly string[]): Promise<void> {
    await Promise.all(names.map(async (name) => this.#running.get(name)?.stop(`${this.topic}-${name}`)));
    for (const name of names) this.#running.delete(name);
  }

  /** Another topic that is written to from now on. */
  async addTopic(suffix: string, partitions: number): Promise<string> {
    const topic = `${this.topic}-${suffix}`;
    await madeTopic(this.#wire, topic, partitions);
    this.#writer.add(topic, partitions);
    return topic;
  }

  /** Waits until the group is stable with so many members, of which each owns something and which own everything together. */
  async settled(members: number, partitions: number = PARTITIONS): Promise<Group> {
    let seen: Group | undefined;
    const holds = async (): Promise<boolean> => {
      seen = await describeGroup(this.#wire, this.group);
      const failed = this.#members.flatMap(({ failures }) => failures.filter((line) => line.includes(this.topic)));
      if (failed.length > 0) throw new Error(failed.join('\n'));
      if (seen === undefined || seen.state !== 'Stable' || seen.members.length !== members) return false;
      const owned = seen.members.map(({ assignment }) =>
        assignment.reduce((sum, { partitions: own }) => sum + own.length, 0),
      );
      return owned.reduce((sum, own) => sum + own, 0) === partitions && !owned.includes(0);
    };
    await eventually(`${this.group} settles with ${members} members`, holds, SETTLE_WITHIN_MS).catch((error: Error) => {
      throw new Error(`${error.message}; last seen: ${JSON.stringify(seen)}`);
    });
    if (seen === undefined) throw new Error('a group that holds was seen');
    return seen;
  }

  /** Waits until every one of them has done something that was written after now. */
  async works(...names: readonly string[]): Promise<void> {
    const fromMs = Date.now();
    for (const name of names) {
      const own = `${this.topic}-${name}`;
      const holds = (): boolean =>
        this.#spans().some(({ member, startMs, outcome }) => member === own && startMs > fromMs && outcome === 'ok');
      await eventually(`${own} works`, holds, SETTLE_WITHIN_MS);
    }
  }

  /** Ends the load, waits until all of it is done, and ends the members. */
  async finish(): Promise<Verdict> {
    const ends = await this.#writer.stop();
    const done = (place: string): number =>
      this.#spans().reduce(
        (most, span) => (placeOf(span) === place && span.outcome === 'ok' ? Math.max(most, span.to) : most),
        0,
      );
    const all = (): boolean => [...ends].every(([place, end]) => done(place) >= end);
    // What is missing is told by the verdict, record by record.
    await eventually('everything is done', all, SETTLE_WITHIN_MS).catch(() => undefined);
    await this.stop(...this.#running.keys());
    return judge(this.#spans(), ends, await this.#committed());
  }

  /** Kills the process of these members, which no other scenario may use. The group hears of it when their sessions are over. */
  async kill(process: MemberProcess): Promise<void> {
    await process.kill(() => this.#committed());
    for (const [name, members] of this.#running) if (members === process) this.#running.delete(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.stop();
    this.#wire.close();
    await this.stop(...this.#running.keys()).catch(() => undefined); // the test has failed for another reason
  }

  /** What the group has committed, by place. */
  async #committed(): Promise<ReadonlyMap<string, number>> {
    const groups = [{ groupId: this.group, topics: null }];
    const answer = await this.#wire.call(ApiKey.OffsetFetch, { groups }, OFFSET_FETCH_BY_NAME);
    const topics = answer.groups[0]?.topics ?? [];
    return new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions.map((own): [string, number] => [
          placeOf({ topic: name, partition: own.partitionIndex }),
          own.committedOffset,
        ]),
      ),
    );
  }

  #spans(): Span[] {
    return this.#members.flatMap(({ spans }) => spans).filter(({ topic }) => topic.startsWith(this.topic));
  }
}

/** Creates a topic and waits until clients can see it, which a Kafka of several processes takes a moment for. */
async function madeTopic(wire: Wire, name: string, partitions: number): Promise<void> {
  await createTopic(wire, name, {}, partitions);
  await eventually(`${name} has leaders`, async () => {
    const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name }], allowAutoTopicCreation: false });
    const led = topics[0]?.partitions.filter(({ leaderId }) => leaderId >= 0) ?? [];
    return led.length === partitions;
  });
}

/** From one member to five to two while records come in; members that go, go in order. */
export async function growAndShrink(
  scenario: Scenario,
  members: Members,
  settingsOf: (index: number) => Readonly<Record<string, string>>,
): Promise<Verdict> {
  const names = ['m0', 'm1', 'm2', 'm3', 'm4'];
  const start = (index: number): Promise<void> => scenario.start(members, `m${index}`, settingsOf(index));
  await start(0);
  await scenario.works('m0');
  await Promise.all([1, 2, 3, 4].map(start));
  await scenario.settled(5);
  await scenario.works(...names);
  await scenario.stop('m0', 'm2', 'm4');
  await scenario.settled(2);
  await scenario.works('m1', 'm3');
  return scenario.finish();
}

type Kind = { readonly members: Members; readonly settings: Readonly<Record<string, string>> };

/** Three members of one kind are replaced by three of another, one at a time, while records come in. */
export async function roll(
  scenario: Scenario,
  from: readonly string[],
  to: readonly string[],
  kind: Kind,
): Promise<void> {
  for (const [index, name] of from.entries()) {
    await scenario.stop(name);
    const next = to[index] ?? '';
    await scenario.start(kind.members, next, kind.settings);
    await scenario.settled(from.length);
    await scenario.works(next, ...from.slice(index + 1));
  }
}

/** From the classic protocol to the new one and back (KIP-848), member by member; nothing is lost, nothing done twice. */
export async function migrate(scenario: Scenario, classic: Kind, consumer: Kind): Promise<Verdict> {
  const [before, between, after] = ['before', 'between', 'after'].map((when) =>
    [0, 1, 2].map((index) => `${when}${index}`),
  );
  if (before === undefined || between === undefined || after === undefined) throw new Error('three sets of names');
  for (const name of before) await scenario.start(classic.members, name, classic.settings);
  expectType(await scenario.settled(3), 'classic');
  await scenario.works(...before);
  await roll(scenario, before, between, consumer);
  expectType(await scenario.settled(3), 'consumer');
  await roll(scenario, between, after, classic);
  expectType(await scenario.settled(3), 'classic');
  return scenario.finish();
}

function expectType({ groupId, type }: Group, wanted: string): void {
  if (type !== wanted) throw new Error(`${groupId} is of type ${type}, not ${wanted}`);
}
