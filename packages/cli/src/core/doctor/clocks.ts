/** Whether the clocks agree. A reading is an interval, because an answer takes time: only what both bounds say is said here. */
import type { Check, Seen } from './check.ts';
import { showSpan, together } from './check.ts';
import type { ClockReading, Facts } from './facts.ts';

/** What NTP keeps clocks within, with much room. */
const APART_MS = 1_000;
/** Times of records are then wrong for whoever compares them, and sessions' times in logs cannot be put together. */
const FAR_MS = 60_000;
/** A record that is further ahead than clocks that are a little off would make it. */
const AHEAD_MS = 60_000;

/** When a question left and its answer came, by this machine's wall clock. */
export type Asked = { readonly sentMs: number; readonly receivedMs: number };

/** The node's clock was read after the question left and before the answer came: that bounds how far it is ahead. */
export function clockReading(node: string, atMs: number, { sentMs, receivedMs }: Asked): ClockReading {
  return { node, aheadMinMs: atMs - receivedMs, aheadMaxMs: atMs - sentMs };
}

/** By how much the first is surely ahead of the second; negative: not surely. */
function surelyAhead(first: ClockReading, second: ClockReading): number {
  return first.aheadMinMs - second.aheadMaxMs;
}

function apart(from: number, to: number): Check['find'] {
  return ({ clocks }) => {
    let worst: { ahead: ClockReading; behind: ClockReading; byMs: number } | undefined;
    for (const ahead of clocks) {
      for (const behind of clocks) {
        const byMs = surelyAhead(ahead, behind);
        if (byMs > (worst?.byMs ?? 0)) worst = { ahead, behind, byMs };
      }
    }
    if (worst === undefined || worst.byMs < from || worst.byMs >= to) return [];
    const { ahead, behind, byMs } = worst;
    return [
      {
        what: `the clock of ${ahead.node} is at least ${showSpan(byMs)} ahead of that of ${behind.node}`,
        advice:
          'set both machines by NTP or chrony: times of records, retention by time and the order of log lines depend on the clocks ' +
          `(whoever leads a partition dates what it is given)`,
      },
    ];
  };
}

function here({ clocks }: Facts): Seen[] {
  return clocks.flatMap((reading): Seen[] => {
    const { node, aheadMinMs, aheadMaxMs } = reading;
    const byMs = aheadMinMs > 0 ? aheadMinMs : aheadMaxMs < 0 ? -aheadMaxMs : 0;
    if (byMs < APART_MS) return [];
    const what = `the clock of ${node} is at least ${showSpan(byMs)} ${aheadMinMs > 0 ? 'ahead of' : 'behind'} this machine's`;
    return [
      { what, advice: 'set the one that is wrong by NTP or chrony: producers here date their records by this clock' },
    ];
  });
}

function fromTheFuture({ topics, nowMs }: Facts): Seen[] {
  const ahead = topics.filter(
    ({ newestRecordMs }) => newestRecordMs !== undefined && newestRecordMs - nowMs > AHEAD_MS,
  );
  const names = ahead.map(({ name, newestRecordMs = nowMs }) => `${name} (${showSpan(newestRecordMs - nowMs)} ahead)`);
  return together(names, (named) => ({
    what: `records are dated later than now: ${named}`,
    advice:
      'look at the clock of who writes there, or whether it gives seconds or microseconds for milliseconds: such records are not deleted ' +
      'by time before that day; message.timestamp.after.max.ms refuses them',
  }));
}

const area = 'clocks';

export const clockChecks: readonly Check[] = [
  {
    kind: 'clocks-far-apart',
    about: 'Clocks of nodes differ by a minute or more.',
    area,
    severity: 'error',
    find: apart(FAR_MS, Number.POSITIVE_INFINITY),
  },
  {
    kind: 'clocks-apart',
    about: 'Clocks of nodes differ by a second or more.',
    area,
    severity: 'warning',
    find: apart(APART_MS, FAR_MS),
  },
  {
    kind: 'clock-other-than-here',
    about: "A node's clock differs from this machine's by a second or more.",
    area,
    severity: 'warning',
    find: here,
  },
  {
    kind: 'records-from-the-future',
    about: 'Records are dated more than a minute later than now.',
    area,
    severity: 'warning',
    find: fromTheFuture,
  },
];
