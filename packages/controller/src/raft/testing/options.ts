/** What replicas run with in tests, unless a test says otherwise. */
import type { RaftOptions } from '../core/state.ts';

export const raftOptions: RaftOptions = {
  electionTimeoutMs: 1_000,
  heartbeatMs: 200,
  candidateTimeoutMs: 1_000,
  electionBackoffMaxMs: 1_000,
  brokenStreamWaitMs: 30,
  appendBytesMax: 10_000,
  inFlightMax: 8,
  inFlightBytesMax: 100_000,
  uncommittedBytesMax: 100_000,
  keptBytesMax: 0,
};
