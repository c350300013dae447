/** Bounds for tests over real sockets: what ends a stream there is what the test does, not that the machine stood still for some seconds. */
import { limits, type Limits } from '@odradek/base';

const LONG_MS = 600_000;

/** Production's, but that silence alone ends nothing: no dial, no stream, no farewell. */
export const patient: Limits = {
  ...limits.production,
  rpcDialMs: LONG_MS,
  rpcKeepaliveTimeoutMs: LONG_MS,
  rpcCloseMs: LONG_MS,
};
