/**
 * Regular expressions that members subscribe with, in RE2's syntax (KIP-848): Kafka compiles them with RE2J. RE2 needs time linear in the
 * name, so no pattern of a client can hold the event loop as one with backtracking could; what is left to bound is the pattern itself.
 */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { RE2JS, RE2JSException } from 're2js';

export type TopicRegex = {
  readonly pattern: string;
  /** Whether it stands for this topic: for its whole name. */
  matches(topic: string): boolean;
};

/** UTF-16 units of a pattern. */
const PATTERN_CHARS_MAX = 4096;
/** What all `{n}` of a pattern add up to: each is compiled n times over. */
const REPEATS_MAX = 1000;
/** Instructions that a pattern is compiled to: each costs a step per character of a name. */
const PROGRAM_MAX = 5000;

/** @returns refused with INVALID_REGULAR_EXPRESSION when it is none of RE2's, or too large */
export function compileTopicRegex(pattern: string): Outcome<TopicRegex> {
  if (pattern.length > PATTERN_CHARS_MAX)
    return tooLarge(`it has ${pattern.length} characters; up to ${PATTERN_CHARS_MAX} are taken`);
  const repeats = countRepeats(pattern);
  if (repeats > REPEATS_MAX) return tooLarge(`its {n} add up to ${repeats}; up to ${REPEATS_MAX} are taken`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    const why = `the topic pattern '${pattern}' is not a regular expression that RE2 understands: ${cause.message}`;
    return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION, why);
  }
  const steps = compiled.programSize();
  if (steps > PROGRAM_MAX) return tooLarge(`it compiles to ${steps} steps; up to ${PROGRAM_MAX} are taken`);
  return ok({ pattern, matches: (topic) => compiled.testExact(topic) });
}

function countRepeats(pattern: string): number {
  let sum = 0;
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g))
    sum += Math.max(Number(least), Number(most ?? 0));
  return sum;
}

function tooLarge(why: string): Outcome<TopicRegex> {
  return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION, `the topic pattern is too large: ${why}; use a shorter one`);
}
