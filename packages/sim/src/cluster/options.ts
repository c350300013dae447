/** What a seed decides before a run begins: which nodes and topics there are, what clients do, what may go wrong and how often. */
import { Prng } from '@odradek/base';

export type ClusterOptions = {
  readonly seed: number;
  readonly controllerCount: number;
  readonly brokerCount: number;
  /** Brokers run in the processes of controllers. */
  readonly isCombined: boolean;
  /** The voters are those of the configuration. */
  readonly isDynamic: false;
  readonly isAutoJoin: false;
  readonly safetyMs: number;
  readonly electionTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** Within which a broker whose stream broke must be back. */
  readonly graceMs: number;
  readonly replicaLagMs: number;
  readonly messageDelayMs: number;
  readonly diskDelayMs: number;
  readonly snapshotBytes: number;
  /** Out of 1000: how much faster or slower a process's clock may run. */
  readonly driftPerMille: number;
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  /** Bytes after which a log begins a new file. */
  readonly segmentBytes: number;
  /** How long a producer waits between batches, on the average. */
  readonly produceEveryMs: number;
  /** Batches that a producer sends ahead of the answers. */
  readonly inFlight: number;
  /** Mean times between things that happen, milliseconds; 0: none of the kind. */
  readonly commitEveryMs: number;
  readonly adminEveryMs: number;
  readonly resetEveryMs: number;
  readonly cutEveryMs: number;
  readonly killEveryMs: number;
  readonly powerOffEveryMs: number;
  /** Every process is killed at once. */
  readonly blackoutEveryMs: number;
  readonly stopEveryMs: number;
  readonly pauseEveryMs: number;
  readonly wipeEveryMs: number;
  readonly stallEveryMs: number;
  readonly fullDiskEveryMs: number;
  /** A disk refuses to be written. */
  readonly diskFailureEveryMs: number;
  /** Consumers are sent to the replica in their rack (KIP-392). */
  readonly isRackAware: boolean;
  /** Records are deleted from the beginnings of partitions. */
  readonly mayDelete: boolean;
  /** Out of 1000 acknowledged batches: the leader that said so dies at that moment. */
  readonly killOnAckPerMille: number;
  /** Out of 1000 replicas that come into an ISR: the leader dies at that moment. */
  readonly killOnJoinPerMille: number;
};

export function drawCluster(seed: number): ClusterOptions {
  const random = new Prng(seed ^ 0x0d_5ade);
  const one = <T>(...choices: readonly [T, ...T[]]): T => choices[random.below(choices.length)] ?? choices[0];
  const replicationFactor = one(3, 3, 3, 1);
  return {
    seed,
    controllerCount: one(3, 3, 1),
    brokerCount: one(3, 3, 3, 4),
    isCombined: one(true, true, false),
    isDynamic: false,
    isAutoJoin: false,
    safetyMs: one(2_000, 3_000, 5_000),
    electionTimeoutMs: one(200, 400),
    sessionTimeoutMs: one(600, 1_500),
    graceMs: 20,
    replicaLagMs: one(300, 1_000, 3_000),
    messageDelayMs: one(1, 5, 20),
    diskDelayMs: one(0, 2, 20),
    snapshotBytes: one(3_000, 1_000_000),
    driftPerMille: one(0, 0, 20, 100),
    partitionCount: one(1, 2, 4),
    replicationFactor,
    minInsyncReplicas: replicationFactor === 1 ? 1 : one(2, 2, 2, 1),
    segmentBytes: one(1_024, 4_096, 1_048_576),
    produceEveryMs: one(10, 30, 80),
    inFlight: one(1, 3, 5),
    commitEveryMs: one(0, 0, 30, 100),
    adminEveryMs: one(0, 150, 500),
    resetEveryMs: one(0, 300, 1_000),
    cutEveryMs: one(0, 700, 2_000),
    killEveryMs: one(0, 800, 2_500),
    powerOffEveryMs: one(0, 0, 1_500),
    blackoutEveryMs: one(0, 0, 0, 2_000),
    stopEveryMs: one(0, 0, 1_500),
    pauseEveryMs: one(0, 1_000, 3_000),
    wipeEveryMs: one(0, 0, 0, 2_000),
    stallEveryMs: one(0, 0, 1_500),
    fullDiskEveryMs: one(0, 0, 0, 2_000),
    diskFailureEveryMs: one(0, 0, 0, 2_000),
    isRackAware: one(true, false),
    mayDelete: one(true, false, false),
    killOnAckPerMille: one(0, 0, 5, 20),
    killOnJoinPerMille: one(0, 0, 200, 500),
  };
}
