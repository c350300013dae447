import { expect, test } from 'vitest';
import { ApiKey } from './apis.ts';
import { encodeResponse } from './header.ts';
import { withShortMessages } from './short-messages.ts';

const LONG = 'x'.repeat(40_000);
const refused = { throttleTimeMs: 0, results: [{ name: 't', errorCode: 3, errorMessage: `no topic ${LONG}` }] };

test('short messages: an answer that is too long by its sentences can be sent without them whole', () => {
  expect(() => encodeResponse(ApiKey.CreatePartitions, 3, 1, refused)).toThrow('errorMessage');
  const short = withShortMessages(refused);
  expect(encodeResponse(ApiKey.CreatePartitions, 3, 1, short).length).toBeGreaterThan(0);
  expect(short.results[0]?.errorMessage).toMatch(/^no topic x+…$/);
  expect(short.results[0]?.errorMessage).toHaveLength(1_001);
  expect(refused.results[0]?.errorMessage).toHaveLength(LONG.length + 9);
});

test('short messages: nothing else is cut, bytes and null stay what they are', () => {
  const answer = {
    name: LONG,
    bytes: Buffer.from('b'),
    errorMessage: null,
    inner: [{ errorMessage: 'short' }, 7, LONG],
  };
  const short = withShortMessages(answer);
  expect(short).toEqual(answer);
  expect(short.bytes).toBe(answer.bytes);
});

test('short messages: a character of two parts is not cut in the middle', () => {
  const { errorMessage } = withShortMessages({ errorMessage: `${'x'.repeat(999)}😀😀` });
  expect(errorMessage).toBe(`${'x'.repeat(999)}…`);
});
