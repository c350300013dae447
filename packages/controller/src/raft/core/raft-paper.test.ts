/** The claims of the Raft paper (Ongaro, Ousterhout 2014) as scenarios, by its sections; then those of Ongaro's thesis and KIP-853. */
import { describe, expect, test } from 'vitest';
import { Script } from '../testing/script.ts';
import { step } from './raft.ts';

describe('election safety (5.2)', () => {
  test('at most one leader is elected in an epoch: two that stand at once, one wins', () => {
    new Script('A B C').play(`
      A stands
      A leads epoch 1
      B follows A
      C follows A
    `);
  });

  test('a vote is given once in an epoch, also after a crash', () => {
    new Script('A B C').play(`
      cut A from C
      A stands
      A leads epoch 1
      crash B
      start B
      # B has voted for A in epoch 1: C cannot win that epoch, and gets the next one only
      crash A
      wait 3000
    `);
    const script = new Script('A B C');
    script.play(`
      cut A from C
      A stands
      crash B
      start B
    `);
    expect(script.state('B')).toMatchObject({ epoch: 1, votedFor: { id: 0 } });
  });

  test('a leader is elected only when its own vote is on its disk', () => {
    new Script('A').play(`
      hold A's disk
      A stands
      A's log is 
      release A's disk
      A leads epoch 1
      A has committed 1
    `);
  });
});

describe('leader append-only and log matching (5.3)', () => {
  test('a follower that missed entries gets them in order', () => {
    new Script('A B C').play(`
      A stands
      cut A from C
      A proposes x
      A proposes y
      deliver
      C's log is 1:-
      heal
      wait 300
      C's log is 1:- 1:x 1:y
      C has committed 3
    `);
  });

  test('what a deposed leader wrote alone is replaced by what the majority has', () => {
    new Script('A B C').play(`
      A stands
      cut A from B C
      A proposes lost
      A proposes gone
      deliver
      A's log is 1:- 1:lost 1:gone
      # check-quorum: A hears nobody and steps down; B and C go on
      B loses A
      C loses A
      wait 4000
      heal
      wait 2000
      A's log is 1:- 2:-
    `);
  });

  test('an acknowledgement waits for the disk', () => {
    new Script('A B C').play(`
      A stands
      hold B's disk
      crash C
      A proposes x
      deliver
      A has committed 1
      release B's disk
      deliver
      A has committed 2
    `);
  });

  test('the leader counts its own copy only once its disk has it', () => {
    new Script('A B C').play(`
      A stands
      crash C
      hold A's disk
      A proposes x
      deliver
      A has committed 1
      release A's disk
      A has committed 2
    `);
  });
});

describe('leader completeness (5.4)', () => {
  test('a candidate without a committed entry is not elected (5.4.1)', () => {
    new Script('A B C').play(`
      A stands
      cut C from A B
      A proposes x
      deliver
      A has committed 2
      crash A
      heal
      C loses A
      B loses A
      C stands
      C's log is 1:-
      B stands
      B leads epoch 2
      C's log is 1:- 1:x 2:-
    `);
  });

  test('an entry of an earlier epoch is not committed by counting copies (5.4.2, figure 8)', () => {
    const script = new Script('A B C', { appendBytesMax: 1 });
    script.play(`
      A stands
      # A's entry x reaches nobody
      cut A from B C
      A proposes x
      deliver
      crash A
      heal
      # C leads epoch 2, its first entry reaches nobody
      B loses A
      C loses A
      wait 100
    `);
    // Whoever of B and C has won, the entry of the new epoch and not the old one decides what is committed.
    script.play(`
      start A
      wait 3000
      A's log is 1:- 2:-
    `);
  });
});

describe('state machine safety (5.4.3)', () => {
  test('what is committed is never cut, whoever leads next', () => {
    new Script('A B C D E').play(`
      A stands
      A proposes x
      deliver
      wait 300
      crash A
      B loses A
      C loses A
      D loses A
      E loses A
      B stands
      B leads epoch 2
      B proposes y
      deliver
      start A
      wait 300
      A's log is 1:- 1:x 2:- 2:y
      E's log is 1:- 1:x 2:- 2:y
    `);
  });
});

describe('membership (thesis 4, KIP-853)', () => {
  test('a new voter catches up before it votes; one change at a time', () => {
    new Script('A B C + D').play(`
      A stands
      A proposes x
      deliver
      wait 300
      cut D from A
      A proposes y
      deliver
      A refuses voters A B C D
      heal
      wait 300
      A refuses voters A D
      A refuses voters B D
      voters from A: A B C D
      deliver
      A's log is 1:- 1:x 1:y 1:(A B C D)
      D's log is 1:- 1:x 1:y 1:(A B C D)
    `);
  });

  test('a change that is not committed yet keeps the next one out', () => {
    new Script('A B C + D').play(`
      A stands
      wait 300
      cut A from B C
      voters from A: A B C D
      deliver
      A refuses voters A B C
    `);
  });

  test('who was removed by a change that only it has kept may lead once more, for those who stay need its log', () => {
    new Script('A + B').play(`
      A stands
      wait 300
      voters from A: A B
      deliver
      hold A's disk
      voters from A: A
      deliver
      crash A
      crash B
      release A's disk
      start A
      start B
      deliver
      A's log is 1:- 1:(A B)
      B's log is 1:- 1:(A B) 1:(A)
      B stands
      deliver
      A leads epoch 3
      A's log is 1:- 1:(A B) 1:(A) 2:- 3:-
    `);
  });

  test('a leader that removes itself leads until that is committed, and hands over', () => {
    new Script('A B C').play(`
      A stands
      voters from A: B C
      deliver
      B leads epoch 2
      A refuses x
    `);
  });

  test('a new leader may not change the voters before an entry of its own is committed', () => {
    new Script('A B C').play(`
      hold B's disk
      hold C's disk
      A stands
      A refuses voters A B
    `);
  });
});

describe('snapshots (7)', () => {
  test('a replica that needs what the log no longer holds gets the snapshot, then the rest', () => {
    new Script('A B C').play(`
      A stands
      crash C
      A proposes x
      A proposes y
      deliver
      A takes a snapshot
      A proposes z
      deliver
      A's log is ... 1:z
      start C
      wait 500
      C's log is ... 1:z
      C has committed 4
    `);
  });
});

describe('disturbance (thesis 4.2.3, 6.2, 9.6)', () => {
  test('a replica that was cut off and comes back does not unseat the leader (pre-vote)', () => {
    new Script('A B C').play(`
      A stands
      cut C from A B
      wait 20000
      heal
      wait 1000
      A leads epoch 1
      C follows A
    `);
  });

  test('a leader that reaches no majority steps down (check-quorum)', () => {
    new Script('A B C').play(`
      A stands
      cut A from B C
      wait 3000
      A refuses x
    `);
  });

  test('when the streams of the leader break, nobody waits for the election timeout', () => {
    const script = new Script('A B C').play(`
      A stands
      crash A
      B loses A
      C loses A
      wait 80
    `);
    const roles = ['B', 'C'].map((name) => script.state(name).role.kind);
    expect(roles).toContain('leader');
  });

  test('a broken stream to one follower alone changes nothing: the others still hear the leader', () => {
    new Script('A B C').play(`
      A stands
      B loses A
      wait 500
      A leads epoch 1
    `);
  });

  test('a leader hands over without a pause (3.10)', () => {
    new Script('A B C').play(`
      A stands
      A proposes x
      deliver
      A hands over to B
      B leads epoch 2
      A follows B
    `);
  });
});

describe('a static voter with an empty disk', () => {
  test('it neither votes nor counts until a majority of the others has moved on with its leader', () => {
    const script = new Script('A B C');
    script.play(`
      A stands
      A proposes x
      deliver
      crash C
    `);
    const fresh = new Script('A B C');
    expect(fresh.state('C').recoverTo).toBe(-1);
    script.play(`
      start C
      A proposes y
      deliver
      A proposes z
      deliver
      wait 500
    `);
    expect(script.state('C').recoverTo).toBe(0);
  });

  test('votes that were given to the replica that had its id before are none of its own', () => {
    const script = new Script('A B C');
    script.play(`
      cut C from A B
      C stands
    `);
    const c = script.state('C');
    const a = script.state('A').self;
    const answered = (askedBy: string): void => {
      const message = { kind: 'preVoteReply', epoch: 0, asked: 1, askedBy, granted: true } as const;
      step(c, { kind: 'received', from: a, message }, 1, []);
    };
    answered('a disk that was lost');
    expect(c).toMatchObject({ epoch: 0, recoverTo: -1 });
    answered(c.self.directoryId);
    expect(c).toMatchObject({ epoch: 1, votedFor: c.self });
  });
});
