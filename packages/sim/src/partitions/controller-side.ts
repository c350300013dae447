/** The real controller machine, what it has committed, and the requests of leaders that wait until one draws that it hears them. */
import { NodeConfig, refuse } from '@odradek/base';
import type { Clock, Prng } from '@odradek/base';
import { Controller } from '@odradek/controller';
import type { ControllerOp, ControllerReply } from '@odradek/controller';
import type { CommittedRecords, MetadataImage, PartitionImage } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { AlterPartitionResponse } from '@odradek/protocol';
import type { IsrPort } from '@odradek/replication';
import type { Machine } from './machine.ts';

export const TOPIC = 't';
export const CLUSTER_ID = 'abcdefghijklmnopqrstug';
/** Ticks that may be due at one moment. */
const TICKS_MAX = 100;

type Ask = {
  readonly machine: Machine;
  readonly life: number;
  readonly request: Parameters<IsrPort['alterPartition']>[0];
  readonly answer: (outcome: Awaited<ReturnType<IsrPort['alterPartition']>>) => void;
};
/** `unheard`: the controller has heard the request, its answer is lost. */
export type Hearing = 'heard' | 'lost' | 'unheard';

export class ControllerSide {
  /** All metadata, in order. */
  readonly batches: CommittedRecords[] = [];
  /** Leaders that said that they had recovered from an unclean election. */
  recovered = 0;
  readonly #controller: Controller;
  readonly #clock: Clock;
  readonly #asks: Ask[] = [];

  constructor(random: Prng, clock: Clock) {
    const settings = {
      clusterId: CLUSTER_ID,
      nodeId: 1,
      config: new NodeConfig(new Map([['node.id', '1']])),
      kraftVersion: 0,
      sessionTimeoutMs: 3_000,
      reconnectGraceMs: 100,
      recordsPerSliceMax: 1_000,
      partitionsPerRequestMax: 100,
      recordsPerRequestMax: 100,
      electionsPerBalanceMax: 100,
    };
    this.#controller = new Controller(settings, random);
    this.#clock = clock;
    this.handle({ kind: 'activated' });
  }

  get image(): MetadataImage {
    return this.#controller.image;
  }

  get topicId(): string {
    return this.image.topics.byName(TOPIC)?.id ?? '';
  }

  get partition(): PartitionImage {
    const found = this.image.topics.partition(TOPIC, 0);
    if (found === undefined) throw new Error('the topic was created');
    return found;
  }

  get hasAsks(): boolean {
    return this.#asks.length > 0;
  }

  handle(op: ControllerOp): ControllerReply {
    const { batch, reply } = this.#controller.handle(op, this.#clock.monotonicMs());
    if (batch !== undefined) this.batches.push(batch);
    return reply;
  }

  /** A leader proposes: answered when that is drawn. */
  ask(machine: Machine, request: Ask['request']): ReturnType<IsrPort['alterPartition']> {
    return new Promise((resolve) => {
      this.#asks.push({ machine, life: machine.life, request, answer: resolve });
    });
  }

  /** @returns what to tell of it, when the controller has heard the oldest request */
  answer(how: Hearing): string | undefined {
    const ask = this.#asks.shift();
    if (ask === undefined) return undefined;
    const { machine } = ask;
    const lost = refuse(ErrorCode.NOT_CONTROLLER, 'nobody has answered');
    if (how === 'lost' || machine.rig === undefined || machine.life !== ask.life || machine.cutOff) {
      ask.answer(lost);
      return undefined;
    }
    const before = this.partition.leaderRecoveryState;
    const request = { brokerId: machine.id, brokerEpoch: machine.epoch, ...ask.request };
    const reply = this.handle({ kind: 'admin', request: { kind: 'alterPartition', request } });
    if (reply.kind !== 'admin') throw new Error(`an admin request is answered as such, not as ${reply.kind}`);
    if (before !== this.partition.leaderRecoveryState) this.recovered += 1;
    ask.answer(how === 'unheard' ? lost : { ok: true, value: reply.reply as AlterPartitionResponse });
    return `the controller hears ${machine.id} (${how}): in sync are ${this.partition.isr.join(',')}`;
  }

  /** Whoever is up and connected is heard, and all that is due is done. */
  beat(machines: readonly Machine[]): void {
    for (const { id: brokerId, epoch: brokerEpoch, rig, cutOff } of machines) {
      if (rig === undefined || cutOff) continue;
      const metadataOffset = rig.image.endOffset;
      const wants = { wantFence: false, wantShutDown: false, offlineLogDirs: [] };
      this.handle({ kind: 'heartbeat', beat: { brokerId, brokerEpoch, metadataOffset, ...wants } });
    }
    for (let tick = 0; this.#controller.nextWakeMs(this.#clock.monotonicMs()) === 0 && tick < TICKS_MAX; tick += 1)
      this.handle({ kind: 'tick' });
  }
}
