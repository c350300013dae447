/** The proof of the proof: a bug that is planted in a copy of the partitions' source is found by the model cluster. Each is one edit. */
import { afterAll, expect, test } from 'vitest';
import { Planted } from '../shell/planted.ts';
import type { Bug } from '../shell/planted.ts';
import { runPartitions } from './cluster.ts';
import type { ReplicasModule } from './machine.ts';

const SEEDS = 400;
/** Some take a hundred seeds, on a machine that has other things to do. */
const TIMEOUT_MS = 240_000;

const mutants: readonly Bug[] = [
  {
    bug: 'the high watermark looks at the committed ISR only, not at who is about to join',
    file: 'core/leader.ts',
    from: 'if (!follower.inMaximal && !isAboutToJoin(s, follower, nowMs)) continue;',
    to: 'if (!follower.inIsr) continue;',
  },
  {
    bug: 'what the leader alone has is committed',
    file: 'core/leader.ts',
    from: 'if (follower.endOffset >= committed) continue;',
    to: 'continue;',
  },
  {
    bug: 'who is proposed to leave holds nothing back any more (KIP-497)',
    file: 'core/isr.ts',
    from: 'const leaving = new Set(change.leaving.map(({ id }) => id));',
    to: 'const leaving = new Set(change.leaving.map(({ id }) => id));\n  for (const each of change.leaving) each.inMaximal = false;',
  },
  {
    bug: 'who is proposed to join holds nothing back yet (KIP-497)',
    file: 'core/isr.ts',
    from: 'follower.inMaximal = true;',
    to: '',
  },
  {
    bug: 'a history that has parted from that of the leader is not noticed (KIP-101)',
    file: 'shell/divergence.ts',
    from: 'if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset)',
    to: 'if (end.endOffset < 0)',
  },
  {
    bug: 'a follower is cut one epoch too little (KIP-279)',
    file: 'core/follower.ts',
    from: 'const to = Math.min(ownEnd, theirs.endOffset, facts.logEnd);',
    to: 'const to = Math.min(Math.max(ownEnd, theirs.endOffset), facts.logEnd);',
  },
  {
    bug: 'a replica that comes back counts with what it had before',
    file: 'core/isr.ts',
    from: 'follower.endOffset = endOffset;',
    to: 'follower.endOffset = Math.max(follower.endOffset, endOffset);',
  },
  {
    bug: 'a former leader goes on leading',
    file: 'shell/partition.ts',
    from: '    this.#resign();\n    if (this.#leaderId === NO_LEADER) return this.#unfollow();',
    to: '    if (this.#leaderId === NO_LEADER) return this.#unfollow();',
  },
  {
    bug: 'a follower takes for committed what it has not got',
    file: 'core/follower.ts',
    from: 'Math.max(facts.highWatermark, Math.min(told.highWatermark, facts.logEnd))',
    to: 'Math.max(facts.highWatermark, told.highWatermark)',
  },
  {
    bug: 'while too few are in sync, more becomes committed (KIP-966)',
    file: 'core/leader.ts',
    from: 'if (!hasEnoughReplicas(s)) return;',
    to: '',
  },
  {
    bug: 'a broker that comes back leads again what its former life has led',
    file: 'shell/hosting.ts',
    from: 'this.#isStarted ||= this.#isOfThisLife(image);',
    to: 'this.#isStarted = true;',
  },
  {
    bug: 'acks=all is answered at once',
    file: 'shell/producing.ts',
    from: 'result.lastOffset >= partition.highWatermark',
    to: 'result.lastOffset > partition.log.logEndOffset',
  },
  {
    bug: 'an answer that was lost is not asked for again',
    file: 'shell/isr-changes.ts',
    from: 'if (!this.#due.has(proposer)) this.#due.set(proposer, proposal);',
    to: 'this.#due.delete(proposer);\n    void proposal;',
  },
];

const planted = new Planted('replication');
afterAll(() => planted.remove());

test.for(mutants)('partitions: finds it when $bug', { timeout: TIMEOUT_MS }, async (mutant) => {
  const module = await planted.plant(mutant)<ReplicasModule>('replication', 'testing/rig.ts');
  let found: number | undefined;
  for (let seed = 1; seed <= SEEDS && found === undefined; seed += 1) {
    const { violation } = await runPartitions(seed, module);
    if (violation !== undefined) found = seed;
  }
  expect(found, `no seed of ${SEEDS} has found it`).toBeDefined();
});
