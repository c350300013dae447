/**
 * Brokers prove that they live (heartbeats), are cut off (fencing) and go in order (controlled shutdown). What becomes of their partitions
 * is said in the same batch, leaders first, so that nobody sees one without the other; when that is more than one slice (moves.ts), the
 * broker is fenced first and the rest follows at once.
 */
import { assert, ok, refuse, unreachable, type Outcome, type Refusal } from '@odradek/base';
import { record, type BrokerImage, type MetadataRecord } from '@odradek/metadata';
import { BrokerRegistrationFencingChange as Fencing, ErrorCode, FeatureName } from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { joinSlice, leaveSlice, type Leave } from './moves.ts';
import type { BrokerSession } from './sessions.ts';

export type Heartbeat = {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly metadataOffset: number;
  readonly wantFence: boolean;
  readonly wantShutDown: boolean;
  /** Directories that have failed since the broker registered (KIP-858). */
  readonly offlineLogDirs?: readonly string[];
  /** Directories that get nothing new (KIP-1066); left out: as before. */
  readonly cordonedLogDirs?: readonly string[];
};
export type HeartbeatReply = { readonly fenced: boolean; readonly shouldShutDown: boolean };
/** A broker that was fenced without having asked for it. */
export type FencedBroker = { readonly brokerId: number; readonly brokerEpoch: number; readonly why: string };

type CurrentState = 'fenced' | 'active' | 'stopping';
/** The level of metadata.version (4.3-IV0) that has cordoned directories. */
const CORDONS_FROM = 30;

/** `stopped`: fenced, and told that it may go. */
type NextState = CurrentState | 'stopped';

/** Kafka's state machine of a broker: fenced, active, in controlled shutdown, told to stop. */
export function heartbeat(
  context: ControllerContext,
  beat: Heartbeat,
  nowMs: number,
): Decision<Outcome<HeartbeatReply>> {
  const { image, sessions } = context;
  const broker = image.cluster.broker(beat.brokerId);
  const refusal = epochProblem(broker, beat.brokerId, beat.brokerEpoch);
  if (refusal !== undefined || broker === undefined)
    return { records: NO_RECORDS, reply: refusal ?? unregistered(beat.brokerId) };

  const session = sessions.get(beat.brokerId) ?? sessions.open(beat.brokerId, image.endOffset, nowMs);
  session.lastHeardMs = nowMs;
  session.lostAtMs = undefined;
  session.isNodeDown = false;
  session.heard = true;
  session.metadataOffset = beat.metadataOffset;

  const failed = broker.logDirs.filter((directory) => beat.offlineLogDirs?.includes(directory) === true);
  const next = nextState(context, broker, beat, failed);
  const records: MetadataRecord[] = stateOf(broker) === next ? [] : stateRecords(context, broker, next);
  if (failed.length > 0) records.push(...directoryRecords(context, broker, failed, next));
  records.push(...cordonRecords(context, broker, beat.cordonedLogDirs));
  if (next !== 'stopping') session.shutdownEnd = undefined;
  else if (!context.moves.isLeaving(broker.id)) session.shutdownEnd ??= image.endOffset + records.length;
  // It has said goodbye: its next life need not wait until this one would have been missed.
  if (next === 'stopped') session.heard = false;
  const fenced = next === 'fenced' || next === 'stopped';
  return { records, reply: ok({ fenced, shouldShutDown: next === 'stopped' }) };
}

function stateOf(broker: BrokerImage): CurrentState {
  if (broker.fenced) return 'fenced';
  return broker.inControlledShutdown ? 'stopping' : 'active';
}

function nextState(
  context: ControllerContext,
  broker: BrokerImage,
  beat: Heartbeat,
  failed: readonly string[],
): NextState {
  const session = context.sessions.get(broker.id);
  assert(session !== undefined, 'a broker that was heard has a session');
  const hasDirectory = failed.length < broker.logDirs.length;
  const wantsFence = beat.wantFence || (!hasDirectory && failed.length > 0);
  const state = stateOf(broker);
  switch (state) {
    case 'fenced':
      if (beat.wantShutDown) return 'stopped';
      // Who asked to stop comes back as a new incarnation or not at all.
      if (wantsFence || broker.inControlledShutdown) return 'fenced';
      // What is on directories that failed, or was led before, is decided without it before it may lead anything.
      if (failed.length > 0 || context.moves.isLeaving(broker.id)) return 'fenced';
      return beat.metadataOffset >= session.registeredEnd ? 'active' : 'fenced';
    case 'active':
      if (wantsFence) return beat.wantShutDown ? 'stopped' : 'fenced';
      if (!beat.wantShutDown) return 'active';
      return leadsAny(context, broker.id) ? 'stopping' : 'stopped';
    case 'stopping':
      if (context.moves.isLeaving(broker.id) || leadsAny(context, broker.id)) return 'stopping';
      if (session.shutdownEnd === undefined) return 'stopping';
      return everyoneKnows(context, broker.id, session.shutdownEnd) ? 'stopped' : 'stopping';
    default:
      return unreachable(state);
  }
}

function stateRecords(context: ControllerContext, broker: BrokerImage, next: NextState): MetadataRecord[] {
  switch (next) {
    case 'active':
      return [change(broker, { fenced: Fencing.UNFENCE }), ...joinSlice(context, broker.id)];
    case 'stopping':
      return [change(broker, { stops: true }), ...leaveSlice(context, all(broker)).records];
    case 'fenced':
    case 'stopped':
      return broker.fenced ? [] : fenceRecords(context, broker);
    default:
      return unreachable(next);
  }
}

/** Leaders move first, so that no batch shows a fenced leader, unless there are more than one batch holds. */
function fenceRecords(context: ControllerContext, broker: BrokerImage): MetadataRecord[] {
  const { records, isDone } = leaveSlice(context, all(broker));
  return isDone ? [...records, fenceRecord(broker)] : [fenceRecord(broker), ...records];
}

/** The broker leaves, and has not lost what it holds. */
function all(broker: BrokerImage): Leave {
  return { brokerId: broker.id, isUnclean: false, keeps: undefined };
}

/** The broker has lost directories (KIP-858): what lies there it neither leads nor is in sync with. */
function directoryRecords(
  context: ControllerContext,
  broker: BrokerImage,
  failed: readonly string[],
  next: NextState,
): MetadataRecord[] {
  const keeps = broker.logDirs.filter((directory) => !failed.includes(directory));
  // No record can say that none is left; such a broker is fenced.
  if (keeps.length === 0) return [];
  const lost = change(broker, { logDirs: keeps });
  // Who is not to stay active has left everything already.
  if (next !== 'active') return [lost];
  const { records, isDone } = leaveSlice(context, { brokerId: broker.id, isUnclean: false, keeps });
  return isDone ? [...records, lost] : [lost, ...records];
}

/** What the broker says of its directories is kept from the level on that knows of it. */
function cordonRecords(
  { image }: ControllerContext,
  broker: BrokerImage,
  cordoned: readonly string[] | undefined,
): MetadataRecord[] {
  if (cordoned === undefined || image.features.level(FeatureName.METADATA_VERSION) < CORDONS_FROM) return [];
  const own = broker.logDirs.filter((directory) => cordoned.includes(directory));
  const before = new Set(broker.cordonedLogDirs);
  if (own.length === before.size && own.every((directory) => before.has(directory))) return [];
  return [change(broker, { cordonedLogDirs: own })];
}

export function fenceRecord(broker: BrokerImage): MetadataRecord {
  return change(broker, { fenced: Fencing.FENCE });
}

function change(
  broker: BrokerImage,
  what: {
    readonly fenced?: number;
    readonly stops?: boolean;
    readonly logDirs?: readonly string[];
    readonly cordonedLogDirs?: readonly string[];
  },
): MetadataRecord {
  return record('BrokerRegistrationChangeRecord', {
    brokerId: broker.id,
    brokerEpoch: broker.epoch,
    fenced: what.fenced ?? Fencing.NONE,
    inControlledShutdown: what.stops === true ? 1 : 0,
    logDirs: what.logDirs ?? [],
    cordonedLogDirs: what.cordonedLogDirs ?? null,
  });
}

function leadsAny({ image }: ControllerContext, brokerId: number): boolean {
  return image.topics.index.ledBy(brokerId).size > 0;
}

/**
 * Whether every other active broker has applied the moves of leaders: a client that asks any of them finds the new
 * ones.
 */
function everyoneKnows({ image, sessions }: ControllerContext, leavingId: number, shutdownEnd: number): boolean {
  for (const session of sessions.all()) {
    if (session.brokerId === leavingId || !image.cluster.isActive(session.brokerId)) continue;
    if (session.metadataOffset < shutdownEnd) return false;
  }
  return true;
}

/** The stream of a broker broke. Nothing comes of it when that is not its present life, or when it is heard again in time. */
export function sessionLost(
  { image, sessions }: ControllerContext,
  lost: { readonly brokerId: number; readonly brokerEpoch: number; readonly isNodeDown?: boolean },
  nowMs: number,
): void {
  const session = sessions.get(lost.brokerId);
  if (session === undefined || image.cluster.broker(lost.brokerId)?.epoch !== lost.brokerEpoch) return;
  session.lostAtMs ??= nowMs;
  session.isNodeDown ||= lost.isNodeDown === true;
}

/**
 * Fences a broker that has been silent for longer than the session timeout, or whose stream broke and did not come back; one a call, so
 * that each sees the one before.
 */
export function expireSession(context: ControllerContext, nowMs: number): Decision<FencedBroker | undefined> {
  const { image, sessions } = context;
  for (const session of sessions.all()) {
    const broker = image.cluster.broker(session.brokerId);
    if (broker === undefined || broker.fenced || msLeft(context, session, nowMs) > 0) continue;
    session.shutdownEnd = undefined;
    const why = whyExpired(context, session, nowMs);
    return {
      records: fenceRecords(context, broker),
      reply: { brokerId: broker.id, brokerEpoch: broker.epoch, why },
    };
  }
  return { records: NO_RECORDS, reply: undefined };
}

function msLeft({ settings }: ControllerContext, session: BrokerSession, nowMs: number): number {
  const silentAtMs = session.lastHeardMs + settings.sessionTimeoutMs;
  if (session.lostAtMs === undefined) return silentAtMs - nowMs;
  if (session.isNodeDown) return 0;
  return Math.min(silentAtMs, session.lostAtMs + settings.reconnectGraceMs) - nowMs;
}

function whyExpired({ settings }: ControllerContext, session: BrokerSession, nowMs: number): string {
  const id = session.brokerId;
  if (session.isNodeDown) return `the stream of broker ${id} broke, and nobody is there any more`;
  if (session.lostAtMs !== undefined && session.lastHeardMs + settings.sessionTimeoutMs > nowMs)
    return `the stream of broker ${id} broke, and it did not come back within ${settings.reconnectGraceMs} ms`;
  const silence = `broker ${id} was not heard for ${Math.round(nowMs - session.lastHeardMs)} ms`;
  return `${silence}, which is longer than broker.session.timeout.ms=${settings.sessionTimeoutMs}`;
}

/** Milliseconds until the next session may expire; undefined when no broker is unfenced. */
export function nextExpiryMs(context: ControllerContext, nowMs: number): number | undefined {
  let soonest: number | undefined;
  for (const session of context.sessions.all()) {
    if (!context.image.cluster.isAlive(session.brokerId)) continue;
    const leftMs = Math.max(0, msLeft(context, session, nowMs));
    soonest = soonest === undefined ? leftMs : Math.min(soonest, leftMs);
  }
  return soonest;
}

/** @returns the refusal when `brokerEpoch` is not the epoch under which the broker is registered */
function epochProblem(broker: BrokerImage | undefined, brokerId: number, brokerEpoch: number): Refusal | undefined {
  if (broker === undefined) return unregistered(brokerId);
  if (broker.epoch === brokerEpoch) return undefined;
  return refuse(
    ErrorCode.STALE_BROKER_EPOCH,
    `Expected broker epoch ${broker.epoch}, but got broker epoch ${brokerEpoch}`,
  );
}

/** @returns the refusal of what a broker asks for itself when it is not registered under that epoch */
export function staleBroker({ image }: ControllerContext, brokerId: number, brokerEpoch: number): Refusal | undefined {
  return epochProblem(image.cluster.broker(brokerId), brokerId, brokerEpoch);
}

function unregistered(brokerId: number): Refusal {
  return refuse(ErrorCode.STALE_BROKER_EPOCH, `No broker registration found for broker id ${brokerId}`);
}
