/**
 * The proof of the proof: a bug that is planted in production's source is found by whole clusters within 300 seeds. Each is one edit of a copy of
 * the package that it is in; what imports that package is copied with it.
 */
import { afterAll, expect, test } from 'vitest';
import { Planted } from '../shell/planted.ts';
import type { Bug } from '../shell/planted.ts';
import { runCluster } from './cluster.ts';
import { production } from './composition.ts';
import type { Composition } from './composition.ts';

const SEEDS = 300;
/** Of a busy machine, too. */
const timeout = 600_000;
/** Seeds of copies without a bug. */
const CONTROL_SEEDS = 10;

const ofReplication: readonly Bug[] = [
  {
    bug: 'acks=all is answered before the ISR has it',
    file: 'core/leader.ts',
    from: 'if (!follower.inMaximal && !isAboutToJoin(s, follower, nowMs)) continue;',
    to: 'continue;',
  },
  {
    bug: 'a new leader takes all that it has for committed',
    file: 'core/leader.ts',
    from: 'highWatermark: start.highWatermark,',
    to: 'highWatermark: start.logEnd,',
  },
  {
    bug: 'a follower is cut to its own high watermark, not to where the leader says (KIP-101)',
    file: 'shell/partition.ts',
    from: '    this.#follows = true;\n',
    to: '    this.#follows = true;\n    this.log.truncateTo(this.#highWatermark);\n',
  },
  {
    bug: 'a follower whose log has parted from that of its leader is not cut',
    file: 'shell/divergence.ts',
    from: 'if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset)',
    to: 'if (end.leaderEpoch < 0)',
  },
  {
    bug: 'a follower that has lost its unsynced tail counts with what it had',
    file: 'core/isr.ts',
    from: 'follower.endOffset = endOffset;',
    to: 'follower.endOffset = Math.max(follower.endOffset, endOffset);',
  },
  {
    bug: 'a leader goes on serving when metadata gives its partition to another',
    file: 'shell/partition.ts',
    from: 'if (to.leader !== this.#room.terms.self) this.#follow(isNewEpoch);',
    to: 'if (to.leader !== this.#room.terms.self && this.#led === undefined) this.#follow(isNewEpoch);\n    else if (to.leader !== this.#room.terms.self) return;',
  },
  {
    bug: 'the end that clients are told goes back with a new leader (KIP-207)',
    file: 'core/leader.ts',
    from: 'return s.highWatermark < s.epochStartOffset;',
    to: 'return s.highWatermark < 0;',
  },
];

const ofLog: readonly Bug[] = [
  {
    bug: 'a batch that is sent again is not known for one',
    file: 'core/producers.ts',
    from: 'if (kept.firstSequence === batch.firstSequence && kept.lastSequence === lastSequence) return kept;',
    to: 'if (kept.firstSequence === batch.firstSequence && kept.lastSequence !== lastSequence) return kept;',
  },
  {
    bug: 'a machine that lost its power says that it stopped in order',
    file: 'shell/log-dir.ts',
    from: 'removeCleanShutdown(files, this.path);',
    to: '',
  },
];

const ofController: readonly Bug[] = [
  {
    bug: 'whoever lives may be elected, in sync or not',
    file: 'core/leader-election.ts',
    from: "if (election === 'unclean') {",
    to: "if (election !== 'preferred') {",
  },
];

const replication = new Planted('replication', 'broker');
const log = new Planted('log', 'replication', 'broker');
const controller = new Planted('controller');
afterAll(() => {
  replication.remove();
  log.remove();
  controller.remove();
});

/** @returns the claim that the first seed which finds it says is broken; undefined: none of them has */
async function foundBy(composition: Composition): Promise<string | undefined> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violation } = await runCluster(seed, composition);
    if (violation !== undefined) return violation.claim;
  }
  return undefined;
}

test.for([
  { what: 'replication', planted: replication, file: 'core/leader.ts', from: 'function advance(' },
  { what: 'the log', planted: log, file: 'core/producers.ts', from: 'export class Producers {' },
])('simulator: finds nothing in a copy of $what without a bug', { timeout }, async ({ planted, file, from }) => {
  const copy = planted.plant({ bug: 'none', file, from, to: from });
  const found = await copy<Pick<Composition, 'createBroker' | 'createControllerLink'>>('broker', 'index.ts');
  for (let seed = 1; seed <= CONTROL_SEEDS; seed += 1)
    expect((await runCluster(seed, { ...production, ...found })).violation, `seed ${seed}`).toBeUndefined();
});

const ofBrokers = [
  ...ofReplication.map((bug) => ({ ...bug, planted: replication })),
  ...ofLog.map((bug) => ({ ...bug, planted: log })),
];

test.for(ofBrokers)('simulator: finds it when $bug', { timeout }, async ({ planted, ...bug }) => {
  const copy = planted.plant(bug);
  const found = await copy<Pick<Composition, 'createBroker' | 'createControllerLink'>>('broker', 'index.ts');
  expect(await foundBy({ ...production, ...found })).toBeDefined();
});

test.for(ofController)('simulator: finds it when $bug', { timeout }, async (bug) => {
  const copy = controller.plant(bug);
  const { createController } = await copy<Pick<Composition, 'createController'>>('controller', 'index.ts');
  expect(await foundBy({ ...production, createController })).toBeDefined();
});
