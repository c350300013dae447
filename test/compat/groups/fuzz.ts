/**
 * `node test/compat/groups/fuzz.ts KAFKA OURS [SEED [COUNT]]`: random histories of a group, the same against both brokers at once, until an
 * answer differs. Both must be configured as `config` in `scenario.ts` says. A seed draws classic or consumer
 * members or both, and every request.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Prng } from '@odradek/base';
import { decodeAssignment, encodeAssignment } from '@odradek/protocol';
import { prepared } from './prepare.ts';
import { Run, answered, type Json, type Step } from './scenario.ts';
import {
  assigns,
  beat,
  bytes,
  commit,
  deleteOffsets,
  describe,
  describeConsumers,
  fetch,
  leave,
  list,
  offset,
  owns,
  sendJoin,
  sendSync,
  simpleCommit,
  subscription,
  tell,
  ORDERS,
  PAIR,
  PAYMENTS,
} from './words.ts';

const [kafka, ours, seedText = '1', countText = '100'] = process.argv.slice(2);
if (kafka === undefined || ours === undefined) throw new Error('usage: fuzz.ts KAFKA OURS [SEED [COUNT]]');

const REQUESTS = 40;
/** How long an answer may take before it counts as waiting, and before two brokers that disagree on that are believed. */
const QUIET_MS = 80;
const SURE_MS = 2_000;

const pick = <T>(luck: Prng, from: readonly T[]): T => {
  const picked = from[luck.below(from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
};

type Answer = Readonly<Record<string, Json>>;

/** Two brokers that are asked the same. */
class Pair {
  readonly #runs: readonly [Run, Run];
  readonly trace: string[] = [];
  readonly waiting = new Set<string>();

  constructor(runs: readonly [Run, Run]) {
    this.#runs = runs;
  }

  async both<T>(what: (run: Run) => Promise<T>): Promise<readonly [T, T]> {
    return Promise.all([what(this.#runs[0]), what(this.#runs[1])]);
  }

  /** @returns Kafka's answer. @throws Difference */
  async ask(step: Step): Promise<Answer> {
    const [theirs, mine] = await this.both((run) => run.take(step));
    this.#compare(step, theirs ?? null, mine ?? null);
    return (theirs ?? {}) as Answer;
  }

  /** Sends what may have to wait. */
  async send(step: Step & { readonly kind: 'send' }): Promise<void> {
    await this.both((run) => run.take(step));
    this.trace.push(`${step.as}: sent ${JSON.stringify(step.body)}`);
    this.waiting.add(step.as);
  }

  /** Takes the answers that have come. */
  async settle(): Promise<ReadonlyMap<string, Answer>> {
    const taken = new Map<string, Answer>();
    for (const name of this.waiting) {
      let come = await this.both((run) => run.isAnswered(name, QUIET_MS));
      if (come[0] !== come[1]) come = await this.both((run) => run.isAnswered(name, SURE_MS));
      if (come[0] !== come[1]) throw new Difference(`${name} is answered by ${come[0] ? 'Kafka' : 'us'} only`);
      if (!come[0]) continue;
      this.waiting.delete(name);
      taken.set(name, await this.ask(answered(name)));
    }
    return taken;
  }

  #compare(step: Step, theirs: Json, mine: Json): void {
    for (const code of JSON.stringify(theirs).match(/(?<="errorCode":")\w+/g) ?? [])
      codes.set(code, (codes.get(code) ?? 0) + 1);
    this.trace.push(`${JSON.stringify(step)}\n      ${JSON.stringify(theirs)}`);
    const [kafkas, own] = [inOrder(theirs), inOrder(mine)];
    if (isDeepStrictEqual(kafkas, own)) return;
    if (isDeepStrictEqual(withoutLeader(kafkas), withoutLeader(own))) throw new Undecided();
    throw new Difference(`Kafka: ${JSON.stringify(theirs)}\nours:  ${JSON.stringify(mine)}`);
  }
}

/** What was answered, so that one sees that the histories go somewhere. */
const codes = new Map<string, number>();

class Difference extends Error {}
/** When a leader goes, Kafka takes any other member, by the order of a hash table. */
class Undecided extends Error {}

/** The topics of an assignment that a coordinator has made come in the order of a hash table. */
function inOrder(answer: Json): Json {
  if (Array.isArray(answer)) return answer.map((each: Json) => inOrder(each));
  if (typeof answer !== 'object' || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]: [string, Json]) => [
      name,
      typeof value === 'string' && ASSIGNMENTS.has(name) ? topicsOf(value) : inOrder(value),
    ]),
  );
}

const ASSIGNMENTS: ReadonlySet<string> = new Set(['assignment', 'memberAssignment']);

function topicsOf(assignment: string): Json {
  const decoded = decodeAssignment(Buffer.from(assignment.slice(2), 'hex'));
  if (!decoded.ok) return assignment;
  return decoded.value.assignedPartitions.map(({ topic, partitions }) => `${topic} ${partitions.join(' ')}`).toSorted();
}

function withoutLeader(answer: Json): Json {
  if (typeof answer !== 'object' || answer === null || !('leader' in answer)) return answer;
  return { ...answer, leader: '', members: [] };
}

type Member = {
  readonly name: string;
  readonly instance: string | null;
  id: string;
  generation: number;
  leads: boolean;
};

const anyProtocol = {
  metadata: ['x', 'x', 'y'].map(bytes),
  /** One that all prefer: of two that as many prefer, Kafka takes one by the order of a hash table. */
  protocols: [['range'], ['range', 'other']],
  gives: (members: readonly Member[]) => assigns(...members.map(({ id }) => id.slice(1, -1))),
};
/** What can become a consumer group: each but the first gets nothing. */
const consumerProtocol = {
  metadata: [subscription(PAIR), subscription(ORDERS, PAIR)],
  protocols: [['range']],
  gives: (members: readonly Member[]) =>
    members.map(({ id }, at) => ({
      memberId: id,
      assignment: encodeAssignment(0, {
        assignedPartitions: at === 0 ? [{ topic: PAIR, partitions: [0, 1] }] : [],
        userData: null,
      }),
    })),
};

async function classicHistory(pair: Pair, luck: Prng): Promise<void> {
  const members: Member[] = ['a', 'b', 'c', 's'].map((name) => ({
    name,
    instance: name === 's' ? 'i-s' : null,
    id: '',
    generation: -1,
    leads: false,
  }));
  let count = 0;
  const busy = (name: string): boolean => [...pair.waiting].some((each) => each.startsWith(`${name}.`));
  for (let request = 0; request < REQUESTS; request += 1) {
    const member = pick(luck, members);
    count += 1;
    if (!busy(member.name))
      await classicRequest(pair, luck, { member, members, as: `${member.name}.${count}`, ...anyProtocol });
    else if (luck.below(4) === 0) await pair.ask(describe());
    for (const [name, answer] of await pair.settle()) takeIn(members, name, answer);
  }
  await pair.ask(describe());
  await pair.ask(fetch());
}

type Drawn = {
  readonly member: Member;
  readonly members: readonly Member[];
  readonly as: string;
  /** What members say, and what a leader gives. */
  readonly metadata: readonly Buffer[];
  readonly protocols: readonly (readonly string[])[];
  readonly gives: (members: readonly Member[]) => NonNullable<ReturnType<typeof assigns>>;
};

async function classicRequest(pair: Pair, luck: Prng, { member, members, as, ...drawn }: Drawn): Promise<void> {
  const { name, instance: groupInstanceId } = member;
  const memberId = member.id;
  const who = { memberId, groupInstanceId };
  const generation = luck.below(8) === 0 ? member.generation + pick(luck, [-1, 1]) : member.generation;
  switch (luck.below(10)) {
    case 0:
    case 1:
    case 2: {
      const metadata = pick(luck, drawn.metadata);
      const protocols = pick(luck, drawn.protocols).map((each) => ({
        name: each,
        metadata,
      }));
      const change = { ...who, protocols, memberId: groupInstanceId !== null && luck.below(3) === 0 ? '' : memberId };
      return pair.send(sendJoin(name, as, change) as Step & { kind: 'send' });
    }
    case 3:
    case 4: {
      const assignments = member.leads ? drawn.gives(members.filter(({ id }) => id !== '')) : [];
      return pair.send(sendSync(name, generation, as, { ...who, version: 3, assignments }) as Step & { kind: 'send' });
    }
    case 5:
    case 6:
      await pair.ask(beat(name, generation, who));
      return;
    case 7:
      await pair.ask(commit(name, generation, [offset(luck.below(2), luck.below(100))], who));
      return;
    case 8:
      if (luck.below(3) > 0 || member.generation === -1)
        await pair.ask(pick(luck, [describe(), fetch(), deleteOffsets(ORDERS, [0])]));
      else await pair.ask(leave(name, [{ memberId, groupInstanceId }]));
      return;
    default:
      await pair.ask(pick(luck, [describe(), simpleCommit([offset(2, luck.below(100))])]));
  }
}

/** What a member learns. */
function takeIn(members: readonly Member[], as: string, answer: Answer): void {
  const member = members.find(({ name }) => as.startsWith(`${name}.`));
  if (member === undefined || !('generationId' in answer)) return;
  const { errorCode, memberId, generationId, leader } = answer;
  if (errorCode === 'UNKNOWN_MEMBER_ID' || errorCode === 'FENCED_INSTANCE_ID') member.id = '';
  else if (typeof memberId === 'string' && memberId !== '') member.id = memberId;
  if (errorCode !== 'NONE') return;
  member.generation = Number(generationId);
  member.leads = leader === memberId;
}

type Consumer = {
  readonly name: string;
  readonly instance: string | null;
  epoch: number;
  /** As it was told last, by topic. */
  assigned: ReadonlyMap<string, readonly number[]>;
  /** What it owns: it gives up and takes when it likes. */
  owned: ReadonlyMap<string, readonly number[]>;
};

const LEFT = 0;

async function consumerHistory(pair: Pair, luck: Prng): Promise<void> {
  const members: Consumer[] = ['a', 'b', 'c', 's'].map((name) => ({
    name,
    instance: name === 's' ? 'i-s' : null,
    epoch: LEFT,
    assigned: new Map(),
    owned: new Map(),
  }));
  for (let request = 0; request < REQUESTS; request += 1) {
    const member = pick(luck, members);
    if (luck.below(6) === 0)
      await pair.ask(pick(luck, [describeConsumers(), fetch(), simpleCommit([offset(2, luck.below(100))])]));
    else if (member.epoch > 0 && luck.below(5) === 0) await consumerCommit(pair, luck, member);
    else await consumerBeat(pair, luck, member);
  }
  await pair.ask(describeConsumers());
  await pair.ask(fetch());
}

async function consumerCommit(pair: Pair, luck: Prng, { name, epoch, instance }: Consumer): Promise<void> {
  const at = luck.below(4) === 0 ? epoch + pick(luck, [-1, 1]) : epoch;
  const change = { memberId: `m-${name}`, topic: pick(luck, [ORDERS, PAIR]), groupInstanceId: instance };
  await pair.ask(commit(name, at, [offset(luck.below(2), luck.below(100))], change));
}

/** Nobody subscribes to nothing: Kafka gives such a member partitions all the same when the others subscribe alike. */
async function consumerBeat(pair: Pair, luck: Prng, member: Consumer): Promise<void> {
  const { name, instance: instanceId } = member;
  const subscribedTopicNames = pick(luck, [[ORDERS], [PAIR], [ORDERS, PAIR], [ORDERS, PAIR, PAYMENTS]]);
  const full = { instanceId, rebalanceTimeoutMs: 60_000, subscribedTopicNames, serverAssignor: 'range' };
  const chance = luck.below(20);
  let answer: Answer;
  if (member.epoch === LEFT || chance === 0) {
    member.owned = new Map();
    answer = await pair.ask(tell(name, 0, { ...full, topicPartitions: [] }));
  } else if (chance === 1) {
    answer = await pair.ask(tell(name, instanceId !== null && luck.below(2) === 0 ? -2 : -1, { instanceId }));
    member.epoch = LEFT;
    return;
  } else {
    if (chance < 12) member.owned = member.assigned;
    const topicPartitions = [...member.owned].flatMap(([topic, partitions]) => owns(topic, ...partitions) ?? []);
    const says = pick(luck, [{}, { topicPartitions }, { topicPartitions }, { ...full, topicPartitions }]);
    const epoch = luck.below(12) === 0 ? member.epoch + pick(luck, [-1, 1]) : member.epoch;
    answer = await pair.ask(tell(name, epoch, { instanceId, ...says }));
  }
  const { errorCode, memberEpoch, assignment } = answer;
  if (errorCode === 'FENCED_MEMBER_EPOCH' || errorCode === 'UNKNOWN_MEMBER_ID') member.epoch = LEFT;
  if (errorCode !== 'NONE') return;
  member.epoch = Number(memberEpoch);
  if (assignment === null) return;
  const { topicPartitions } = assignment as {
    readonly topicPartitions: readonly { topicId: string; partitions: number[] }[];
  };
  member.assigned = new Map(topicPartitions.map(({ topicId, partitions }) => [topicId.slice(1, -1), partitions]));
}

/** Members of both protocols, all static: the range assignor goes by their instance ids then, and not by what the broker draws. */
async function mixedHistory(pair: Pair, luck: Prng): Promise<void> {
  const classics: Member[] = ['a', 'b'].map((name) => ({
    name,
    instance: `i-${name}`,
    id: '',
    generation: -1,
    leads: false,
  }));
  const consumers: Consumer[] = ['c'].map((name) => ({
    name,
    instance: `i-${name}`,
    epoch: LEFT,
    assigned: new Map(),
    owned: new Map(),
  }));
  for (let request = 0; request < REQUESTS; request += 1) {
    const drawn = luck.below(5);
    if (drawn === 0) await pair.ask(pick(luck, [describe(), describeConsumers(), fetch(), list(5)]));
    else if (drawn === 1) await consumerBeat(pair, luck, pick(luck, consumers));
    else {
      const member = pick(luck, classics);
      const isBusy = [...pair.waiting].some((each) => each.startsWith(`${member.name}.`));
      const as = `${member.name}.${request}`;
      if (!isBusy) await classicRequest(pair, luck, { member, members: classics, as, ...consumerProtocol });
    }
    for (const [name, answer] of await pair.settle()) takeIn(classics, name, answer);
  }
  await pair.ask(describe());
  await pair.ask(describeConsumers());
}

const histories = [classicHistory, consumerHistory, mixedHistory];
const ids = await Promise.all([prepared(kafka), prepared(ours)]);
let undecided = 0;
for (let seed = Number(seedText); seed < Number(seedText) + Number(countText); seed += 1) {
  const groupId = randomUUID();
  const runs = [new Run(kafka, ids[0], groupId), new Run(ours, ids[1], groupId)] as const;
  const pair = new Pair(runs);
  const luck = new Prng(seed);
  try {
    await pick(luck, histories)(pair, luck);
  } catch (fault) {
    if (fault instanceof Undecided) undecided += 1;
    else {
      console.log(`seed ${seed}\n  ${pair.trace.join('\n  ')}\n${String(fault)}`);
      process.exitCode = 1;
      break;
    }
  } finally {
    for (const run of runs) run.close();
  }
}
console.log(
  `${countText} histories from seed ${seedText}, ${undecided} of them up to a leader that Kafka chose by luck`,
);
console.log([...codes].map(([code, count]) => `${code} ${count}`).join(', '));
