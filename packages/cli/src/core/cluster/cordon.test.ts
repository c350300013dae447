import { ConfigSource, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { CORDON, cordonOf, notDrained, replacedCordon, takesReplicas } from './cordon.ts';

const { DYNAMIC_BROKER_CONFIG, STATIC_BROKER_CONFIG, DEFAULT_CONFIG } = ConfigSource;
const entry = (...synonyms: [value: string, source: number][]) => [
  { name: 'log.dirs', synonyms: [{ name: 'log.dirs', value: '/x', source: DYNAMIC_BROKER_CONFIG }] },
  { name: CORDON, synonyms: synonyms.map(([value, source]) => ({ name: CORDON, value, source })) },
];

test("cordon: a broker's own value is told apart from what holds without it", () => {
  const both = entry(['*', DYNAMIC_BROKER_CONFIG], ['/a', STATIC_BROKER_CONFIG], ['', DEFAULT_CONFIG]);
  expect(cordonOf(both)).toEqual({ own: '*', under: '/a' });
  expect(cordonOf(entry(['', DEFAULT_CONFIG]))).toEqual({ own: null, under: '' });
  expect(cordonOf([])).toEqual({ own: null, under: '' });
});

test('cordon: a value that a drain replaces is told, with the command that sets it again', () => {
  expect(replacedCordon(3, { own: '/a,/b', under: '' })).toContain(
    "--broker 3 --add-config 'cordoned.log.dirs=[/a,/b]'",
  );
  expect(replacedCordon(3, { own: '*', under: '' })).toBeUndefined();
  expect(replacedCordon(3, { own: null, under: '/a' })).toBeUndefined();
});

test('cordon: only what a drain has set is taken back', () => {
  expect(notDrained(3, { own: '*', under: '/a' })).toBeUndefined();
  expect(notDrained(3, { own: '/a', under: '' })).toContain('broker 3 has cordoned.log.dirs=/a, and a drain sets *');
  expect(notDrained(3, { own: null, under: '' })).toMatch(/no drain to take back$/);
  expect(notDrained(3, { own: null, under: '*' })).toContain('what it has, *, is in its file');
});

test('cordon: a broker takes replicas while one directory that is in order is open', () => {
  const open = { errorCode: ErrorCode.NONE, isCordoned: false };
  const cordoned = { errorCode: ErrorCode.NONE, isCordoned: true };
  const failed = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, isCordoned: false };
  expect([[cordoned, open], [cordoned, cordoned], [cordoned, failed], []].map(takesReplicas)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
