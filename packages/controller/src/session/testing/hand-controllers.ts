/** Controllers that a test drives by hand, behind the port of real ones: what is committed, who is active, and what is answered. */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { encodeRecord, record } from '@odradek/metadata';
import type { AdminReply, AdminRequest, BrokerHeartbeat, BrokerRegistration, ForRequest } from '@odradek/metadata';
import type { MetadataRecord } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { CommittedBytes, ControllerPort, KnownLeader, LogReader, LostBroker } from '../../ports.ts';

/** Under its epoch. */
type Fenced = { readonly brokerId: number; readonly brokerEpoch: number };
type Admin = Outcome<{ readonly reply: AdminReply<AdminRequest>; readonly committedOffset: number }>;

/** Records in one part of a snapshot. */
const PART_RECORDS = 500;

/** What all controllers of a cluster agree on. */
export class HandCluster {
  readonly entries: CommittedBytes[] = [];
  readonly controllers: HandController[] = [];
  /** Entries before it are only in the snapshot. */
  logStart = 0;
  epoch = 1;
  /** By broker id. */
  readonly registered = new Map<number, { readonly incarnationId: string; readonly brokerEpoch: number }>();

  get endOffset(): number {
    return this.entries.at(-1)?.endOffset ?? 0;
  }

  add(nodeId: number, endpoint: { readonly host: string; readonly port: number }): HandController {
    const controller = new HandController(this, nodeId, endpoint);
    this.controllers.push(controller);
    return controller;
  }

  /** Everybody hears of it, but those who are said not to. */
  elect(nodeId: number | null, deaf: readonly number[] = []): void {
    this.epoch += 1;
    const { endpoint } = this.controllers.find((each) => each.nodeId === nodeId) ?? { endpoint: undefined };
    const leader: KnownLeader = { nodeId, epoch: this.epoch, endpoint };
    for (const each of this.controllers) if (!deaf.includes(each.nodeId)) each.hear(leader);
  }

  commit(...records: readonly MetadataRecord[]): void {
    this.commitBytes(records.map(encodeRecord), records.length);
  }

  /** @param length offsets that it takes: more than none for what controllers say among themselves */
  commitBytes(records: readonly Buffer[], length: number): void {
    this.entries.push({ records, endOffset: this.endOffset + length, epoch: this.epoch });
    for (const each of this.controllers) each.committed();
  }

  /** Every record before an offset. */
  recordsBefore(endOffset: number): Buffer[] {
    return this.entries.filter((entry) => entry.endOffset <= endOffset).flatMap(({ records }) => records);
  }
}

export class HandController implements ControllerPort {
  readonly nodeId: number;
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly beats: BrokerHeartbeat[] = [];
  readonly lost: LostBroker[] = [];
  /** Asked of this controller, in order. */
  readonly asked: { readonly request: AdminRequest; readonly principal: string; readonly of?: ForRequest }[] = [];
  registers = (registration: BrokerRegistration): Outcome<{ readonly brokerEpoch: number }> => this.#take(registration);
  beatReply: (beat: BrokerHeartbeat) => Outcome<{ readonly fenced: boolean; readonly shouldShutDown: boolean }> = () =>
    ok({ fenced: false, shouldShutDown: false });
  answers: (request: AdminRequest) => Promise<Admin> = (request) => this.#createTopics(request);
  readonly #cluster: HandCluster;
  readonly #readings = new Set<Reading>();
  #leader: KnownLeader = { nodeId: null, epoch: 0, endpoint: undefined };
  #changed: (leader: KnownLeader) => void = () => undefined;
  #fenced: (broker: Fenced & { readonly why: string }) => void = () => undefined;

  constructor(cluster: HandCluster, nodeId: number, endpoint: { readonly host: string; readonly port: number }) {
    this.#cluster = cluster;
    this.nodeId = nodeId;
    this.endpoint = endpoint;
  }

  get isActive(): boolean {
    return this.#leader.nodeId === this.nodeId;
  }

  hear(leader: KnownLeader): void {
    const wasActive = this.isActive;
    this.#leader = leader;
    this.#changed(leader);
    if (wasActive) for (const each of this.#readings) each.end('another is active');
    if (wasActive) this.#readings.clear();
  }

  committed(): void {
    for (const each of this.#readings) each.wake();
  }

  fence(brokerId: number, why: string): void {
    const brokerEpoch = this.#cluster.registered.get(brokerId)?.brokerEpoch ?? -1;
    this.#fenced({ brokerId, brokerEpoch, why });
  }

  register(registration: BrokerRegistration): ReturnType<ControllerPort['register']> {
    return Promise.resolve(this.isActive ? this.registers(registration) : this.#notActive());
  }

  heartbeat(beat: BrokerHeartbeat): ReturnType<ControllerPort['heartbeat']> {
    if (!this.isActive) return Promise.resolve(this.#notActive());
    this.beats.push(beat);
    const known = this.#cluster.registered.get(beat.brokerId)?.brokerEpoch;
    if (known !== undefined && known !== beat.brokerEpoch) {
      const why = `Expected broker epoch ${known}, but got broker epoch ${beat.brokerEpoch}`;
      return Promise.resolve(refuse(ErrorCode.STALE_BROKER_EPOCH, why));
    }
    return Promise.resolve(this.beatReply(beat));
  }

  sessionLost({ brokerId, brokerEpoch, isNodeDown }: LostBroker): void {
    this.lost.push(isNodeDown === true ? { brokerId, brokerEpoch, isNodeDown } : { brokerId, brokerEpoch });
  }

  admin(request: AdminRequest, principal: string, of?: ForRequest): Promise<Admin> {
    if (!this.isActive) return Promise.resolve(this.#notActive());
    this.asked.push({ request, principal, ...(of === undefined ? {} : { of }) });
    return this.answers(request);
  }

  read(from: { readonly endOffset: number; readonly epoch: number }, reader: LogReader): { close(): void } {
    const reading = new Reading(this.#cluster, from.endOffset, reader);
    if (!this.isActive) {
      reading.end('it is not active');
      return { close: () => undefined };
    }
    this.#readings.add(reading);
    reading.wake();
    return {
      close: () => {
        reading.isOver = true;
        this.#readings.delete(reading);
      },
    };
  }

  onFenced(told: (broker: Fenced & { readonly why: string }) => void): void {
    this.#fenced = told;
  }

  leader(): KnownLeader {
    return this.#leader;
  }

  onLeader(changed: (leader: KnownLeader) => void): void {
    this.#changed = changed;
  }

  /** Once committed, as a controller does. */
  #take({ brokerId, incarnationId }: BrokerRegistration): Outcome<{ readonly brokerEpoch: number }> {
    const known = this.#cluster.registered.get(brokerId);
    if (known?.incarnationId === incarnationId) return ok({ brokerEpoch: known.brokerEpoch });
    const brokerEpoch = this.#cluster.endOffset;
    this.#cluster.registered.set(brokerId, { incarnationId, brokerEpoch });
    this.#cluster.commit(record('NoOpRecord', {}));
    return ok({ brokerEpoch });
  }

  /** Each topic of the request is committed in one batch of its own. */
  #createTopics(request: AdminRequest): Promise<Admin> {
    if (request.kind !== 'createTopics') return Promise.resolve(refuse(ErrorCode.INVALID_REQUEST, 'not that'));
    for (const { name } of request.request.topics)
      this.#cluster.commit(record('TopicRecord', { name, topicId: idOf(name) }));
    const reply = { throttleTimeMs: 0, topics: [] };
    return Promise.resolve(ok({ reply, committedOffset: this.#cluster.endOffset }));
  }

  #notActive(): Outcome<never> {
    return refuse(ErrorCode.NOT_CONTROLLER, `node ${this.nodeId} is not the active controller`);
  }
}

/** One reader, told entry by entry as it takes them. */
class Reading {
  isOver = false;
  readonly #cluster: HandCluster;
  readonly #reader: LogReader;
  #at: number;
  #isBusy = false;
  #isFollowing = false;

  constructor(cluster: HandCluster, at: number, reader: LogReader) {
    this.#cluster = cluster;
    this.#at = at;
    this.#reader = reader;
  }

  end(why: string): void {
    this.isOver = true;
    this.#reader.ended(why);
  }

  wake(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    void this.#tell().finally(() => {
      this.#isBusy = false;
      if (!this.isOver && this.#at < this.#cluster.endOffset) this.wake();
    });
  }

  async #tell(): Promise<void> {
    await Promise.resolve();
    const { entries, logStart, endOffset } = this.#cluster;
    if (!this.#isFollowing && (this.#at < logStart || this.#at === 0 || this.#at > endOffset)) await this.#snapshot();
    this.#isFollowing = true;
    for (;;) {
      const next = entries.find((entry) => entry.endOffset > this.#at);
      if (next === undefined || this.isOver) return;
      this.#at = next.endOffset;
      await this.#reader.committed(next);
    }
  }

  async #snapshot(): Promise<void> {
    const { endOffset, epoch } = this.#cluster;
    const records = this.#cluster.recordsBefore(endOffset);
    for (let at = 0; ; at += PART_RECORDS) {
      const part = records.slice(at, at + PART_RECORDS);
      const isLast = at + PART_RECORDS >= records.length;
      if (this.isOver) return;
      await this.#reader.snapshot({ records: part, endOffset, epoch, isFirst: at === 0, isLast });
      if (isLast) break;
    }
    this.#at = endOffset;
  }
}

/** A topic id that a name always has. */
export function idOf(name: string): string {
  const bytes = Buffer.alloc(16, 1);
  bytes.write(name.slice(-16));
  return bytes.toString('base64url');
}
