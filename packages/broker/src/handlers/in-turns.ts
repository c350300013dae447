/** Requests that name many groups: they are worked on in turns, so that one request of 100,000 names holds up nobody else. */
import type { Caller, Services } from './context.ts';

/**
 * Works on each of them, `requestGroupsAtOnceMax` at once, in turns of `turnMs`. Once the caller is gone nothing more is begun.
 * @returns what came of each, in their order
 */
export async function inTurns<Named, Told>(
  named: readonly Named[],
  { turns, limits }: Pick<Services, 'turns' | 'limits'>,
  caller: Pick<Caller, 'signal'>,
  work: (each: Named) => Promise<Told>,
): Promise<Told[]> {
  const told: Told[] = [];
  let startMs = turns.nowMs();
  let begun: Promise<Told>[] = [];
  for (const [at, each] of named.entries()) {
    begun.push(work(each));
    const isLast = at === named.length - 1;
    if (!isLast && begun.length < limits.requestGroupsAtOnceMax && !turns.isOver(startMs)) continue;
    for (const outcome of await Promise.all(begun)) told.push(outcome);
    begun = [];
    if (isLast || !turns.isOver(startMs)) continue;
    await turns.next();
    if (caller.signal.aborted) break;
    startMs = turns.nowMs();
  }
  return told;
}
