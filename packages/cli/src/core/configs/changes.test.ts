import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changesOf, checkQuotaKeys, parseAddConfig, parseQuota, parseScram, requireSet } from './changes.ts';

describe('--add-config', () => {
  test('pairs, blanks around them, values with equals signs, and nothing at all', () => {
    expect(parseAddConfig('a=1, b = two,c=')).toEqual(new Map(Object.entries({ a: '1', b: 'two', c: '' })));
    expect(parseAddConfig('match=[client_id=a,software=b]')).toEqual(new Map([['match', 'client_id=a,software=b']]));
    expect(parseAddConfig('')).toEqual(new Map());
  });

  test('any pairs come back as they were, values with commas in brackets', () => {
    const key = fc.stringMatching(/^[a-z][a-z.]{0,8}$/);
    const value = fc.stringMatching(/^[a-z0-9,]{0,10}$/);
    fc.assert(
      fc.property(fc.dictionary(key, value, { noNullPrototype: true }), (pairs) => {
        const text = Object.entries(pairs).map(([name, each]) => `${name}=[${each}]`);
        expect(Object.fromEntries(parseAddConfig(text.join(',')))).toEqual(pairs);
      }),
    );
  });

  test.each(['retention.ms', 'a=1,b', 'k y=1', '=1'])("'%s' is refused", (text) => {
    expect(() => parseAddConfig(text)).toThrow('--add-config');
  });
});

test('a key that is both set and deleted is set', () => {
  expect(changesOf(new Map([['a', '1']]), ['a', 'b', 'b'])).toEqual([
    { name: 'a', value: '1' },
    { name: 'b', value: null },
  ]);
});

describe('credentials and quotas', () => {
  test('a password may hold commas and equals signs, and iterations have a default', () => {
    expect(parseScram('SCRAM-SHA-256', 'iterations=8192,password=a,b=c')).toMatchObject({
      iterations: 8192,
      password: 'a,b=c',
    });
    expect(parseScram('SCRAM-SHA-512', 'password=x')).toMatchObject({ iterations: 4096, password: 'x' });
    expect(() => parseScram('SCRAM-SHA-256', 'iterations=100,password=x')).toThrow('100 iterations');
    expect(() => parseScram('SCRAM-SHA-256', 'secret')).toThrow('password=');
  });

  test('each kind of entity has quotas of its own', () => {
    checkQuotaKeys(['producer_byte_rate', 'request_percentage'], 'clients');
    checkQuotaKeys(['connection_creation_rate'], 'ips');
    expect(() => checkQuotaKeys(['producer_byte_rate'], 'ips')).toThrow('connection_creation_rate');
    expect(() => checkQuotaKeys(['SCRAM-SHA-256'], 'clients')).toThrow('SCRAM-SHA-256: clients have');
    expect(parseQuota('q', '1.5')).toBe(1.5);
    expect(() => parseQuota('q', 'much')).toThrow("'much' is not a number");
    expect(() => requireSet(['a', 'b'], new Set(['b']))).toThrow('Invalid config(s): a');
  });
});
