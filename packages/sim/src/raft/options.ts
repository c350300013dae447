/** What a seed decides before a run begins: how many nodes, which faults and how often. Every option is drawn, so that runs differ in kind. */
import { Prng } from '@odradek/base';

export type RunOptions = {
  readonly seed: number;
  readonly voterCount: number;
  /** Nodes that may become voters. */
  readonly spareCount: number;
  readonly safetyMs: number;
  readonly electionTimeoutMs: number;
  /** Messages of a pair keep their order and none is lost until the connection breaks, as on TCP; else anything goes. */
  readonly hasStreams: boolean;
  readonly messageDelayMs: number;
  /** Out of 1000 messages, where there are no streams. */
  readonly lostPerMille: number;
  readonly duplicatedPerMille: number;
  readonly reorderedPerMille: number;
  readonly syncDelayMs: number;
  /** Mean times between faults, milliseconds; 0: none of the kind. */
  readonly crashEveryMs: number;
  readonly partitionEveryMs: number;
  readonly pauseEveryMs: number;
  readonly votersEveryMs: number;
  readonly transferEveryMs: number;
  readonly wipeEveryMs: number;
  /** Out of 1000 new leaders: cut off at once, and crashed when their first entry is on their disk (figure 8 of the paper begins so). */
  readonly stillbornPerMille: number;
  /** Out of 1000 times that a leader commits: crashed in that moment. */
  readonly crashOnCommitPerMille: number;
  /** Out of 1000 times that a leader commits: all nodes crash in that moment, as without power. */
  readonly powerCutPerMille: number;
  readonly proposeEveryMs: number;
  /** Entries between snapshots; 0: none are taken. */
  readonly snapshotEvery: number;
  readonly snapshotPartBytes: number;
  /** Out of 1000: how much faster or slower a node's clock may run. */
  readonly driftPerMille: number;
  readonly appendBytesMax: number;
  readonly inFlightMax: number;
  readonly keptBytesMax: number;
};

export function drawOptions(seed: number): RunOptions {
  const random = new Prng(seed ^ 0x5eed);
  const one = <T>(...choices: readonly [T, ...T[]]): T => choices[random.below(choices.length)] ?? choices[0];
  const hasStreams = random.chance(1, 2);
  return {
    seed,
    voterCount: one(3, 3, 5, 1, 2),
    spareCount: one(0, 0, 1, 2),
    safetyMs: one(5_000, 10_000, 20_000),
    electionTimeoutMs: one(150, 300, 1_000),
    hasStreams,
    messageDelayMs: one(1, 5, 30),
    lostPerMille: one(0, 10, 100, 300),
    duplicatedPerMille: one(0, 10, 100),
    reorderedPerMille: one(0, 50, 500),
    syncDelayMs: one(0, 2, 20, 100),
    crashEveryMs: one(0, 500, 2_000, 5_000),
    partitionEveryMs: one(0, 700, 2_000, 5_000),
    pauseEveryMs: one(0, 0, 1_000, 3_000),
    votersEveryMs: one(0, 0, 500, 2_000),
    transferEveryMs: one(0, 0, 1_000),
    wipeEveryMs: one(0, 500, 1_500, 4_000),
    stillbornPerMille: one(0, 0, 300, 600),
    crashOnCommitPerMille: one(0, 0, 50, 500),
    proposeEveryMs: one(2, 10, 50),
    snapshotEvery: one(0, 5, 20, 100),
    snapshotPartBytes: one(8, 64, 1_000),
    driftPerMille: one(0, 0, 20, 100),
    appendBytesMax: one(1, 300, 100_000),
    inFlightMax: one(1, 2, 16),
    keptBytesMax: one(0, 500, 10_000),
    powerCutPerMille: one(0, 0, 5, 50),
  };
}
