/**
 * The core gear of replication: the real partitions of three to five brokers over real logs on simulated disks, the real controller machine,
 * and between them messages of which each step is drawn from a seed: metadata that arrives late, proposals whose answers are lost, streams
 * that break, brokers that stop, are killed, lose what was not on the disk, or are cut off. A safety phase, then all is healed and it must
 * converge. The same seed gives the same run.
 */
import { Prng, StorageFault } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';
import { batch, ErrorCode } from '@odradek/protocol';
import type { FollowedPartition } from '@odradek/replication';
import { batchOf } from '@odradek/replication/testing';
import {
  acknowledgedSurvives,
  BrokenClaim,
  highWatermarkMonotone,
  inSyncHasCommitted,
  logsAgreeWhereCommitted,
  lookAt,
  oneLeaderPerEpoch,
} from './claims.ts';
import type { Look } from './claims.ts';
import { CLUSTER_ID, ControllerSide, TOPIC } from './controller-side.ts';
import type { Hearing } from './controller-side.ts';
import { Link } from './link.ts';
import { Machine } from './machine.ts';
import type { ReplicasModule } from './machine.ts';

const MIN_ISR = 2;
const REPLICAS = 3;
const BEAT_MS = 500;
/** Steps between two looks at all logs. */
const LOOK_EVERY = 5;
const LIVENESS_ROUNDS = 400;
/** Rounds between two looks at whether it has come to rest. */
const REST_EVERY = 20;

export type Report = {
  readonly violation: string | undefined;
  readonly acknowledged: number;
  readonly epochs: number;
  /** Leaders that said that they had recovered from an unclean election. */
  readonly recovered: number;
  /** What happened, one line a step that mattered. */
  readonly story: readonly string[];
};

export async function runPartitions(seed: number, module: ReplicasModule, steps = 600): Promise<Report> {
  const cluster = new PartitionCluster(seed, module);
  let violation: string | undefined;
  try {
    await cluster.begin();
    for (let at = 0; at < steps; at += 1) await cluster.step();
    await cluster.heal();
  } catch (cause) {
    violation = cause instanceof Error ? cause.message : String(cause);
  }
  const { story, controller, epochCount: epochs } = cluster;
  const { recovered } = controller;
  return { violation, acknowledged: cluster.acknowledged.size, epochs, recovered, story };
}

class PartitionCluster {
  readonly story: string[] = [];
  readonly controller: ControllerSide;
  readonly acknowledged = new Map<number, { readonly end: number; readonly crc: number }>();
  readonly #random: Prng;
  readonly #clock = new SimClock();
  readonly #machines: readonly Machine[];
  readonly #links = new Map<Machine, Link>();
  readonly #leaders = new Map<number, number>();
  #looks = new Map<Machine, Look>();
  /** Who lacks what was acknowledged may lead when nobody else is there: then only coming to rest, alike, is owed. */
  readonly #mayLose: boolean;
  /** Lost what was not on its disk, and is not in sync again: nobody else may lose anything meanwhile. */
  #lossy: Machine | undefined;
  #steps = 0;
  #produced = 0;

  constructor(seed: number, module: ReplicasModule) {
    this.#random = new Prng(seed);
    this.#mayLose = this.#random.chance(1, 6);
    this.controller = new ControllerSide(this.#random, this.#clock);
    const machineOf = (id: number): Machine =>
      new Machine({
        id,
        clusterId: CLUSTER_ID,
        clock: this.#clock,
        random: this.#random,
        module,
        isr: (machine) => ({ alterPartition: (request) => this.controller.ask(machine, request) }),
        followed: (machine, partition) => this.#follow(machine, partition),
        unfollowed: (machine) => this.#unfollow(machine),
      });
    this.#machines = Array.from({ length: REPLICAS + this.#random.below(3) }, (_, index) => machineOf(index + 1));
  }

  get epochCount(): number {
    return this.#leaders.size;
  }

  async begin(): Promise<void> {
    for (const machine of this.#machines) await this.#start(machine);
    for (const machine of this.#machines) while (await this.#metadata(machine));
    this.controller.beat(this.#machines);
    const brokerIds = this.#machines.slice(0, REPLICAS).map(({ id }) => id);
    const topic = {
      name: TOPIC,
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 0, brokerIds }],
      configs: [
        { name: 'min.insync.replicas', value: String(MIN_ISR) },
        { name: 'unclean.leader.election.enable', value: String(this.#mayLose) },
      ],
    };
    const request = { topics: [topic], timeoutMs: 1_000, validateOnly: false };
    this.controller.handle({ kind: 'admin', request: { kind: 'createTopics', request } });
    for (const machine of this.#machines) await this.#catchUp(machine);
  }

  /** One drawn thing happens, then all that must hold is looked at. */
  async step(): Promise<void> {
    this.#steps += 1;
    await this.#something();
    await drain();
    if (this.#steps % LOOK_EVERY === 0) await this.#look();
  }

  /** Everything is up and connected from here on: it must come to rest with all replicas in sync and alike. */
  async heal(): Promise<void> {
    this.#note('everything heals');
    for (const machine of this.#machines) {
      machine.cutOff = false;
      machine.fill(false);
      if (machine.rig === undefined) await this.#start(machine);
    }
    for (let round = 1; round <= LIVENESS_ROUNDS; round += 1) {
      for (const machine of this.#machines) while (await this.#metadata(machine));
      while (this.controller.hasAsks) this.#answer('heard');
      for (const link of Array.from(this.#links.values())) await exchange(link);
      await this.#pass(BEAT_MS);
      await drain();
      await this.#look();
      if (round % REST_EVERY > 0 || !this.#rests) continue;
      const looks = this.#replicaLooks;
      for (const look of looks) for (const other of looks) if (other !== look) logsAgreeWhereCommitted(look, other);
      return;
    }
    const { isr, leader, leaderEpoch } = this.controller.partition;
    const ends = Array.from(this.#looks.values(), (look) => {
      return `${look.machine.id} has ${look.logStart}-${look.highWatermark}-${look.logEnd} at ${look.leaderEpoch}`;
    });
    const why = `leader ${leader} at ${leaderEpoch} has ${isr.join(',')} in sync; ${ends.join('; ')}`;
    throw new BrokenClaim(`it comes to rest: ${why}`);
  }

  async #something(): Promise<void> {
    const draw = this.#random.below(1_000);
    const machine = this.#pick(this.#machines);
    const link = this.#pick(Array.from(this.#links.values()));
    if (draw < 200) return this.#produce(this.#random.chance(1, 5) ? machine : this.#leader());
    if (draw < 620) return link === undefined ? undefined : this.#carry(link);
    if (draw < 760) return this.#catchUp(machine);
    if (draw < 830) return this.#answer(this.#pick<Hearing>(['heard', 'heard', 'heard', 'lost', 'unheard']) ?? 'heard');
    if (draw < 900) return this.#pass(this.#random.below(100));
    if (draw < 915) return this.#pass(this.#pick([1_000, 4_000, 20_000, 50_000]) ?? 0);
    if (draw < 930) return link?.break();
    if (draw < 938) return this.#flush(machine);
    if (draw < 943) return machine?.checkpoint();
    if (draw < 963) return this.#down(machine);
    if (draw < 984) return this.#back(machine);
    if (draw < 990) return this.#cut(machine);
    if (draw < 993) return this.#fill(machine);
    if (draw < 996) return this.#reassign();
    return this.#deleteRecords(machine);
  }

  #produce(machine: Machine | undefined): void {
    if (machine?.rig === undefined) return;
    const { life, id } = machine;
    // The time that it says makes its checksum its own.
    const timestampMs = 1_700_000_000_000 + (this.#produced += 1) * 10;
    const records = batchOf(1 + this.#random.below(3), { size: 10 }, timestampMs);
    const crc = batch.crc(records, 0);
    const acks = this.#random.chance(3, 4) ? -1 : 1;
    const partitions = [{ topic: TOPIC, partition: 0, records }];
    const results = machine.rig.replicas.produce({ acks, timeoutMs: 20_000, origin: 'client', partitions });
    const heard = ([result]: Awaited<typeof results>): void => {
      if (result?.code !== ErrorCode.NONE || acks !== -1 || machine.life !== life) return;
      this.acknowledged.set(result.baseOffset, { end: result.lastOffset + 1, crc });
      this.#note(`${id} acknowledges ${result.baseOffset}-${result.lastOffset}`);
    };
    if (results instanceof Promise) void results.then(heard);
    else heard(results);
  }

  /** Whoever takes itself for the leader. */
  #leader(): Machine | undefined {
    const leads = ({ rig }: Machine): boolean => rig?.replicas.byId(this.controller.topicId, 0)?.isLeader === true;
    return this.#pick(this.#machines.filter(leads));
  }

  /** Some messages of a link, and things said on it. */
  async #carry(link: Link): Promise<void> {
    for (let left = this.#random.below(10); left > 0 && !this.#isCut(link); left -= 1) await this.#carryOne(link);
  }

  async #carryOne(link: Link): Promise<void> {
    switch (this.#random.below(4)) {
      case 0:
        return link.followerSays();
      case 1:
        return link.leaderHears();
      case 2:
        return link.leaderSends(1 + this.#random.below(400));
      default:
        return link.followerHears();
    }
  }

  #isCut({ follower, followed }: Link): boolean {
    const leader = this.#up(followed.leader);
    return follower.cutOff || leader === undefined || leader.cutOff;
  }

  /** One batch of metadata, or all that there is. */
  async #catchUp(machine: Machine | undefined): Promise<void> {
    if (this.#random.chance(1, 4)) return void (await this.#metadata(machine));
    while (await this.#metadata(machine));
  }

  /** @returns whether there was any */
  async #metadata(machine: Machine | undefined): Promise<boolean> {
    if (machine?.rig === undefined || machine.cutOff) return false;
    const next = this.controller.batches[machine.applied];
    if (next === undefined) return false;
    machine.applied += 1;
    await machine.rig.apply(next);
    return true;
  }

  #answer(how: Hearing): void {
    const told = this.controller.answer(how);
    if (told !== undefined) this.#note(told);
  }

  /** Time passes, and whoever is up and connected is heard by the controller. */
  async #pass(durationMs: number): Promise<void> {
    for (let left = durationMs; left > 0; left -= BEAT_MS) {
      await this.#clock.advance(Math.min(BEAT_MS, left));
      this.controller.beat(this.#machines);
    }
  }

  async #down(machine: Machine | undefined): Promise<void> {
    if (machine?.rig === undefined || !this.#isSpare(machine)) return;
    const how = this.#pick(['stop', 'kill', 'power', 'power'] as const) ?? 'stop';
    if (how === 'power' && this.#lossy !== undefined && this.#lossy !== machine) return;
    if (how === 'power') this.#lossy = machine;
    this.#note(`${machine.id} goes down: ${how}`);
    machine.fill(false);
    const { id: brokerId, epoch: brokerEpoch } = machine;
    await machine.end(how);
    for (const link of this.#links.values()) if (link.followed.leader === brokerId) link.break();
    this.controller.handle({ kind: 'sessionLost', brokerId, brokerEpoch });
  }

  /** Somebody else has all that was acknowledged, and is up: without that no cluster can keep what it promised and go on. */
  #isSpare(machine: Machine): boolean {
    if (this.#mayLose) return true;
    const { isr, elr } = this.controller.partition;
    return [...isr, ...elr].some((id) => id !== machine.id && this.#up(id)?.cutOff === false);
  }

  async #back(machine: Machine | undefined): Promise<void> {
    if (machine === undefined) return;
    if (machine.rig === undefined) return this.#start(machine);
    if (machine.cutOff) this.#note(`${machine.id} is connected again`);
    machine.cutOff = false;
  }

  async #start(machine: Machine): Promise<void> {
    machine.fill(false);
    const reply = this.controller.handle({ kind: 'registered', registration: machine.registration() });
    if (reply.kind !== 'registered' || !reply.outcome.ok) return;
    await machine.start(reply.outcome.value.brokerEpoch, this.controller.batches);
    this.#note(`${machine.id} comes up at broker epoch ${machine.epoch}`);
  }

  #cut(machine: Machine | undefined): void {
    if (machine?.rig === undefined || machine.cutOff || !this.#isSpare(machine)) return;
    machine.cutOff = true;
    this.#note(`${machine.id} is cut off`);
    for (const link of this.#links.values())
      if (link.follower === machine || link.followed.leader === machine.id) link.break();
  }

  async #flush(machine: Machine | undefined): Promise<void> {
    try {
      await machine?.rig?.replicas.byId(this.controller.topicId, 0)?.log.flush();
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
    }
  }

  /** A disk is full, or all have room again. */
  #fill(machine: Machine | undefined): void {
    if (this.#random.chance(1, 2)) for (const each of this.#machines) each.fill(false);
    else if (machine?.rig !== undefined) {
      machine.fill(true);
      this.#note(`the disk of ${machine.id} is full`);
    }
  }

  #reassign(): void {
    const ids = this.#machines.map(({ id }) => id);
    while (ids.length > REPLICAS) ids.splice(this.#random.below(ids.length), 1);
    const partitions = [{ partitionIndex: 0, replicas: ids }];
    const request = { timeoutMs: 1_000, allowReplicationFactorChange: true, topics: [{ name: TOPIC, partitions }] };
    this.controller.handle({ kind: 'admin', request: { kind: 'alterPartitionReassignments', request } });
    this.#note(`replicas are to be ${ids.join(',')}`);
  }

  #deleteRecords(machine: Machine | undefined): void {
    const partition = machine?.rig?.replicas.byId(this.controller.topicId, 0);
    if (machine?.rig === undefined || partition?.isLeader !== true) return;
    const offset = this.#random.below(partition.highWatermark + 1);
    void machine.rig.replicas.deleteRecords({ topic: TOPIC, partition: 0, offset, timeoutMs: 1_000 });
  }

  #follow(machine: Machine, partition: FollowedPartition): void {
    this.#unfollow(machine);
    this.#links.set(machine, new Link(machine, partition, (id) => this.#up(id)));
  }

  #unfollow(machine: Machine): void {
    this.#links.get(machine)?.break();
    this.#links.delete(machine);
  }

  #up(id: number): Machine | undefined {
    return this.#machines.find((machine) => machine.id === id && machine.rig !== undefined);
  }

  async #look(): Promise<void> {
    const looks: Look[] = [];
    for (const machine of this.#machines) {
      const look = await lookAt(machine, TOPIC);
      if (look !== undefined) looks.push(look);
    }
    const { leaderEpoch, isr } = this.controller.partition;
    const { cluster } = this.controller.image;
    const known = looks.filter(({ machine }) => cluster.broker(machine.id)?.epoch === machine.epoch);
    for (const look of looks) {
      for (const other of looks) if (other !== look && !this.#mayLose) logsAgreeWhereCommitted(look, other);
      if (this.#mayLose) continue;
      highWatermarkMonotone(look, this.#looks.get(look.machine));
      acknowledgedSurvives(look, leaderEpoch, this.acknowledged);
      if (look.isLeader && look.leaderEpoch === leaderEpoch) inSyncHasCommitted(look, isr, known);
    }
    oneLeaderPerEpoch(looks, this.#leaders);
    this.#looks = new Map(looks.map((look) => [look.machine, look]));
    if (this.#lossy?.rig !== undefined && isr.includes(this.#lossy.id)) this.#lossy = undefined;
  }

  /** All replicas are in sync, none is to come or go, and they end alike. A log start that only one has heard of stays ahead. */
  get #rests(): boolean {
    const { isr, replicas, addingReplicas, removingReplicas } = this.controller.partition;
    if (isr.length !== replicas.length || addingReplicas.length + removingReplicas.length > 0) return false;
    const looks = this.#replicaLooks;
    const ends = new Set(looks.map(({ logEnd, highWatermark }) => `${logEnd} ${highWatermark}`));
    return looks.length === replicas.length && ends.size === 1;
  }

  get #replicaLooks(): readonly Look[] {
    const { replicas } = this.controller.partition;
    return Array.from(this.#looks.values()).filter(({ machine }) => replicas.includes(machine.id));
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.#random.below(from.length)];
  }

  #note(line: string): void {
    this.story.push(`${this.#steps}: ${line}`);
  }
}

/** A few messages each way, with nothing lost. */
async function exchange(link: Link): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    link.followerSays();
    link.leaderHears();
    await link.leaderSends(4_096);
    link.followerHears();
  }
}

async function drain(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
