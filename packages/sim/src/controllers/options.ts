/** What a seed decides before a run begins: which nodes there are, what may go wrong, and how often. */
import { Prng } from '@odradek/base';

export type ControllersOptions = {
  readonly seed: number;
  readonly controllerCount: number;
  readonly brokerCount: number;
  /** Brokers run in the processes of controllers, as far as there are any. */
  readonly isCombined: boolean;
  /** Voters are added and removed while the cluster runs (KIP-853). */
  readonly isDynamic: boolean;
  /** Controllers that are no voters ask to be (KIP-1186); else an operator adds them. */
  readonly isAutoJoin: boolean;
  readonly safetyMs: number;
  readonly electionTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** Within which a broker whose stream broke must be back. */
  readonly graceMs: number;
  /** How much a controller decides at once of what a broker leaves behind. */
  readonly recordsPerSliceMax: number;
  readonly messageDelayMs: number;
  readonly diskDelayMs: number;
  /** Bytes of log after which a snapshot is taken. */
  readonly snapshotBytes: number;
  /** Out of 1000: how much faster or slower a process's clock may run. */
  readonly driftPerMille: number;
  /** Mean time between requests of clients. */
  readonly askEveryMs: number;
  /** Out of 1000 requests: one that unregisters a broker, whether or not it lives. */
  readonly unregisterPerMille: number;
  /** Mean times between faults, milliseconds; 0: none of the kind. */
  readonly resetEveryMs: number;
  readonly cutEveryMs: number;
  readonly killEveryMs: number;
  readonly powerOffEveryMs: number;
  /** Every machine loses its power at once. */
  readonly blackoutEveryMs: number;
  readonly stopEveryMs: number;
  readonly pauseEveryMs: number;
  readonly wipeEveryMs: number;
  readonly stallEveryMs: number;
  readonly fullDiskEveryMs: number;
  /** Two processes with one broker's id. */
  readonly twinEveryMs: number;
  readonly handOverEveryMs: number;
  readonly votersEveryMs: number;
  /** Out of 1000 acknowledged changes: the active controller dies, or is cut off, at that moment. */
  readonly killOnAckPerMille: number;
};

export function drawControllers(seed: number): ControllersOptions {
  const random = new Prng(seed ^ 0xc0_4e5e);
  const one = <T>(...choices: readonly [T, ...T[]]): T => choices[random.below(choices.length)] ?? choices[0];
  return {
    seed,
    controllerCount: one(3, 3, 5),
    brokerCount: one(2, 3, 4),
    isCombined: one(true, false),
    isDynamic: one(false, false, true),
    isAutoJoin: one(true, false),
    safetyMs: one(4_000, 8_000, 12_000),
    electionTimeoutMs: one(200, 400, 1_000),
    sessionTimeoutMs: one(600, 1_500, 3_000),
    messageDelayMs: one(1, 5, 20),
    diskDelayMs: one(0, 2, 20),
    snapshotBytes: one(500, 3_000, 1_000_000),
    driftPerMille: one(0, 0, 20, 100),
    askEveryMs: one(10, 30, 100),
    resetEveryMs: one(0, 300, 1_000),
    cutEveryMs: one(0, 700, 2_000),
    killEveryMs: one(0, 800, 2_500),
    powerOffEveryMs: one(0, 0, 2_500),
    stopEveryMs: one(0, 0, 2_000),
    pauseEveryMs: one(0, 1_000, 3_000),
    wipeEveryMs: one(0, 0, 2_000),
    stallEveryMs: one(0, 0, 1_500),
    fullDiskEveryMs: one(0, 0, 4_000),
    handOverEveryMs: one(0, 0, 1_500),
    twinEveryMs: one(0, 0, 2_000),
    graceMs: one(20, 100),
    recordsPerSliceMax: one(4, 1_000),
    blackoutEveryMs: one(0, 0, 4_000),
    unregisterPerMille: one(0, 0, 10),
    votersEveryMs: one(500, 1_500),
    killOnAckPerMille: one(0, 0, 20, 100),
  };
}
