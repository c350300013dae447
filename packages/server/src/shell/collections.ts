/**
 * How often V8 collects. What goes through a broker are Buffers, whose memory lies outside of V8's heap; by default each 64 MB of them bring a
 * full collection, which marks all that lives: under load that was half of the CPU of three nodes. With these flags one comes when what
 * Buffers hold has grown to a multiple of what the last one left; those that live for a moment only still go with the young objects.
 */
import { setFlagsFromString } from 'node:v8';

/** The first V8 that is known to have these flags. */
const V8_WITH_EXTERNAL_LIMITS = 14;

/** Higher: fewer collections, more memory. With 3 three nodes under load took half of the CPU, and up to a third more memory. */
const EXTERNAL_GROWTH = 3;

/** Called when all that a start needs is loaded: code that V8 has compiled before is not taken any more once its flags have changed. */
export function collectSeldom(): void {
  if (Number.parseInt(process.versions.v8, 10) < V8_WITH_EXTERNAL_LIMITS) return;
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString(`--external-memory-max-growing-factor=${EXTERNAL_GROWTH}`);
}
