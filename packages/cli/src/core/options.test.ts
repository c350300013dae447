import { expect, test } from 'vitest';
import { collectProperty, parseBootstrap, parseWhole, showAddress, unescape } from './options.ts';

test('bootstrap: names, addresses of both families, several, and a default port', () => {
  expect(parseBootstrap('a:1,[::1]:2, b')).toEqual([
    { host: 'a', port: 1 },
    { host: '::1', port: 2 },
    { host: 'b', port: 9092 },
  ]);
  expect(showAddress({ host: '::1', port: 2 })).toBe('[::1]:2');
  for (const wrong of ['', 'a:0', 'a:99999', 'a:b', '::1:9092', 'http://a:1']) {
    expect(() => parseBootstrap(wrong), wrong).toThrow(/--bootstrap-server/);
  }
});

test('numbers: only whole ones in the range, each mistake told with value and range', () => {
  expect(parseWhole('--x', '12', 1, 20)).toBe(12);
  for (const wrong of ['', '1.5', '1e3', '0', '21', 'ten']) {
    expect(() => parseWhole('--x', wrong, 1, 20), wrong).toThrow(`'${wrong}' is not a whole number from 1 to 20`);
  }
});

test('properties: the value begins after the first equals sign and may be empty', () => {
  const collect = collectProperty('--config');
  expect([...collect('b=', collect('a=x=y', new Map()))]).toEqual([
    ['a', 'x=y'],
    ['b', ''],
  ]);
  expect(() => collect('=x', new Map())).toThrow("'=x' is not key=value");
});

test('escapes: as in C, bytes above 127 included', () => {
  expect(unescape('a\\n\\t\\\\\\x00\\xff\\q')).toEqual(Buffer.from('a\n\t\\\0\xff\\q', 'latin1'));
});
