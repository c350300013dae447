import { ok, refuse, silent } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { drain, SimClock } from '@odradek/base/testing';
import type { GroupOpOf } from '@odradek/coordinator';
import { MetadataImage, record } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { allowAll } from '../core/authorizer.ts';
import type { Authorizer } from '../core/authorizer.ts';
import { TopicRegexes } from './topic-regexes.ts';

type Answer = GroupOpOf<'regexResolved'>;

/** A clock on which everything that is looked at takes time, so that slices end. */
class BusyClock extends SimClock {
  #readMs = 0;
  pauses = 0;
  readonly slicesMs: number[] = [];
  #sliceBeganMs = 0;

  override monotonicMs(): number {
    this.#readMs += 0.01;
    return super.monotonicMs() + this.#readMs;
  }

  override after(delayMs: number, fire: () => void) {
    this.pauses += 1;
    this.slicesMs.push(this.#readMs - this.#sliceBeganMs);
    this.#sliceBeganMs = this.#readMs;
    return super.after(delayMs, fire);
  }
}

function imageOf(names: readonly string[]): MetadataImage {
  const image = new MetadataImage();
  const idOf = (at: number): string => Buffer.from(String(at).padStart(16, 'i')).toString('base64url');
  const records = names.map((name, at) => record('TopicRecord', { name, topicId: idOf(at) }));
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

function regexesOver(
  names: readonly string[],
  options: { readonly authorizer?: Authorizer; readonly outcome?: Outcome<unknown> } = {},
) {
  const clock = new BusyClock();
  const image = imageOf(names);
  const answers: Answer[] = [];
  const submit = async (op: Answer): Promise<Outcome<unknown>> => {
    answers.push(op);
    return options.outcome ?? ok(null);
  };
  const { authorizer = allowAll } = options;
  const regexes = new TopicRegexes({ clock, log: silent, image: () => image, authorizer, submit });
  return { clock, answers, regexes };
}

const ask = (groupId: string, ...patterns: readonly string[]) => ({
  kind: 'resolveRegex' as const,
  groupId,
  regexes: patterns,
  asker: { principal: 'User:ann', clientHost: '10.0.0.1' },
});

test('patterns: each gets the topics whose whole name it matches, with the metadata they were looked up in', async () => {
  const { answers, regexes } = regexesOver(['orders', 'orders-2', 'my-orders', '__consumer_offsets']);
  regexes.resolve(ask('g', 'orders.*', '__.*', 'none'));
  await drain();
  expect(answers).toEqual([
    {
      kind: 'regexResolved',
      groupId: 'g',
      metadataOffset: 4,
      resolved: [
        { regex: 'orders.*', topics: ['orders', 'orders-2'] },
        { regex: '__.*', topics: ['__consumer_offsets'] },
        { regex: 'none', topics: [] },
      ],
    },
  ]);
});

test('patterns: topics that whoever subscribed may not describe are left out', async () => {
  const authorizer: Authorizer = {
    ...allowAll,
    allows: (principal, host, { name }) => name !== 'secret' && principal === 'User:ann' && host === '10.0.0.1',
  };
  const { answers, regexes } = regexesOver(['open', 'secret'], { authorizer });
  regexes.resolve(ask('g', '.*'));
  regexes.resolve({ kind: 'resolveRegex', groupId: 'nobody', regexes: ['.*'] });
  await drain();
  expect(answers.map(({ resolved }) => resolved[0]?.topics)).toEqual([['open'], []]);
});

test('patterns: over 10,000 topics the event loop gets its turn every few milliseconds', async () => {
  const names = Array.from({ length: 10_000 }, (_, at) => `topic-${at}`);
  const { clock, answers, regexes } = regexesOver(names);
  regexes.resolve(ask('g', 'topic-.*7', 'x'));
  while (answers.length === 0) await drain();
  expect(answers[0]?.resolved.map(({ topics }) => topics.length)).toEqual([1_000, 0]);
  expect(clock.pauses).toBeGreaterThan(50);
  expect(Math.max(...clock.slicesMs)).toBeLessThan(5);
});

test('patterns: groups are answered one after another; one that asks twice before its turn is answered once', async () => {
  const { answers, regexes } = regexesOver(['a', 'b'], { outcome: refuse(ErrorCode.NOT_COORDINATOR, 'moved') });
  regexes.resolve(ask('first', 'a'));
  regexes.resolve(ask('second', 'a'));
  regexes.resolve(ask('second', 'b'));
  await drain();
  expect(answers.map(({ groupId, resolved }) => [groupId, resolved.map(({ topics }) => topics)])).toEqual([
    ['first', [['a']]],
    ['second', [['a'], ['b']]],
  ]);
});

test('patterns: once closed nothing is submitted any more', async () => {
  const { answers, regexes } = regexesOver(['a']);
  regexes.resolve(ask('first', 'a'));
  regexes.resolve(ask('second', 'a'));
  regexes.close();
  await drain();
  expect(answers).toEqual([]);
});
