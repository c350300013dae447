/**
 * Groups of real clients under load: members come and go while the writer goes on, and in the end every record must have been done once.
 */
import { ApiKey } from '@odradek/protocol';
import { describeGroup, type Group } from '@odradek/testkit';
import { judge, placeOf, type Span, type Verdict } from './coverage.ts';
import type { MemberProcess, Members } from './members.ts';
import { eventually, freshName } from './target.ts';
import { createTopic, Wire } from './wire.ts';
import { Writer } from './writer.ts';

const SETTLE_WITHIN_MS = 60_000;
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
