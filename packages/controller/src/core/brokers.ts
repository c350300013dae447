/**
 * Brokers come (registration), prove that they live (heartbeats), are cut off (fencing) and go in order (controlled
 * shutdown). Each step says in the same batch what becomes of the partitions, so that nobody ever sees one without the
 * other.
 */
import { assert, isUuid, ok, refuse, unreachable, type Outcome } from '@odradek/base';
import {
  DIRECTORY_LOST,
  DIRECTORY_MIGRATING,
  DIRECTORY_UNASSIGNED,
  record,
  type BrokerImage,
  type BrokerRegistration,
  type MetadataRecord,
} from '@odradek/metadata';
import { BrokerRegistrationFencingChange as Fencing, ErrorCode, FeatureName } from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { movedPartitions } from './partitions.ts';

export type Heartbeat = {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly metadataOffset: number;
  readonly wantFence: boolean;
  readonly wantShutDown: boolean;
};
export type HeartbeatReply = { readonly fenced: boolean; readonly shouldShutDown: boolean };

/**
 * A new incarnation gets a new epoch, the offset of its registration, and takes nothing over from the old one: it
 * leads nothing.
 */
export function register(
  context: ControllerContext,
  registration: BrokerRegistration,
  nowMs: number,
): Decision<Outcome<{ readonly brokerEpoch: number }>> {
  const { image, sessions } = context;
  const { brokerId } = registration;
  const refusal = registrationProblem(context, registration, nowMs);
  if (refusal !== undefined) return { records: NO_RECORDS, reply: refusal };

  const existing = image.cluster.broker(brokerId);
  const same = existing?.incarnationId === registration.incarnationId ? existing : undefined;
  const records: MetadataRecord[] = [];
  if (existing !== undefined && same === undefined) records.push(...movedPartitions(context, { leaves: brokerId }));
  const brokerEpoch = same?.epoch ?? image.endOffset + records.length;
  records.push(
    record('RegisterBrokerRecord', {
      brokerId,
      isMigratingZkBroker: false,
      incarnationId: registration.incarnationId,
      brokerEpoch,
      endPoints: registration.endpoints,
      features: registration.features.map(({ name, min, max }) => ({
        name,
        minSupportedVersion: min,
        maxSupportedVersion: max,
      })),
      rack: registration.rack,
      fenced: same?.fenced ?? true,
      inControlledShutdown: same?.inControlledShutdown ?? false,
      logDirs: registration.logDirs,
      cordonedLogDirs: null,
    }),
  );
  const session = sessions.open(brokerId, image.endOffset + records.length, nowMs);
  session.heard = true;
  return { records, reply: ok({ brokerEpoch }) };
}

function registrationProblem(
  { image, sessions, settings }: ControllerContext,
  registration: BrokerRegistration,
  nowMs: number,
): Outcome<never> | undefined {
  const { brokerId, clusterId, incarnationId, logDirs } = registration;
  if (clusterId !== settings.clusterId) {
    const why = `Expected cluster ID ${settings.clusterId}, but got cluster ID ${clusterId}`;
    return refuse(ErrorCode.INCONSISTENT_CLUSTER_ID, why);
  }
  const existing = image.cluster.broker(brokerId);
  const another = existing !== undefined && existing.incarnationId !== incarnationId && !existing.fenced;
  if (another && sessions.isLive(brokerId, nowMs, settings.sessionTimeoutMs)) {
    const hint = 'If the broker was restarted this passes once the old session has timed out.';
    return refuse(ErrorCode.DUPLICATE_BROKER_REGISTRATION, `Another broker is registered with id ${brokerId}. ${hint}`);
  }
  return (
    directoriesProblem(image.cluster.brokers(), brokerId, logDirs) ?? featuresProblem(image.features, registration)
  );
}

function directoriesProblem(
  brokers: Iterable<BrokerImage>,
  brokerId: number,
  logDirs: readonly string[],
): Outcome<never> | undefined {
  const code = ErrorCode.INVALID_REGISTRATION;
  if (logDirs.length === 0) return refuse(code, 'No directories specified in request');
  if (new Set(logDirs).size !== logDirs.length) return refuse(code, 'Duplicate directory ID in request');
  const reserved = [DIRECTORY_UNASSIGNED, DIRECTORY_LOST, DIRECTORY_MIGRATING];
  for (const directory of logDirs) {
    if (!isUuid(directory)) return refuse(code, `Directory ID '${directory}' is not a uuid of 22 base64url characters`);
    if (reserved.includes(directory)) return refuse(code, 'Reserved directory ID in request');
  }
  for (const other of brokers) {
    if (other.id === brokerId) continue;
    const taken = other.logDirs.find((directory) => logDirs.includes(directory));
    if (taken !== undefined) return refuse(code, `Broker ${other.id} is already registered with directory ${taken}`);
  }
  return undefined;
}

/** A broker must understand every finalized level. */
function featuresProblem(
  features: ControllerContext['image']['features'],
  registration: BrokerRegistration,
): Outcome<never> | undefined {
  for (const [name, level] of features.finalized()) {
    const range = registration.features.find((feature) => feature.name === name) ?? { min: 0, max: 0 };
    if (name === FeatureName.KRAFT_VERSION || (range.min <= level && level <= range.max)) continue;
    const why = `Unable to register because the broker does not support finalized version ${level} of ${name}.`;
    const wants = `The broker wants a version between ${range.min} and ${range.max}, inclusive.`;
    return refuse(ErrorCode.UNSUPPORTED_VERSION, `${why} ${wants}`);
  }
  return undefined;
}

type CurrentState = 'fenced' | 'active' | 'stopping';
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
  session.heard = true;
  session.metadataOffset = beat.metadataOffset;

  const current = stateOf(broker);
  const next = nextState(context, broker, beat);
  const records = current === next ? NO_RECORDS : stateRecords(context, broker, next);
  if (next === 'stopping') session.shutdownEnd ??= image.endOffset + records.length;
  else session.shutdownEnd = undefined;
  const fenced = next === 'fenced' || next === 'stopped';
  return { records, reply: ok({ fenced, shouldShutDown: next === 'stopped' }) };
}

function stateOf(broker: BrokerImage): CurrentState {
  if (broker.fenced) return 'fenced';
  return broker.inControlledShutdown ? 'stopping' : 'active';
}

function nextState(context: ControllerContext, broker: BrokerImage, beat: Heartbeat): NextState {
  const session = context.sessions.get(broker.id);
  assert(session !== undefined, 'a broker that was heard has a session');
  const state = stateOf(broker);
  switch (state) {
    case 'fenced':
      if (beat.wantShutDown) return 'stopped';
      // Who asked to stop comes back as a new incarnation or not at all.
      if (beat.wantFence || broker.inControlledShutdown) return 'fenced';
      return beat.metadataOffset >= session.registeredEnd ? 'active' : 'fenced';
    case 'active':
      if (beat.wantFence) return beat.wantShutDown ? 'stopped' : 'fenced';
      if (!beat.wantShutDown) return 'active';
      return leadsAny(context, broker.id) ? 'stopping' : 'stopped';
    case 'stopping':
      if (leadsAny(context, broker.id)) return 'stopping';
      return everyoneKnows(context, broker.id, session.shutdownEnd ?? 0) ? 'stopped' : 'stopping';
    default:
      return unreachable(state);
  }
}

function stateRecords(context: ControllerContext, broker: BrokerImage, next: NextState): MetadataRecord[] {
  switch (next) {
    case 'active': {
      const unfence = change(broker, { fenced: Fencing.UNFENCE });
      return [unfence, ...movedPartitions(context, { joins: broker.id })];
    }
    case 'stopping':
      return [change(broker, { stops: true }), ...movedPartitions(context, { leaves: broker.id })];
    case 'fenced':
    case 'stopped':
      return broker.fenced ? [] : fenceRecords(context, broker);
    default:
      return unreachable(next);
  }
}

/** Leaders move first, so that no batch shows a fenced leader. */
function fenceRecords(context: ControllerContext, broker: BrokerImage): MetadataRecord[] {
  return [...movedPartitions(context, { leaves: broker.id }), change(broker, { fenced: Fencing.FENCE })];
}

function change(broker: BrokerImage, what: { fenced?: number; stops?: boolean }): MetadataRecord {
  return record('BrokerRegistrationChangeRecord', {
    brokerId: broker.id,
    brokerEpoch: broker.epoch,
    fenced: what.fenced ?? Fencing.NONE,
    inControlledShutdown: what.stops === true ? 1 : 0,
    logDirs: [],
    cordonedLogDirs: null,
  });
}

function leadsAny({ image }: ControllerContext, brokerId: number): boolean {
  for (const topic of image.topics.all())
    for (const partition of topic.partitions) if (partition.leader === brokerId) return true;
  return false;
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

/**
 * Fences the brokers that have been silent for longer than the session timeout; one a call, so that each sees the one
 * before.
 */
export function expireSession(context: ControllerContext, nowMs: number): Decision<number | undefined> {
  const { image, sessions, settings } = context;
  for (const session of sessions.all()) {
    const broker = image.cluster.broker(session.brokerId);
    if (broker === undefined || broker.fenced) continue;
    if (nowMs - session.lastHeardMs < settings.sessionTimeoutMs) continue;
    session.shutdownEnd = undefined;
    return { records: fenceRecords(context, broker), reply: broker.id };
  }
  return { records: NO_RECORDS, reply: undefined };
}

/** Milliseconds until the next session may expire; undefined when no broker is unfenced. */
export function nextExpiryMs({ image, sessions, settings }: ControllerContext, nowMs: number): number | undefined {
  let soonest: number | undefined;
  for (const session of sessions.all()) {
    if (!image.cluster.isAlive(session.brokerId)) continue;
    const leftMs = Math.max(0, session.lastHeardMs + settings.sessionTimeoutMs - nowMs);
    soonest = soonest === undefined ? leftMs : Math.min(soonest, leftMs);
  }
  return soonest;
}

/** @returns the refusal when `brokerEpoch` is not the epoch under which the broker is registered */
export function epochProblem(
  broker: BrokerImage | undefined,
  brokerId: number,
  brokerEpoch: number,
): Outcome<never> | undefined {
  if (broker === undefined) return unregistered(brokerId);
  if (broker.epoch === brokerEpoch) return undefined;
  return refuse(
    ErrorCode.STALE_BROKER_EPOCH,
    `Expected broker epoch ${broker.epoch}, but got broker epoch ${brokerEpoch}`,
  );
}

function unregistered(brokerId: number): Outcome<never> {
  return refuse(ErrorCode.BROKER_ID_NOT_REGISTERED, `No broker registration found for broker id ${brokerId}`);
}
