/** Requests that name many groups: they are worked on in turns, so that one request of 100,000 names holds up nobody else. */
import type { Caller, Services } from './context.ts';

export type Asked<Named> = {
  readonly services: Pick<Services, 'turns' | 'limits'>;
  readonly caller: Pick<Caller, 'signal'>;
  /** What is named again under the same key is left out: a small request must not make an answer without bound. undefined: never. */
  readonly keyOf: (each: Named) => string | undefined;
};

/** Of requests that name groups and nothing else. */
export const byName = (groupId: string): string => groupId;

/**
 * Works on each of them, `requestGroupsAtOnceMax` at once, in turns of `turnMs`. Once the caller is gone nothing more is begun.
 * @returns what came of each, in their order
 */
export async function inTurns<Named, Told>(
  named: readonly Named[],
  { services: { turns, limits }, caller, keyOf }: Asked<Named>,
  work: (each: Named) => Promise<Told>,
): Promise<Told[]> {
  // Reading such a request took its time already, and writing the answer will.
  const isLong = named.length > limits.requestGroupsAtOnceMax;
  if (isLong) await turns.next();
  const told: Told[] = [];
  const keys = new Set<string>();
  let begun: Promise<Told>[] = [];
  let startMs = turns.nowMs();
  for (const each of named) {
    const key = keyOf(each);
    if (key === undefined || !keys.has(key)) begun.push(work(each));
    if (key !== undefined) keys.add(key);
    if (begun.length < limits.requestGroupsAtOnceMax && !turns.isOver(startMs)) continue;
    for (const outcome of await Promise.all(begun)) told.push(outcome);
    begun = [];
    if (!turns.isOver(startMs)) continue;
    await turns.next();
    if (caller.signal.aborted) return told;
    startMs = turns.nowMs();
  }
  for (const outcome of await Promise.all(begun)) told.push(outcome);
  if (isLong) await turns.next();
  return told;
}
