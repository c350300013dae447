/** The proof of the proof: a bug that is planted in the core is found by the simulator within 400 seeds. Each is one edit of its source. */
import { afterAll, expect, test } from 'vitest';
import { Planted } from '../shell/planted.ts';
import type { Bug } from '../shell/planted.ts';
import { runRaft } from './cluster.ts';
import type { RaftModule } from './node.ts';

const SEEDS = 400;

const mutants: readonly Bug[] = [
  {
    bug: 'an entry counts for the leader before its disk has it, and acknowledgements do not wait for the disk',
    file: 'state.ts',
    from: 'afterSeq = s.persistSeq',
    to: 'afterSeq = 0',
  },
  {
    bug: 'the vote is not kept',
    file: 'candidate.ts',
    from: 's.votedFor = from;',
    to: '',
  },
  {
    bug: 'a vote of an earlier election counts',
    file: 'candidate.ts',
    from: 'if (message.asked !== (isPre ? s.epoch + 1 : s.epoch) || message.askedBy !== s.self.directoryId) return;',
    to: 'if (message.askedBy !== s.self.directoryId) return;',
  },
  {
    bug: 'an entry of an earlier epoch is committed by counting',
    file: 'leader.ts',
    from: '|| s.log.epochAt(reached) !== s.epoch) return;',
    to: ') return;',
  },
  {
    bug: 'a candidate with a shorter log is voted for',
    file: 'candidate.ts',
    from: 'last.offset >= own.offset',
    to: 'last.offset >= 0',
  },
  {
    bug: 'what follows is taken without looking at what came before',
    file: 'follower.ts',
    from: 'if (s.log.epochAt(previous.offset) !== previous.epoch) {',
    to: 'if (previous.offset > s.log.endOffset) {',
  },
  {
    bug: 'a majority is half',
    file: 'quorum.ts',
    from: 'return Math.floor(count / 2) + 1;',
    to: 'return Math.max(1, Math.floor(count / 2));',
  },
  {
    bug: 'a voter with an empty disk votes as if it remembered',
    file: 'candidate.ts',
    from: 'if (s.recoverTo > 0) return false;\n  if (s.recoverTo === BLANK && last.offset > 0) return false;',
    to: '',
  },
];

const planted = new Planted('controller');
afterAll(() => planted.remove());

test.for(mutants)('simulator: finds it when $bug', async (mutant) => {
  const copy = planted.plant({ ...mutant, file: `raft/core/${mutant.file}` });
  const raft = await copy<RaftModule>('controller', 'raft/index.ts');
  const found = Array.from({ length: SEEDS }, (_, seed) => seed + 1).find(
    (seed) => runRaft(seed, raft).violation !== undefined,
  );
  expect(found, `no seed of ${SEEDS} has found it`).toBeDefined();
});
