/**
 * Scenarios of the group APIs as data, and the run of one against any Kafka: what it answers, without what differs from run to run.
 * `record.ts` runs them against Apache Kafka and writes the answers down, `replay.test.ts` runs them against ours and compares.
 *
 * Names: `<group>` (and `<group.x>` for further groups) is a group id of this run alone; a step that is `as: 'a'` makes `<a>` the member id
 * of its answer. They stand in requests and, the other way round, in what is written down.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { UUID_ZERO } from '@odradek/base';
import { apiByKey, decodeResponse, encodeRequest, errorName, holdsVersion } from '@odradek/protocol';
import type { ApiKey, Field, Fields, RequestInput } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';

/** Where ours answers otherwise by choice: why, and what it says, by path in the answer (`members.0.errorCode`). */
export type Chosen = {
  readonly because: string;
  readonly answers: Readonly<Record<string, Json>>;
  /** A list of the answer in which ours tells once what Kafka tells as often as it is asked for. */
  readonly once?: string;
};
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

type Options = {
  /** Names the member id of the answer, and the answer itself for {@link answered}. */
  readonly as?: string;
  readonly ours?: Chosen;
};
/** A step that only leads up to what a scenario is about: what it must answer is fixed here, and not written down. */
type Quiet = { readonly quiet?: true };
type Asked = { readonly on: string; readonly key: ApiKey; readonly version: number; readonly body: object } & Options;
export type Step =
  /** Asks and takes the answer. */
  | ({ readonly kind: 'call' } & Asked & Quiet)
  /** Asks; the answer is taken by a later `answered`. */
  | ({ readonly kind: 'send' } & Asked & { readonly as: string })
  | ({ readonly kind: 'answered'; readonly of: string; readonly ours?: Chosen } & Quiet)
  /** Asks again and again until the answer says `is` at `path`: for what comes with time, and to put two connections in order. */
  | ({ readonly kind: 'until'; readonly path: string; readonly is: Json } & Asked)
  | { readonly kind: 'close'; readonly on: string };

export type Scenario = { readonly name: string; readonly steps: readonly Step[] };

/** `on` is a connection by name, which is also the client id. */
export function call<K extends ApiKey>(
  on: string,
  [key, version]: readonly [K, number],
  body: RequestInput<K>,
  options: Options = {},
): Step {
  return { kind: 'call', on, key, version, body, ...options };
}

export function send<K extends ApiKey>(
  on: string,
  [key, version]: readonly [K, number],
  body: RequestInput<K>,
  as: string,
): Step {
  return { kind: 'send', on, key, version, body, as };
}

export function answered(of: string, ours?: Chosen): Step {
  return { kind: 'answered', of, ...(ours === undefined ? {} : { ours }) };
}

export function until<K extends ApiKey>(
  [key, version]: readonly [K, number],
  body: RequestInput<K>,
  [path, is]: readonly [string, Json],
): Step {
  return { kind: 'until', on: 'watcher', key, version, body, path, is };
}

/** The same steps, of which only failures are told. */
export function quietly(...steps: readonly Step[]): Step[] {
  return steps.map((step) => (step.kind === 'call' || step.kind === 'answered' ? { ...step, quiet: true } : step));
}

/** Topics that every run finds, and their partitions. */
export const topics: Readonly<Record<string, number>> = { 'diff-orders': 3, 'diff-payments': 1, 'diff-pair': 2 };

/** Configuration that the scenarios count on: short waits, small groups. Apache Kafka is recorded with the same. */
export const config = {
  'auto.create.topics.enable': 'false',
  'offsets.topic.num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  'group.max.size': '4',
  'group.min.session.timeout.ms': '500',
  'group.consumer.max.size': '4',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.min.heartbeat.interval.ms': '300',
  'group.consumer.assignment.interval.ms': '0',
} as const;

/** What was asked, in a few words, and what was answered. */
export type Told = { readonly step: string; readonly answer: Json };

const UNTIL_MS = 60_000;
const POLL_MS = 20;
const NAME = /<([a-z][\w.-]*)>/g;
/** Ids that a coordinator draws in Kafka's own form. */
const SHORT_UUID = /^[\w-]{22}$/;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/**
 * Runs a scenario on connections of its own.
 * @param runId what its groups are called; a name that no earlier run has used when left out
 * @returns an answer for every step that takes one
 */
export async function play(
  bootstrap: string,
  scenario: Scenario,
  topicIds: ReadonlyMap<string, string>,
  runId: string = randomUUID(),
): Promise<Told[]> {
  const run = new Run(bootstrap, topicIds, runId);
  try {
    return await run.play(scenario);
  } finally {
    run.close();
  }
}

/** One run against one broker, step by step. */
export class Run {
  readonly #bootstrap: string;
  readonly #names: Names;
  readonly #wires = new Map<string, Wire>();
  readonly #sent = new Map<string, { readonly asked: Asked; readonly frame: Promise<Buffer> }>();
  #correlationId = 0;

  constructor(bootstrap: string, topicIds: ReadonlyMap<string, string>, runId: string) {
    this.#bootstrap = bootstrap;
    this.#names = new Names(runId);
    for (const [topic, id] of topicIds) this.#names.set(topic, id);
  }

  async play({ name, steps }: Scenario): Promise<Told[]> {
    const told: Told[] = [];
    for (const [index, step] of steps.entries()) {
      try {
        const answer = await this.take(step);
        if (answer !== undefined && isTold(step)) told.push({ step: titleOf(step), answer });
      } catch (error) {
        throw new Error(`${name}, step ${index + 1} (${titleOf(step)}): ${String(error)}`, { cause: error });
      }
    }
    return told;
  }

  /** Whether what was sent as `name` is answered within that time. */
  async isAnswered(name: string, withinMs: number): Promise<boolean> {
    const waiting = this.#sent.get(name);
    if (waiting === undefined) throw new Error(`nothing was sent as ${name}`);
    const answered = waiting.frame.then(() => true);
    return Promise.race([answered, new Promise<boolean>((resolve) => setTimeout(resolve, withinMs, false))]);
  }

  close(): void {
    for (const wire of this.#wires.values()) wire.close();
  }

  /** @returns the answer, of a step that takes one */
  async take(step: Step): Promise<Json | undefined> {
    switch (step.kind) {
      case 'close':
        this.#wires.get(step.on)?.close();
        this.#wires.delete(step.on);
        return undefined;
      case 'send': {
        const frame = (await this.#send(step)).frame();
        // Whoever asks for the answer hears of the fault; a scenario may also end without it.
        frame.catch(() => undefined);
        this.#sent.set(step.as, { asked: step, frame });
        return undefined;
      }
      case 'answered': {
        const waiting = this.#sent.get(step.of);
        if (waiting === undefined) throw new Error(`nothing was sent as ${step.of}`);
        return asExpected(step, this.#read(waiting.asked, await waiting.frame));
      }
      case 'call':
        return asExpected(step, await this.#call(step));
      case 'until':
        return this.#until(step);
    }
  }

  async #until(step: Step & { readonly kind: 'until' }): Promise<Json> {
    const deadline = performance.now() + UNTIL_MS;
    for (;;) {
      const answer = await this.#call(step);
      if (JSON.stringify(valueAt(answer, step.path)) === JSON.stringify(step.is)) return answer;
      if (performance.now() > deadline)
        throw new Error(`${step.path} did not become ${JSON.stringify(step.is)}: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #call(asked: Asked): Promise<Json> {
    const wire = await this.#send(asked);
    return this.#read(asked, await wire.frame());
  }

  /** @returns the connection on which the answer will come */
  async #send({ on, key, version, body }: Asked): Promise<Wire> {
    const wire = this.#wires.get(on) ?? (await Wire.open(this.#bootstrap));
    this.#wires.set(on, wire);
    this.#correlationId += 1;
    const head = { correlationId: this.#correlationId, clientId: on };
    wire.send(Buffer.concat(encodeRequest(key, version, head, this.#names.filledIn(body) as RequestInput<ApiKey>)));
    return wire;
  }

  #read({ key, version, as }: Asked, frame: Buffer): Json {
    const decoded = decodeResponse(key, version, frame);
    if (!decoded.ok) throw new Error(`the answer cannot be read: ${decoded.why}`);
    const answer = decoded.value.body as Readonly<Record<string, unknown>>;
    const { memberId } = answer;
    if (as !== undefined && typeof memberId === 'string' && memberId !== '') this.#names.set(as, memberId);
    return plain(answer, { fields: apiByKey(key).response.fields, version, names: this.#names });
  }
}

function isTold(step: Step): boolean {
  return (step.kind === 'call' || step.kind === 'answered') && step.quiet !== true;
}

/** What leads up to a scenario succeeds: member ids are given out, all else is without an error. */
function asExpected(step: Step & Quiet, answer: Json): Json {
  if (step.quiet !== true) return answer;
  const code = valueAt(answer, 'errorCode') ?? 'NONE';
  if (code !== 'NONE' && code !== 'MEMBER_ID_REQUIRED') throw new Error(`it answers ${JSON.stringify(answer)}`);
  return answer;
}

/** What names stand for in one run, both ways. */
class Names {
  readonly #run: string;
  readonly #values = new Map<string, string>();
  readonly #names = new Map<string, string>();

  constructor(runId: string) {
    this.#run = runId;
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
    if (!this.#names.has(value)) this.#names.set(value, `<${name}>`);
  }

  /** Whether a group is one of this run's. */
  isOurs(groupId: string): boolean {
    return groupId.startsWith(this.#run);
  }

  /** A request with names as a request with values. */
  filledIn(value: unknown): unknown {
    if (typeof value === 'string') return value.replaceAll(NAME, (_all, name: string) => this.#valueOf(name));
    if (Array.isArray(value)) return value.map((each) => this.filledIn(each));
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.filledIn(each)]));
  }

  /** A text of an answer without what is of this run only. */
  nameOf(text: string): string {
    return this.#names.get(text) ?? text.replaceAll(UUID, '<uuid>').replace(SHORT_UUID, '<uuid>');
  }

  #valueOf(name: string): string {
    if (/^group(\.|$)/.test(name) && !this.#values.has(name))
      this.set(name, `${this.#run}${name.slice('group'.length)}`);
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`nothing is called <${name}> yet`);
    return value;
  }
}

type Reading = { readonly fields: Fields; readonly version: number; readonly names: Names };

/** An answer with the fields of its version, codes by name, in an order that does not depend on the broker's tables. */
function plain(value: Readonly<Record<string, unknown>>, reading: Reading): Json {
  const { fields, version } = reading;
  const kept = Object.entries(fields).filter(
    ([name, field]) => holdsVersion(field.versions, version) && !PASSING.has(name),
  );
  return Object.fromEntries(kept.map(([name, field]) => [name, plainField(value[name], { ...reading, name, field })]));
}

/** What says nothing of groups. */
const PASSING: ReadonlySet<string> = new Set(['throttleTimeMs']);
/** Where the broker is; -1 and '' say that there is none. */
const PLACES: ReadonlySet<string> = new Set(['nodeId', 'host', 'port']);

function plainField(value: unknown, reading: Reading & { readonly name: string; readonly field: Field }): Json {
  const { name, field, names } = reading;
  if (value === null || value === undefined) return null;
  if (Array.isArray(value))
    return inOrder(value.filter((each) => isOurs(each, names)).map((each) => element(each, reading)));
  if (field.fields !== undefined) return plain(value as Record<string, unknown>, { ...reading, fields: field.fields });
  if (name === 'errorCode') return errorName(Number(value));
  if (name === 'errorMessage') return value === '' || value === 'NONE' ? value : '<text>';
  if (PLACES.has(name)) return value === -1 || value === '' ? value : '<broker>';
  if (Buffer.isBuffer(value)) return textOf(value);
  if (typeof value === 'string') return value === UUID_ZERO ? '<no id>' : names.nameOf(value);
  return value as Json;
}

function element(value: unknown, reading: Reading & { readonly name: string; readonly field: Field }): Json {
  const { element: kind } = reading.field;
  if (typeof kind === 'object') return plain(value as Record<string, unknown>, { ...reading, fields: kind });
  return typeof value === 'string' ? reading.names.nameOf(value) : (value as Json);
}

/** Groups of other runs are listed too. */
function isOurs(value: unknown, names: Names): boolean {
  if (typeof value !== 'object' || value === null || !('groupState' in value) || !('groupType' in value)) return true;
  return 'groupId' in value && names.isOurs(String(value.groupId));
}

function inOrder(values: readonly Json[]): Json {
  const text = (value: Json): string => JSON.stringify(value);
  return values.toSorted((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : text(a) < text(b) ? -1 : Number(text(a) > text(b)),
  );
}

const PRINTABLE = /^[\x20-\x7e]*$/;

function textOf(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  return PRINTABLE.test(text) ? text : `0x${bytes.toString('hex')}`;
}

function valueAt(answer: Json, path: string): unknown {
  let value: unknown = answer;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = part === 'length' && Array.isArray(value) ? value.length : (value as Record<string, unknown>)[part];
  }
  return value;
}

/** What ours is to answer where Kafka answers `answer`. */
export function withChosen(answer: Json, chosen: Chosen | undefined): Json {
  if (chosen === undefined) return answer;
  const changed = structuredClone(answer) as Record<string, unknown>;
  for (const [path, value] of Object.entries(chosen.answers)) {
    const parts = path.split('.');
    const last = parts.pop() ?? '';
    const holder = parts.length === 0 ? changed : valueAt(changed as Json, parts.join('.'));
    if (typeof holder !== 'object' || holder === null) throw new Error(`the answer has no ${path}`);
    (holder as Record<string, unknown>)[last] = value;
  }
  if (chosen.once !== undefined) {
    const told = changed[chosen.once];
    if (!Array.isArray(told)) throw new Error(`the answer has no list ${chosen.once}`);
    changed[chosen.once] = told.filter((one, at) => told.findIndex((other) => isDeepStrictEqual(other, one)) === at);
  }
  return changed as Json;
}

/** The choices of ours, in the order of the answers. */
export function chosenIn({ steps }: Scenario): (Chosen | undefined)[] {
  return steps.flatMap((step) => {
    return isTold(step) && 'ours' in step ? [step.ours] : isTold(step) ? [undefined] : [];
  });
}

function titleOf(step: Step): string {
  if (step.kind === 'close') return `${step.on} closes its connection`;
  if (step.kind === 'answered') return `answer to ${step.of}`;
  const { name } = apiByKey(step.key);
  return `${step.on}: ${name} ${step.version}${step.kind === 'until' ? ` until ${step.path} is ${JSON.stringify(step.is)}` : ''}`;
}
