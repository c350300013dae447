import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tame, tameAll, tameJson } from './tame.ts';

/** Rich in control characters. */
const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0x2030 }).map((code) => String.fromCharCode(code)) });

test('tame: what does something to a terminal is shown, everything else stays', () => {
  expect(tame('\u001b]0;title\u0007 \u009b31m \u007f\r\n\u2028')).toBe(
    String.raw`\u001b]0;title\u0007 \u009b31m \u007f\u000d\u000a\u2028`,
  );
  expect(tame('\u00e4\u20ac\u{1f600} \\u001b "')).toBe('\u00e4\u20ac\u{1f600} \\u001b "');
});

test('tame: no text of any kind is more than one line of visible characters', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      // oxlint-disable-next-line no-control-regex
      expect(tame(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }),
  );
});

test('tame: a JSON document says the same as before', () => {
  fc.assert(
    fc.property(fc.json(), anyText, (json, text) => {
      for (const document of [json, JSON.stringify({ [text]: text }, null, 2)]) {
        expect(JSON.parse(tameJson(document))).toEqual(JSON.parse(document));
        expect(tameJson(document)).not.toMatch(/[\u007f-\u009f]/);
      }
    }),
  );
});

test('tame: every text inside a value, and nothing else of it', () => {
  const given = { group: 'a\u001b', epoch: 3, none: null, members: [{ id: 'b\n' }, 'c\u0007'], known: true, big: 7n };
  expect(tameAll(given)).toEqual({
    group: 'a\\u001b',
    epoch: 3,
    none: null,
    members: [{ id: 'b\\u000a' }, 'c\\u0007'],
    known: true,
    big: 7n,
  });
});
