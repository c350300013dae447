/**
 * What members of a group did with the records of a topic, and whether it was right. A member takes a span of a partition, works on it,
 * commits its end, and tells: the span counts once its commit is acknowledged. What was worked on under a commit that was refused is
 * somebody else's to do again; it is counted, and no fault.
 */

/** Offsets `from` (inclusive) to `to` (exclusive) of a partition, from the moment they were taken to the answer to their commit. */
export type Span = {
  readonly member: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly startMs: number;
  readonly endMs: number;
  /** 'ok', or how the commit was refused. */
  readonly outcome: string;
};

/** Records of each partition by `topic-partition`: every one from offset 0 on. */
export type Ends = ReadonlyMap<string, number>;

export const placeOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}-${partition}`;

export type Verdict = {
  /** Sentences, one for each span: what nobody has done, what was done twice, and where two members were at one partition at once. */
  readonly lost: readonly string[];
  readonly twice: readonly string[];
  readonly together: readonly string[];
  /** Where the group's committed offset is not the end of the partition. */
  readonly behind: readonly string[];
  readonly records: number;
  readonly lostRecords: number;
  /** Records whose commit was refused, each time that it was. */
  readonly again: number;
};

/** What exact once-only coverage by committed spans comes to: they follow each other without gap or overlap, in time as in offsets. */
export const exact = { lost: [], twice: [], together: [], behind: [], lostRecords: 0 };

/** @param committed the group's offsets in the end, by `topic-partition` */
export function judge(spans: readonly Span[], ends: Ends, committed: ReadonlyMap<string, number>): Verdict {
  const verdict = { lost: [] as string[], twice: [] as string[], together: [] as string[], lostRecords: 0 };
  let records = 0;
  for (const [place, end] of ends) {
    const own = spans.filter((span) => placeOf(span) === place && span.outcome === 'ok');
    records += end;
    cover(place, { spans: own, end }, verdict);
    verdict.together.push(...meetings(place, own));
  }
  const behind = [...ends].flatMap(([place, end]) =>
    committed.get(place) === end ? [] : [`${place}: ${committed.get(place) ?? 'nothing'} is committed of ${end}`],
  );
  const refused = spans.filter(({ outcome }) => outcome !== 'ok');
  return { ...verdict, behind, records, again: refused.reduce((sum, { from, to }) => sum + to - from, 0) };
}

type Found = { lost: string[]; twice: string[]; lostRecords: number };

function cover(place: string, done: { spans: readonly Span[]; end: number }, into: Found): void {
  let at = 0;
  const lost = (to: number): void => {
    into.lost.push(`${place}: nobody has done ${at} to ${to}`);
    into.lostRecords += to - at;
  };
  for (const { member, from, to } of done.spans.toSorted(
    (left, right) => left.from - right.from || left.to - right.to,
  )) {
    if (from > at) lost(from);
    if (from < at) into.twice.push(`${place}: ${member} has done ${from} to ${Math.min(to, at)} again`);
    at = Math.max(at, to);
  }
  if (at < done.end) lost(done.end);
  if (at > done.end) into.twice.push(`${place}: done up to ${at}, ${done.end} were written`);
}

function meetings(place: string, spans: readonly Span[]): string[] {
  const faults: string[] = [];
  let last: Span | undefined;
  for (const span of spans.toSorted((left, right) => left.startMs - right.startMs || left.from - right.from)) {
    if (last !== undefined && last.member !== span.member && span.startMs < last.endMs)
      faults.push(`${place}: ${span.member} began at ${span.from} while ${last.member} was at ${last.from}`);
    if (last === undefined || span.endMs > last.endMs) last = span;
  }
  return faults;
}
