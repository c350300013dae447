/** For tests: fresh seeds in parts, so that each test says which it has run. */
import { runCluster } from './cluster.ts';

const SEEDS_PER_PART = 25;

export type Part = { readonly part: number; readonly from: number };

export function freshParts(seedCount: number): readonly Part[] {
  const count = Math.ceil(seedCount / SEEDS_PER_PART);
  return Array.from({ length: count }, (_, part) => ({ part, from: Math.floor(Math.random() * 900_000_000) }));
}

/** @returns what was wrong with the first seed that broke a claim, and how it is run again; undefined: none has */
export async function brokenOf({ from }: Part): Promise<string | undefined> {
  for (let seed = from; seed < from + SEEDS_PER_PART; seed += 1) {
    const { violation } = await runCluster(seed);
    if (violation !== undefined)
      return `${violation.claim}: ${violation.what}; npx -y pnpm@12 sim --seed ${seed} --gear cluster`;
  }
  return undefined;
}
