import { expect, test } from 'vitest';
import { DIRECTORY_UNASSIGNED, NO_LEADER, NO_LEADER_CHANGE, type PartitionImage } from '@odradek/metadata';
import { LeaderRecoveryState } from '@odradek/protocol';
import { changePartition, type PartitionChange } from './leader-election.ts';

function partition(over: Partial<PartitionImage> = {}): PartitionImage {
  return {
    partition: 0,
    replicas: [1, 2, 3],
    directories: [DIRECTORY_UNASSIGNED, DIRECTORY_UNASSIGNED, DIRECTORY_UNASSIGNED],
    isr: [1, 2, 3],
    elr: [],
    lastKnownElr: [],
    addingReplicas: [],
    removingReplicas: [],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    ...over,
  };
}

/** @param alive brokers that may lead */
function change(over: Partial<PartitionChange> & { readonly alive: readonly number[] }) {
  return changePartition({
    topicId: 't',
    partition: partition(),
    election: 'online',
    mayLead: (id) => over.alive.includes(id),
    minIsr: 1,
    elrEnabled: false,
    defaultDirectory: () => DIRECTORY_UNASSIGNED,
    ...over,
  });
}

test('election: nothing to change makes no record', () => {
  expect(change({ alive: [1, 2, 3] })).toBeUndefined();
});

test('election: the leader stays as long as it may lead, even when the first replica is back', () => {
  expect(change({ partition: partition({ leader: 2 }), alive: [1, 2, 3] })).toBeUndefined();
});

test('election: preferred takes the leadership back to the first replica', () => {
  const record = change({ partition: partition({ leader: 2 }), alive: [1, 2, 3], election: 'preferred' });
  expect(record).toMatchObject({ leader: 1, isr: null });
});

test('election: preferred leaves the leader alone when the first replica is not in sync', () => {
  const asked = { partition: partition({ leader: 2, isr: [2, 3] }), election: 'preferred' } as const;
  expect(change({ ...asked, alive: [1, 2, 3] })).toBeUndefined();
});

test('election: the next leader is the first of the replicas that is in sync and may lead', () => {
  expect(change({ isr: [2, 3], alive: [2, 3] })).toMatchObject({ leader: 2, isr: [2, 3] });
  expect(change({ isr: [2, 3], alive: [3] })).toMatchObject({ leader: 3 });
});

test('election: a smaller ISR alone does not touch the leader epoch', () => {
  expect(change({ isr: [1, 2], alive: [1, 2] })).toMatchObject({ leader: NO_LEADER_CHANGE, isr: [1, 2] });
});

test('election: the last in-sync replica stays in the ISR without a leader', () => {
  const record = change({ partition: partition({ isr: [1] }), isr: [], alive: [2, 3] });
  expect(record).toMatchObject({ leader: NO_LEADER, isr: null });
});

test('election: unclean takes any live replica rather than none, alone in the ISR and marked as recovering', () => {
  const record = change({ partition: partition({ isr: [1] }), isr: [], alive: [2, 3], election: 'unclean' });
  expect(record).toMatchObject({ leader: 2, isr: [2], leaderRecoveryState: LeaderRecoveryState.RECOVERING });
});

test('ELR: who leaves an ISR that falls below min.insync.replicas stays eligible', () => {
  const elr = { elrEnabled: true, minIsr: 2 };
  expect(change({ ...elr, isr: [1, 2], alive: [1, 2] })).toMatchObject({ isr: [1, 2], eligibleLeaderReplicas: null });
  const record = change({ ...elr, partition: partition({ isr: [1, 2] }), isr: [1], alive: [1] });
  expect(record).toMatchObject({ isr: [1], eligibleLeaderReplicas: [2] });
});

test('ELR: an eligible replica leads cleanly when the ISR is empty, and is then the ISR', () => {
  const leaderless = partition({ isr: [], elr: [2], lastKnownElr: [1], leader: NO_LEADER });
  const record = change({ elrEnabled: true, minIsr: 2, partition: leaderless, alive: [2] });
  expect(record).toMatchObject({ leader: 2, isr: [2], eligibleLeaderReplicas: [], lastKnownElr: [] });
  expect(record?.leaderRecoveryState).toBe(-1);
});

test('ELR: an ISR of min.insync.replicas again clears the eligible ones', () => {
  const short = partition({ isr: [1], elr: [2] });
  const record = change({ elrEnabled: true, minIsr: 2, partition: short, isr: [1, 3], alive: [1, 3] });
  expect(record).toMatchObject({ isr: [1, 3], eligibleLeaderReplicas: [] });
});

test('ELR: who stopped uncleanly is neither in sync nor eligible; the last leader is remembered', () => {
  const alone = partition({ isr: [1] });
  const record = change({ elrEnabled: true, minIsr: 2, partition: alone, uncleanlyStopped: [1], alive: [2, 3] });
  expect(record).toMatchObject({ leader: NO_LEADER, isr: [], eligibleLeaderReplicas: null, lastKnownElr: [1] });
});

test('ELR: with nobody in sync or eligible only the last known leader leads again, and that is marked', () => {
  const lost = partition({ isr: [], lastKnownElr: [1], leader: NO_LEADER });
  const asked = { elrEnabled: true, minIsr: 2, partition: lost };
  expect(change({ ...asked, alive: [2, 3] })).toBeUndefined();
  expect(change({ ...asked, alive: [1, 2, 3] })).toMatchObject({
    leader: 1,
    isr: [1],
    lastKnownElr: [],
    leaderRecoveryState: LeaderRecoveryState.RECOVERING,
  });
});

const fromTo = { replicas: [4, 5, 1, 2, 3], addingReplicas: [4, 5], removingReplicas: [1, 2, 3] };
const directories = ['a', 'b', 'c', 'd', 'e'];

test('reassignment: what begins names the replicas to come, their directories, and leaves leader and epoch alone', () => {
  const record = change({ alive: [1, 2, 3, 4, 5], ...fromTo, defaultDirectory: (id) => `of ${id}` });
  expect(record).toMatchObject({ ...fromTo, leader: NO_LEADER_CHANGE, isr: null });
  const [unassigned] = partition().directories;
  expect(record?.directories).toEqual(['of 4', 'of 5', unassigned, unassigned, unassigned]);
});

test('reassignment: with only some of the new replicas in sync it goes on', () => {
  const moving = partition({ ...fromTo, directories });
  const record = change({ partition: moving, isr: [1, 2, 3, 4], alive: [1, 2, 3, 4, 5] });
  expect(record).toMatchObject({ isr: [1, 2, 3, 4], replicas: null, addingReplicas: null, leader: NO_LEADER_CHANGE });
});

test('reassignment: the ISR that holds every new replica completes it, under a new leader when the old one goes', () => {
  const moving = partition({ ...fromTo, directories });
  const record = change({ partition: moving, isr: [1, 2, 3, 4, 5], alive: [1, 2, 3, 4, 5] });
  expect(record).toMatchObject({
    replicas: [4, 5],
    directories: ['a', 'b'],
    isr: [4, 5],
    addingReplicas: [],
    removingReplicas: [],
    leader: 4,
    leaderRecoveryState: -1,
  });
});

test('reassignment: a leader that stays gets a new epoch when a replica goes, none when replicas only change places', () => {
  const leaving = { replicas: [1, 2, 3], removingReplicas: [3] };
  expect(change({ ...leaving, alive: [1, 2, 3] })).toMatchObject({ replicas: [1, 2], isr: [1, 2], leader: 1 });
  expect(change({ replicas: [3, 1, 2], alive: [1, 2, 3] })).toMatchObject({
    replicas: [3, 1, 2],
    leader: NO_LEADER_CHANGE,
  });
});

test('reassignment: it is not completed as long as nobody that stays is in sync', () => {
  const moving = partition({ replicas: [1, 2, 3], removingReplicas: [1, 2, 3] });
  expect(change({ partition: moving, alive: [1, 2, 3] })).toBeUndefined();
  const without = partition({ replicas: [1, 2, 3], removingReplicas: [1], isr: [1] });
  expect(change({ partition: without, alive: [1, 2, 3] })).toBeUndefined();
});

test('ELR: a replica that is reassigned away is not eligible any more', () => {
  const leaving = { replicas: [1, 2, 3], removingReplicas: [2, 3] };
  const record = change({ ...leaving, elrEnabled: true, minIsr: 2, alive: [1, 2, 3] });
  expect(record).toMatchObject({ replicas: [1], isr: [1], eligibleLeaderReplicas: null });
});

test('ELR: turned off, who is eligible may still lead when nobody is in sync, and is forgotten then', () => {
  const leaderless = partition({ isr: [], elr: [2], leader: NO_LEADER });
  expect(change({ partition: leaderless, alive: [1, 3] })).toBeUndefined();
  expect(change({ partition: leaderless, alive: [2] })).toMatchObject({
    leader: 2,
    isr: [2],
    eligibleLeaderReplicas: [],
  });
});

test('recovery: a leader that has recovered says so, and nothing else changes', () => {
  const recovering = partition({ isr: [1], leaderRecoveryState: LeaderRecoveryState.RECOVERING });
  const record = change({ partition: recovering, alive: [1], leaderRecoveryState: LeaderRecoveryState.RECOVERED });
  expect(record).toMatchObject({ leaderRecoveryState: LeaderRecoveryState.RECOVERED, leader: NO_LEADER_CHANGE });
});

test('directories: one that is told for a replica is the only thing that changes', () => {
  const record = change({ directories: new Map([[2, 'x']]), alive: [1, 2, 3] });
  const [unassigned] = partition().directories;
  expect(record).toMatchObject({ directories: [unassigned, 'x', unassigned], isr: null, replicas: null });
  expect(change({ directories: new Map([[2, unassigned ?? '']]), alive: [1, 2, 3] })).toBeUndefined();
});
