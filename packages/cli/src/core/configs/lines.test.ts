import { ConfigSource } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { alteredLine, entryLine, headline, quotaLine } from './lines.ts';

describe('lines of kafka-configs', () => {
  test('an entry with where its value comes from', () => {
    const entry = {
      name: 'retention.ms',
      value: '1',
      readOnly: false,
      isSensitive: false,
      configSource: ConfigSource.TOPIC_CONFIG,
      synonyms: [
        { name: 'retention.ms', value: '1', source: ConfigSource.TOPIC_CONFIG },
        { name: 'log.retention.hours', value: '168', source: ConfigSource.DEFAULT_CONFIG },
      ],
    };
    expect(entryLine(entry)).toBe(
      '  retention.ms=1 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1, DEFAULT_CONFIG:log.retention.hours=168}',
    );
    expect(entryLine({ ...entry, value: null, isSensitive: true, synonyms: [] })).toBe(
      '  retention.ms=null sensitive=true synonyms={}',
    );
  });

  test('headlines and what was altered', () => {
    expect(headline('client-metrics', 'cm', false)).toBe('Dynamic configs for client-metric cm are:');
    expect(headline('brokers', '', true)).toBe('Default configs for brokers in the cluster are:');
    expect(headline('topics', 'a\u001b[31m', true)).toBe('All configs for topic a\\u001b[31m are:');
    expect(alteredLine({ type: 'brokers', name: '' })).toBe(
      'Completed updating default config for brokers in the cluster.',
    );
    expect(alteredLine({ type: 'groups', name: 'g' })).toBe('Completed updating config for group g.');
  });

  test('quotas of a user and a client', () => {
    const entity = [
      { type: 'client-id', name: 'c' },
      { type: 'user', name: null },
    ];
    expect(quotaLine({ entity, values: [{ key: 'producer_byte_rate', value: 10_485_760 }] })).toBe(
      "Quota configs for the default user-principal, client-id 'c' are producer_byte_rate=1.048576E7",
    );
  });
});
