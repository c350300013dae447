/**
 * A broker registers: a new life of it gets a new epoch, the offset of its registration, and takes nothing over from the life before. It
 * begins fenced; its heartbeats unfence it (brokers.ts).
 */
import { isUuid, ok, refuse, type Outcome } from '@odradek/base';
import {
  DIRECTORY_LOST,
  DIRECTORY_MIGRATING,
  DIRECTORY_UNASSIGNED,
  record,
  type BrokerImage,
  type BrokerRegistration,
  type MetadataRecord,
} from '@odradek/metadata';
import { ErrorCode, FeatureName } from '@odradek/protocol';
import { fenceRecord } from './brokers.ts';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { leaveSlice } from './moves.ts';
import { isElrEnabled } from './partitions.ts';

/**
 * What the last life led and was in sync with is given away first, in as many slices as that takes; the broker is refused until then and
 * asks again. After an unclean stop it does not even stay eligible (KIP-966).
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
  if (same === undefined) {
    const isUnclean =
      isElrEnabled(context) && (existing === undefined || existing.epoch !== registration.previousBrokerEpoch);
    const left = leaveSlice(context, { brokerId, isUnclean, keeps: undefined });
    if (!left.isDone) {
      const fence = existing === undefined || existing.fenced ? [] : [fenceRecord(existing)];
      const why = `What broker ${brokerId} led before is still being given to others: it may register when that is done.`;
      return { records: [...fence, ...left.records], reply: refuse(ErrorCode.REQUEST_TIMED_OUT, why) };
    }
    records.push(...left.records);
  }
  // A directory that this life has lost since takes its replicas along.
  if (same !== undefined && image.cluster.isActive(brokerId))
    records.push(...leaveSlice(context, { brokerId, isUnclean: false, keeps: registration.logDirs }).records);
  const brokerEpoch = same?.epoch ?? image.endOffset + records.length;
  records.push(registrationRecord(registration, brokerEpoch, same));
  const session = sessions.open(brokerId, image.endOffset + records.length, nowMs);
  session.heard = true;
  return { records, reply: ok({ brokerEpoch }) };
}

function registrationRecord(
  registration: BrokerRegistration,
  brokerEpoch: number,
  same: BrokerImage | undefined,
): MetadataRecord {
  return record('RegisterBrokerRecord', {
    brokerId: registration.brokerId,
    isMigratingZkBroker: false,
    incarnationId: registration.incarnationId,
    brokerEpoch,
    endPoints: registration.endpoints.map((endpoint) => ({ ...endpoint, auto: endpoint.auto ?? null })),
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
  });
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
  // One that is about to stop has said that it goes: its next life need not wait.
  const isAnother =
    existing !== undefined && existing.incarnationId !== incarnationId && !existing.inControlledShutdown;
  if (isAnother && sessions.isLive(brokerId, nowMs, settings.sessionTimeoutMs)) {
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
