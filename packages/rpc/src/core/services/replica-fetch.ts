/** What a follower and the leaders on another broker say to each other: proto/replica_fetch.proto, which says what the fields mean. */
import { codecOf, field, message, union } from '../schema.ts';
import type { Codec, Infer } from '../schema.ts';
import { serviceOf } from '../service.ts';
import { LaidBatches } from './replica-batches.ts';

const ReplicaHello = message('ReplicaHello', { brokerEpoch: field.uint64(1) });

const FollowPosition = message('FollowPosition', {
  slot: field.uint64(1),
  topicId: field.uuid(2),
  partition: field.sint32(3),
  leaderEpoch: field.sint32(4),
  fetchOffset: field.uint64(5),
  lastFetchedEpoch: field.sint32(6),
  logStartOffset: field.uint64(7),
});
export type FollowPosition = Infer<typeof FollowPosition>;
const Follow = message('Follow', { partitions: field.list(1, FollowPosition) });

const ReplicaSlot = message('ReplicaSlot', { slot: field.uint64(1) });
const Unfollow = message('Unfollow', { slots: field.list(1, ReplicaSlot) });

const ReplicaPosition = message('ReplicaPosition', {
  slot: field.uint64(1),
  endOffset: field.uint64(2),
  logStartOffset: field.uint64(3),
});
export type ReplicaPosition = Infer<typeof ReplicaPosition>;
const ReplicaAppended = message('ReplicaAppended', { positions: field.list(1, ReplicaPosition) });

export const FromFollower = union('FromFollower', {
  hello: [1, ReplicaHello],
  follow: [2, Follow],
  unfollow: [3, Unfollow],
  appended: [4, ReplicaAppended],
});
export type FromFollower = Infer<typeof FromFollower>;

const ReplicaPart = message('ReplicaPart', {
  slot: field.uint64(1),
  fetchOffset: field.uint64(2),
  highWatermark: field.uint64(3),
  logStartOffset: field.uint64(4),
  /** Given in the parts in which a log was read, which are copied once, one behind the other; one slice when it comes. */
  records: field.joined(5),
});
export type ReplicaPart = Infer<typeof ReplicaPart>;
const ReplicaProgress = message('ReplicaProgress', {
  slot: field.uint64(1),
  highWatermark: field.uint64(2),
  logStartOffset: field.uint64(3),
});
export type ReplicaProgress = Infer<typeof ReplicaProgress>;
const ReplicaBatches = message('ReplicaBatches', {
  parts: field.list(1, ReplicaPart),
  progress: field.list(2, ReplicaProgress),
});

const Diverging = message('Diverging', { slot: field.uint64(1), epoch: field.sint32(2), endOffset: field.uint64(3) });
const FollowRefused = message('FollowRefused', {
  slot: field.uint64(1),
  code: field.sint32(2),
  why: field.text(3),
  logStartOffset: field.uint64(4),
  logEndOffset: field.uint64(5),
});

export type FollowRefused = Infer<typeof FollowRefused>;
export type Diverging = Infer<typeof Diverging>;
const FollowAnswers = message('FollowAnswers', {
  diverging: field.list(1, Diverging),
  refused: field.list(2, FollowRefused),
});

export const FromLeader = union('FromLeader', { batches: [1, ReplicaBatches], answers: [2, FollowAnswers] });
export type FromLeader = Infer<typeof FromLeader>;

const anyFromLeader = codecOf(FromLeader);

/** Batches are most of what brokers say to each other, so they are laid out by hand: each byte of them is copied once. */
const fromLeader: Codec<FromLeader> = {
  ...anyFromLeader,
  encode: (told) => (told.kind === 'batches' ? new LaidBatches(told).encode() : anyFromLeader.encode(told)),
  lay: (told) => (told.kind === 'batches' ? new LaidBatches(told) : anyFromLeader.encode(told)),
};

/** A follower dials each broker that leads a partition of it. Version 1 is what this file says. */
export const replicaFetchService = serviceOf({
  name: 'ReplicaFetch',
  versions: { min: 1, max: 1 },
  asked: codecOf(FromFollower),
  told: fromLeader,
});
