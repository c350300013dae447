/** What `reset-offsets` will write, decided from facts: the flags as one specification, then one new offset a partition. */
import { parseWhole } from '../options.ts';
import { CommandError, usageError } from '../refusal.ts';
import type { TopicPartition } from './kinds.ts';
import { keyOf, showPartition } from './partitions.ts';
import { parseDatetime, parseDuration } from './time.ts';

export type ResetSpec =
  | { readonly kind: 'earliest' | 'latest' | 'current' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'shift'; readonly by: number }
  /** The first record with at least this timestamp (milliseconds since the epoch). */
  | { readonly kind: 'time'; readonly timestampMs: number }
  | { readonly kind: 'file'; readonly path: string };

/** As the command line gives them. */
export type ResetFlags = {
  readonly toEarliest?: boolean;
  readonly toLatest?: boolean;
  readonly toCurrent?: boolean;
  readonly toOffset?: string;
  readonly shiftBy?: string;
  readonly toDatetime?: string;
  readonly byDuration?: string;
  readonly fromFile?: string;
};

type Way = { readonly flag: string; readonly given: boolean; readonly spec: () => ResetSpec };

/** @throws CommandError (wrong usage) unless exactly one way is given */
export function resetSpecOf(flags: ResetFlags, nowMs: number): ResetSpec {
  const whole = (flag: string, text: string): number => parseWhole(flag, text, Number.MIN_SAFE_INTEGER);
  const { toOffset, shiftBy, toDatetime, byDuration, fromFile } = flags;
  const ways: Way[] = [
    { flag: '--to-earliest', given: flags.toEarliest === true, spec: () => ({ kind: 'earliest' }) },
    { flag: '--to-latest', given: flags.toLatest === true, spec: () => ({ kind: 'latest' }) },
    { flag: '--to-current', given: flags.toCurrent === true, spec: () => ({ kind: 'current' }) },
    way('--to-offset', toOffset, (text) => ({ kind: 'offset', offset: whole('--to-offset', text) })),
    way('--shift-by', shiftBy, (text) => ({ kind: 'shift', by: whole('--shift-by', text) })),
    way('--to-datetime', toDatetime, (text) => since(parseDatetime('--to-datetime', text))),
    way('--by-duration', byDuration, (text) => since(nowMs - parseDuration('--by-duration', text))),
    way('--from-file', fromFile, (path) => ({ kind: 'file', path })),
  ];
  const given = ways.filter((each) => each.given);
  const [first, second] = given;
  if (first === undefined) throw usageError(`say where to: one of ${ways.map(({ flag }) => flag).join(', ')}`);
  if (second !== undefined) {
    throw usageError(`${given.map(({ flag }) => flag).join(' and ')} exclude each other: give one of them`);
  }
  return first.spec();
}

/** No record is older than the epoch, and negative timestamps mean other things to a broker. */
function since(timestampMs: number): ResetSpec {
  return { kind: 'time', timestampMs: Math.max(timestampMs, 0) };
}

function way(flag: string, text: string | undefined, spec: (text: string) => ResetSpec): Way {
  return { flag, given: text !== undefined, spec: () => spec(text ?? '') };
}

/** Which offsets of the log a plan needs; what it does not need is not asked for. */
export type Needs = {
  readonly start: boolean;
  readonly end: boolean;
  readonly timestampMs: number | undefined;
};

export function needsOf(spec: ResetSpec): Needs {
  const none: Needs = { start: false, end: false, timestampMs: undefined };
  switch (spec.kind) {
    case 'earliest':
      return { ...none, start: true };
    case 'latest':
    case 'current':
      return { ...none, end: true };
    case 'time':
      return { ...none, end: true, timestampMs: spec.timestampMs };
    case 'offset':
    case 'shift':
    case 'file':
      return { ...none, start: true, end: true };
  }
}

/** Offsets by {@link keyOf}. A partition without a record at or after the time is missing in `atTime`. */
export type ResetFacts = {
  readonly committed: ReadonlyMap<string, number>;
  readonly start: ReadonlyMap<string, number>;
  readonly end: ReadonlyMap<string, number>;
  readonly atTime: ReadonlyMap<string, number>;
  /** What the file gives this group. */
  readonly file: ReadonlyMap<string, number>;
};

export type PlannedOffset = TopicPartition & {
  readonly committedOffset: number | undefined;
  readonly newOffset: number;
  /** Why the new offset is not what was asked for. */
  readonly warning: string | undefined;
};

/** @throws CommandError naming every partition that the specification says nothing for */
export function planReset(spec: ResetSpec, partitions: readonly TopicPartition[], facts: ResetFacts): PlannedOffset[] {
  if (spec.kind === 'shift') refuseUncommitted(partitions, facts);
  return partitions.map((at) => {
    const { offset, warning } = newOffset(spec, at, facts);
    const committedOffset = facts.committed.get(keyOf(at.topic, at.partition));
    return { topic: at.topic, partition: at.partition, committedOffset, newOffset: offset, warning };
  });
}

function refuseUncommitted(partitions: readonly TopicPartition[], { committed }: ResetFacts): void {
  const without = partitions.filter(({ topic, partition }) => !committed.has(keyOf(topic, partition)));
  if (without.length === 0) return;
  throw new CommandError(
    `--shift-by: nothing is committed to shift from for ${without.map(showPartition).join(', ')}; ` +
      'name other partitions with --topic, or use --to-offset, --to-earliest or --to-latest',
  );
}

type Decided = { readonly offset: number; readonly warning: string | undefined };

function newOffset(spec: ResetSpec, at: TopicPartition, facts: ResetFacts): Decided {
  const key = keyOf(at.topic, at.partition);
  const plain = (offset: number): Decided => ({ offset, warning: undefined });
  switch (spec.kind) {
    case 'earliest':
      return plain(known(facts.start, key));
    case 'latest':
      return plain(known(facts.end, key));
    case 'current':
      return plain(facts.committed.get(key) ?? known(facts.end, key));
    case 'time':
      return atTime(at, facts);
    case 'offset':
      return inRange(spec.offset, at, facts);
    case 'shift':
      return inRange(known(facts.committed, key) + spec.by, at, facts);
    case 'file':
      return inRange(known(facts.file, key), at, facts);
  }
}

function atTime(at: TopicPartition, { atTime: found, end }: ResetFacts): Decided {
  const key = keyOf(at.topic, at.partition);
  const offset = found.get(key);
  if (offset !== undefined) return { offset, warning: undefined };
  const last = known(end, key);
  return { offset: last, warning: `${showPartition(at)} has no record since then: its end, ${last}, is used` };
}

/** What lies outside the log is moved to its nearest end, as Kafka does. */
function inRange(offset: number, at: TopicPartition, { start, end }: ResetFacts): Decided {
  const key = keyOf(at.topic, at.partition);
  const [first, last] = [known(start, key), known(end, key)];
  if (offset > last) {
    return {
      offset: last,
      warning: `offset ${offset} is above the end of ${showPartition(at)}: its end, ${last}, is used`,
    };
  }
  if (offset < first) {
    return {
      offset: first,
      warning: `offset ${offset} is below the start of ${showPartition(at)}: its start, ${first}, is used`,
    };
  }
  return { offset, warning: undefined };
}

function known(offsets: ReadonlyMap<string, number>, key: string): number {
  const offset = offsets.get(key);
  if (offset === undefined) throw new CommandError(`the broker told no offset of partition ${key}; try again`);
  return offset;
}
