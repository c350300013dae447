/**
 * The controller machine: an operation and the time come in, records to commit and an answer go out. It applies its
 * own records at once, so the next operation sees them; whoever runs it gives the answers only when the records are
 * durable, and stops it when they cannot be.
 */
import { unreachable, type Outcome, type Random } from '@odradek/base';
import {
  MetadataImage,
  type MetadataDelta,
  type AdminReply,
  type AdminRequest,
  type MachineRequest,
  type BrokerRegistration,
  type CommittedRecords,
  type MetadataRecord,
} from '@odradek/metadata';
import { alterPartition } from './alter-partition.ts';
import { assignReplicasToDirs } from './assign-directories.ts';
import { balanceLeaders, BalanceSchedule, nextBalanceMs } from './balance.ts';
import { expireSession, heartbeat, nextExpiryMs, sessionLost } from './brokers.ts';
import type { FencedBroker, Heartbeat, HeartbeatReply } from './brokers.ts';
import { alterConfigs, incrementalAlterConfigs } from './configs.ts';
import { NO_RECORDS, type ControllerContext, type ControllerSettings, type Decision } from './context.ts';
import { registerController } from './controllers.ts';
import { createPartitions } from './create-partitions.ts';
import { createTopics } from './create-topics.ts';
import { deleteTopics } from './delete-topics.ts';
import { electLeaders } from './elect-leaders.ts';
import { bootstrapRecords, updateFeatures } from './features.ts';
import { goOn, Moves, nextMoveMs, resume } from './moves.ts';
import { allocateProducerIds } from './producer-ids.ts';
import { alterPartitionReassignments, listPartitionReassignments } from './reassignments.ts';
import { register } from './registration.ts';
import { BrokerSessions } from './sessions.ts';
import { unregisterBroker } from './unregister-broker.ts';

export type ControllerOp =
  /** This controller has become the active one. */
  | { readonly kind: 'activated' }
  | { readonly kind: 'registered'; readonly registration: BrokerRegistration }
  | { readonly kind: 'heartbeat'; readonly beat: Heartbeat }
  /** The stream of a broker broke, and no other of the same life stands in its place. */
  | {
      readonly kind: 'sessionLost';
      readonly brokerId: number;
      readonly brokerEpoch: number;
      /** Its whole process is known to be gone. */
      readonly isNodeDown?: boolean;
    }
  /** These vote in the quorum from now on: features rise only to what all of them support. */
  | { readonly kind: 'votersChanged'; readonly voterIds: readonly number[] }
  | { readonly kind: 'admin'; readonly request: MachineRequest }
  /** The time has come that `nextWakeMs` named. */
  | { readonly kind: 'tick' };

export type ControllerReply =
  | { readonly kind: 'none' }
  | { readonly kind: 'registered'; readonly outcome: Outcome<{ readonly brokerEpoch: number }> }
  | { readonly kind: 'heartbeat'; readonly outcome: Outcome<HeartbeatReply> }
  | { readonly kind: 'admin'; readonly reply: AdminReply<AdminRequest> }
  /** A broker is fenced that did not ask for it. */
  | { readonly kind: 'expired'; readonly fenced: FencedBroker }
  /** More of what becomes of partitions since a broker came or went: see `Moves`. */
  | { readonly kind: 'moved'; readonly partitions: number }
  /** Leaders that went back to their preferred brokers by themselves. */
  | { readonly kind: 'balanced'; readonly leaders: number };

export type Handled = {
  readonly batch: CommittedRecords | undefined;
  readonly delta: MetadataDelta | undefined;
  readonly reply: ControllerReply;
};

export class Controller {
  readonly #context: ControllerContext;
  #epoch: number;

  /**
   * @param image what is committed so far
   * @param epoch the controller epoch that begins with this controller: that of its lead in the quorum
   */
  constructor(
    settings: ControllerSettings,
    random: Random,
    image: MetadataImage = new MetadataImage(),
    epoch: number = image.epoch + 1,
  ) {
    const [sessions, moves, balance] = [new BrokerSessions(), new Moves(), new BalanceSchedule()];
    this.#context = { settings, image, sessions, voters: { ids: [] }, moves, balance, random };
    this.#epoch = epoch;
  }

  get image(): MetadataImage {
    return this.#context.image;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Decides, and applies what it decided. Batch and delta are undefined when there is nothing to commit. */
  handle(op: ControllerOp, nowMs: number): Handled {
    const { records, reply } = this.#decide(op, nowMs);
    if (records.length === 0) return { batch: undefined, delta: undefined, reply };
    const { image } = this.#context;
    const batch = { records, endOffset: image.endOffset + records.length, epoch: this.#epoch };
    const delta = image.applyBatch(batch);
    if (records.some(mayElect)) this.#context.moves.sweep(0);
    return { batch, delta, reply };
  }

  /** Milliseconds until `tick` is due; undefined: nothing to wait for. */
  nextWakeMs(nowMs: number): number | undefined {
    let soonest: number | undefined;
    for (const next of [nextExpiryMs, nextMoveMs, nextBalanceMs]) {
      const waitMs = next(this.#context, nowMs);
      if (waitMs !== undefined && (soonest === undefined || waitMs < soonest)) soonest = waitMs;
    }
    return soonest;
  }

  #decide(op: ControllerOp, nowMs: number): Decision<ControllerReply> {
    const context = this.#context;
    switch (op.kind) {
      case 'activated':
        return { records: this.#activate(nowMs), reply: { kind: 'none' } };
      case 'registered': {
        const { records, reply } = register(context, op.registration, nowMs);
        return { records, reply: { kind: 'registered', outcome: reply } };
      }
      case 'heartbeat': {
        const { records, reply } = heartbeat(context, op.beat, nowMs);
        return { records, reply: { kind: 'heartbeat', outcome: reply } };
      }
      case 'admin': {
        const { records, reply } = admin(context, op.request);
        return { records, reply: { kind: 'admin', reply } };
      }
      case 'sessionLost':
        sessionLost(context, op, nowMs);
        return { records: NO_RECORDS, reply: { kind: 'none' } };
      case 'votersChanged':
        context.voters.ids = op.voterIds;
        return { records: NO_RECORDS, reply: { kind: 'none' } };
      case 'tick':
        return this.#tick(nowMs);
      default:
        return unreachable(op);
    }
  }

  /** One thing at a time: whoever runs this asks again when to wake it. */
  #tick(nowMs: number): Decision<ControllerReply> {
    const context = this.#context;
    const expired = expireSession(context, nowMs);
    if (expired.reply !== undefined)
      return { records: expired.records, reply: { kind: 'expired', fenced: expired.reply } };
    const moved = goOn(context, nowMs);
    if (moved !== undefined) return { records: moved, reply: { kind: 'moved', partitions: moved.length } };
    const balanced = balanceLeaders(context, nowMs);
    return { records: balanced.records, reply: { kind: 'balanced', leaders: balanced.reply } };
  }

  /** Every registered broker gets a whole session timeout to be heard by this controller. */
  #activate(nowMs: number): readonly MetadataRecord[] {
    const { image, sessions, balance, settings } = this.#context;
    balance.start(settings, nowMs);
    resume(this.#context, nowMs);
    for (const broker of image.cluster.brokers()) sessions.open(broker.id, image.endOffset, nowMs);
    return bootstrapRecords(this.#context);
  }
}

/** Leaderless partitions that may be led uncleanly from now on get their leader at once. */
function mayElect({ type, value }: MetadataRecord): boolean {
  return type === 'ConfigRecord' && value.name === 'unclean.leader.election.enable';
}

function admin(context: ControllerContext, request: MachineRequest): Decision<AdminReply<AdminRequest>> {
  switch (request.kind) {
    case 'createTopics':
      return createTopics(context, request.request);
    case 'deleteTopics':
      return deleteTopics(context, request.request);
    case 'createPartitions':
      return createPartitions(context, request.request);
    case 'alterConfigs':
      return alterConfigs(context, request.request);
    case 'incrementalAlterConfigs':
      return incrementalAlterConfigs(context, request.request);
    case 'updateFeatures':
      return updateFeatures(context, request.request);
    case 'allocateProducerIds':
      return allocateProducerIds(context, request.request);
    case 'alterPartition':
      return alterPartition(context, request.request);
    case 'assignReplicasToDirs':
      return assignReplicasToDirs(context, request.request);
    case 'electLeaders':
      return electLeaders(context, request.request);
    case 'alterPartitionReassignments':
      return alterPartitionReassignments(context, request.request);
    case 'listPartitionReassignments':
      return listPartitionReassignments(context, request.request);
    case 'registerController':
      return registerController(context, request.request);
    case 'unregisterBroker':
      return unregisterBroker(context, request.request);
    default:
      return unreachable(request);
  }
}
