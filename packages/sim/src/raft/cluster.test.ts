import { expect, test } from 'vitest';
import { runRaft } from './cluster.ts';

/** Seeds that have broken a claim once. */
const pinned = [1, 27, 75, 96, 153, 197, 239, 310, 617, 1032, 1578, 1717, 1914, 2062, 1164, 21_630];

/** 2,000 in all, in parts, so that a slow machine shows progress. */
const parts = Array.from({ length: 20 }, (_, part) => ({ part, from: Math.floor(Math.random() * 900_000_000) }));
const SEEDS_PER_PART = 100;

test.for(pinned)('raft: no claim is broken by seed %i', (seed) => {
  expect(runRaft(seed).violation).toBeUndefined();
});

test.for(parts)('raft: no claim is broken by 100 fresh seeds ($part: from $from)', ({ from }) => {
  for (let seed = from; seed < from + SEEDS_PER_PART; seed += 1)
    expect(runRaft(seed).violation, `npx -y pnpm@12 sim --seed ${seed}`).toBeUndefined();
});

test('raft: two runs of one seed are the same, event by event', () => {
  for (const seed of [3, 4, 5]) {
    const stories = [0, 1].map(() => {
      const story: string[] = [];
      const report = runRaft(seed, undefined, (line) => void story.push(line));
      return { story, report };
    });
    expect(stories[0]?.story.length).toBeGreaterThan(100);
    expect(stories[0]).toEqual(stories[1]);
  }
});
