/** How long to wait before the next dial. */
import { assert } from '@odradek/base';
import type { Limits, Random } from '@odradek/base';

/** Doubles from `rpcRedialMinMs` up to `rpcRedialMaxMs`, and is then drawn between half of that and all of it, so that many do not come at once.
 * @param failures dials that have failed since the last stream, at least 1 */
export function backoffMs(failures: number, limits: Limits, random: Random): number {
  assert(failures >= 1, 'somebody waits because something failed', { failures });
  const fullMs = Math.min(limits.rpcRedialMaxMs, limits.rpcRedialMinMs * 2 ** Math.min(failures - 1, 30));
  const half = Math.ceil(fullMs / 2);
  return half + random.below(Math.max(1, fullMs - half + 1));
}
