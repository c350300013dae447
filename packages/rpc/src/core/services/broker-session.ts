/** What a broker and the active controller say to each other: proto/broker_session.proto. The stream is the broker's liveness. */
import { codecOf, field, message, union } from '../schema.ts';
import type { Infer } from '../schema.ts';
import { serviceOf } from '../service.ts';
import { Answer, Ask, Refused } from './common.ts';

/** host null: nobody has said where it is reached from outside. */
const OutsideAddress = message('OutsideAddress', { host: field.nullableText(1), port: field.sint32(2) });
/** What clients of a listener that names no host are told, by the way they came. */
const AutoAddresses = message('AutoAddresses', {
  machine: field.text(1),
  /** Its addresses on each network (172.18.0.3/16), without loopback. */
  networks: field.texts(2),
  outside: field.nested(3, OutsideAddress),
});
const Endpoint = message('Endpoint', {
  name: field.text(1),
  host: field.text(2),
  port: field.sint32(3),
  /** Kafka's id: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  securityProtocol: field.sint32(4),
  /** null: the host was given, and everybody is told it. */
  auto: field.nullableNested(5, AutoAddresses),
});
const SupportedFeature = message('SupportedFeature', {
  name: field.text(1),
  min: field.sint32(2),
  max: field.sint32(3),
});
const Registration = message('Registration', {
  brokerId: field.sint32(1),
  clusterId: field.text(2),
  /** Of this life of the process. */
  incarnationId: field.uuid(3),
  endpoints: field.list(4, Endpoint),
  rack: field.nullableText(5),
  features: field.list(6, SupportedFeature),
  /** Directory ids. */
  logDirs: field.uuids(7),
  /** Under which this broker stopped in order; null: it did not, and may have lost what was not on disk (KIP-966). */
  previousBrokerEpoch: field.nullableUint64(8),
});

const Register = message('Register', {
  requestId: field.uint64(1),
  registration: field.nested(2, Registration),
});
const Heartbeat = message('Heartbeat', {
  requestId: field.uint64(1),
  brokerId: field.sint32(2),
  brokerEpoch: field.uint64(3),
  /** The end of what this broker has applied. */
  metadataOffset: field.uint64(4),
  wantFence: field.bool(5),
  wantShutDown: field.bool(6),
  /** Directories that have failed since the start (KIP-858). */
  offlineLogDirs: field.uuids(7),
  /** Directories that get nothing new (KIP-1066). */
  cordonedLogDirs: field.uuids(8),
});
/** Committed metadata is wanted from where this broker is: from (0, 0) with the snapshot first, else what follows if it is still there. */
const Subscribe = message('Subscribe', { endOffset: field.uint64(1), epoch: field.sint32(2) });

/** Broker to controller. Requests to the controller (ISR changes and producer id blocks, too) are Kafka's: `ask`. */
export const FromBroker = union('FromBroker', {
  register: [1, Register],
  heartbeat: [2, Heartbeat],
  subscribe: [3, Subscribe],
  ask: [4, Ask],
});
export type FromBroker = Infer<typeof FromBroker>;

const Registered = message('Registered', {
  requestId: field.uint64(1),
  refused: field.nullableNested(2, Refused),
  brokerEpoch: field.uint64(3),
});
const HeartbeatReply = message('HeartbeatReply', {
  requestId: field.uint64(1),
  refused: field.nullableNested(2, Refused),
  fenced: field.bool(3),
  /** Everything that the broker led has moved, and every other broker knows it: it may stop. */
  shouldShutDown: field.bool(4),
});
/** A part of the snapshot: metadata records, framed as values of `__cluster_metadata`. All parts name the same end. */
const SnapshotChunk = message('SnapshotChunk', {
  endOffset: field.uint64(1),
  epoch: field.sint32(2),
  /** Records before this part. */
  position: field.uint64(3),
  records: field.bytesList(4),
  isLast: field.bool(5),
});
const Committed = message('Committed', {
  /** Offset after the last of the records; without any, after what controllers said among themselves. */
  endOffset: field.uint64(1),
  epoch: field.sint32(2),
  records: field.bytesList(3),
});
/** The broker is fenced from now on, though it may not have asked. */
const Fenced = message('Fenced', { brokerEpoch: field.uint64(1), why: field.text(2) });
/**
 * The first message of a stream to the active controller: from now on it takes what the broker says. A controller that does not know who
 * leads says nothing until it does, so a broker that waits hears of an election at once.
 */
const Active = message('Active', { leaderEpoch: field.sint32(1) });
/** This is not the active controller, or no longer. Answers to what was asked before may follow; then the stream ends. */
const NotActive = message('NotActive', {
  /** -1: none is known. */
  leaderId: field.sint32(1),
  leaderEpoch: field.sint32(2),
  host: field.text(3),
  port: field.sint32(4),
});

/** Controller to broker. */
export const FromController = union('FromController', {
  active: [1, Active],
  notActive: [2, NotActive],
  registered: [3, Registered],
  heartbeatReply: [4, HeartbeatReply],
  snapshotChunk: [5, SnapshotChunk],
  committed: [6, Committed],
  answer: [7, Answer],
  fenced: [8, Fenced],
});
export type FromController = Infer<typeof FromController>;

export const brokerSessionService = serviceOf({
  name: 'BrokerSession',
  versions: { min: 1, max: 1 },
  asked: codecOf(FromBroker),
  told: codecOf(FromController),
});
