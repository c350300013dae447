import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noLayers } from './layers.ts';
import {
  appendToList,
  isListKey,
  subtractFromList,
  validateBrokerConfig,
  validateGroupConfig,
  validateTopicConfig,
  validateTopicConfigs,
} from './validate.ts';

const INVALID_CONFIG = 40;
const INVALID_REQUEST = 42;

test.each([
  ['retention.ms', ' 1000 ', '1000'],
  ['retention.ms', '-1', '-1'],
  ['flush.messages', '9223372036854775807', '9223372036854775807'],
  ['cleanup.policy', 'compact , delete', 'compact,delete'],
  ['cleanup.policy', '', ''],
  ['preallocate', 'TRUE', 'true'],
  ['min.cleanable.dirty.ratio', '1', '1.0'],
  ['min.cleanable.dirty.ratio', '0.0001', '1.0E-4'],
  ['leader.replication.throttled.replicas', '0:1,1:2', '0:1,1:2'],
  ['leader.replication.throttled.replicas', '*', '*'],
  ['compression.gzip.level', '-1', '-1'],
])('validate: topic key %s takes %j and keeps %j', (name, value, kept) => {
  expect(validateTopicConfig(name, value)).toEqual({ ok: true, value: kept });
});

test.each([
  ['retention.ms', '-2', 'an integer of at least -1'],
  ['retention.ms', '1.5', 'an integer'],
  ['retention.ms', '9223372036854775808', 'an integer'],
  ['segment.bytes', '2147483648', 'from 1048576 to 2147483647'],
  ['compression.gzip.level', '0', 'from 1 to 9, or -1'],
  ['cleanup.policy', 'compact,compact', 'each at most once'],
  ['cleanup.policy', 'none', 'compact, delete'],
  ['preallocate', 'yes', 'true or false'],
  ['message.timestamp.type', 'createtime', 'one of CreateTime, LogAppendTime'],
  ['leader.replication.throttled.replicas', '0-1', 'partition:broker'],
  ['min.cleanable.dirty.ratio', '1.1', 'a number from 0 to 1'],
  ['min.cleanable.dirty.ratio', 'NaN', 'a number'],
  ['no.such.key', '1', 'Unknown topic config name: no.such.key'],
  ['retention.bites', '1', 'did you mean retention.bytes?'],
])('validate: topic key %s refuses %j and says what is allowed', (name, value, why) => {
  const outcome = validateTopicConfig(name, value);
  expect(outcome).toMatchObject({ ok: false, code: INVALID_CONFIG });
  expect(outcome.ok ? '' : outcome.why).toContain(why);
});

test('validate: no value at all is refused', () => {
  expect(validateTopicConfig('retention.ms', null)).toMatchObject({ ok: false, code: INVALID_CONFIG });
});

test("validate: a broker's keys are refused by their update class", () => {
  expect(validateBrokerConfig('log.dirs', '/x', 'broker')).toMatchObject({ ok: false, code: INVALID_REQUEST });
  expect(validateBrokerConfig('listeners', 'PLAINTEXT://:1', 'default')).toMatchObject({
    ok: false,
    code: INVALID_REQUEST,
  });
  expect(validateBrokerConfig('listeners', 'PLAINTEXT://:1', 'broker')).toEqual({ ok: true, value: 'PLAINTEXT://:1' });
  expect(validateBrokerConfig('log.cleaner.threads', '2', 'default')).toEqual({ ok: true, value: '2' });
  for (const name of ['log.cleaner.threads', 'log.cleaner.dedupe.buffer.size']) {
    expect(validateBrokerConfig(name, '0', 'default')).toMatchObject({ ok: false, code: INVALID_CONFIG });
  }
  expect(validateBrokerConfig('listener.name.a.max.connections', '5', 'broker')).toEqual({ ok: true, value: '5' });
  expect(validateBrokerConfig('listener.name.a.log.dirs', '/x', 'broker')).toMatchObject({ ok: false });
  expect(validateBrokerConfig('nonsense', '5', 'broker')).toMatchObject({ ok: false, code: INVALID_CONFIG });
});

test("validate: a password's value is not repeated in the refusal", () => {
  const outcome = validateBrokerConfig('ssl.key.password', null, 'broker');
  expect(outcome.ok ? '' : outcome.why).not.toContain('hunter');
  expect(validateBrokerConfig('ssl.key.password', ' hunter2 ', 'broker')).toEqual({ ok: true, value: ' hunter2 ' });
});

test.each([
  ['latest', true],
  ['by_duration:P1DT2H3M4.5S', true],
  ['by_duration:PT0.001S', true],
  ['by_duration:P', false],
  ['by_duration:PT', false],
  ['by_duration:1h', false],
  ['none', false],
])('validate: share.auto.offset.reset %s: %s', (value, allowed) => {
  expect(validateGroupConfig('share.auto.offset.reset', value).ok).toBe(allowed);
});

test('validate: values of a topic must fit each other and the broker', () => {
  const both = new Map([
    ['min.compaction.lag.ms', '10'],
    ['max.compaction.lag.ms', '9'],
  ]);
  expect(validateTopicConfigs(both)).toMatchObject({ ok: false, code: INVALID_CONFIG });
  const brokers = { ...noLayers, staticBroker: new Map([['log.cleaner.max.compaction.lag.ms', '5']]) };
  expect(validateTopicConfigs(new Map([['min.compaction.lag.ms', '10']]), brokers)).toMatchObject({ ok: false });
  expect(validateTopicConfigs(new Map([['remote.storage.enable', 'true']]))).toMatchObject({ ok: false });
  expect(
    validateTopicConfigs(
      new Map([
        ['remote.storage.enable', 'false'],
        ['retention.ms', ' 5'],
      ]),
    ),
  ).toEqual({
    ok: true,
    value: new Map([
      ['remote.storage.enable', 'false'],
      ['retention.ms', '5'],
    ]),
  });
});

test('validate: APPEND adds what is not there, SUBTRACT takes away what is, on lists only', () => {
  expect(isListKey('topic', 'cleanup.policy')).toBe(true);
  expect(isListKey('topic', 'retention.ms')).toBe(false);
  expect(isListKey('topic', 'nonsense')).toBe(false);
  expect(appendToList('delete', 'compact,delete')).toBe('delete,compact');
  expect(appendToList('', 'compact')).toBe('compact');
  expect(subtractFromList('delete,compact', 'delete')).toBe('compact');
  expect(subtractFromList('delete', 'delete,compact')).toBe('');
});

test('validate: appending and then subtracting the same gives back what was not in it', () => {
  const list = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'));
  fc.assert(
    fc.property(list, list, (current, added) => {
      const appended = appendToList(current.join(','), added.join(','));
      expect(new Set(appended.split(',').filter((entry) => entry !== ''))).toEqual(new Set([...current, ...added]));
      const left = current.filter((entry) => !added.includes(entry));
      expect(subtractFromList(appended, added.join(','))).toBe(left.join(','));
    }),
  );
});

test('validate: what was accepted is accepted again as it was kept', () => {
  const names = fc.constantFrom(
    'retention.ms',
    'cleanup.policy',
    'preallocate',
    'min.cleanable.dirty.ratio',
    'segment.bytes',
  );
  const values = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true }).map(String),
    fc.constantFrom('true', ' FALSE', 'compact', 'delete , compact', '', '+5', '1e3', '0x10', '5L', '.5', '5.'),
  );
  fc.assert(
    fc.property(names, values, (name, value) => {
      const first = validateTopicConfig(name, value);
      const again = first.ok ? validateTopicConfig(name, first.value) : first;
      expect(again).toEqual(first);
    }),
    { numRuns: 3_000 },
  );
});
