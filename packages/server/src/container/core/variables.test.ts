import { config } from '@odradek/base';
import { expect, test } from 'vitest';
import { bitnamiPropertyOf, isServiceLink, leftovers, refused, variableOf } from './variables.ts';

const keys = Object.keys(config.brokerKeys);

test('variables: every key of a broker has a variable that the loader reads as that key', () => {
  // The rule of apache/kafka takes KAFKA_ out wherever it stands, so that no variable names these.
  const unreachable = ['kafka.metrics.polling.interval.secs', 'kafka.metrics.reporters'];
  expect(keys.filter((key) => config.propertyNameOf(variableOf(key)) !== key).toSorted()).toEqual(unreachable);
});

test("variables: every key without an underscore or a dash is reached by bitnami's names", () => {
  const plain = keys.filter((key) => /^[a-z0-9.]+$/.test(key));
  const named = (key: string): string => `KAFKA_CFG_${key.replaceAll('.', '_').toUpperCase()}`;
  expect(plain.filter((key) => bitnamiPropertyOf(named(key)) !== key)).toEqual([]);
  const listener = 'KAFKA_CFG_LISTENER_NAME_SASL_PLAINTEXT_CONNECTIONS_MAX_REAUTH_MS';
  expect(bitnamiPropertyOf(listener)).toBe('listener.name.sasl_plaintext.connections.max.reauth.ms');
});

test('variables: no key of a broker is taken for a leftover or for a name of long ago', () => {
  const names = keys.map(variableOf);
  const taken = names.filter((name) => name in refused || leftovers.some((leftover) => leftover.names.test(name)));
  expect(taken.map((name) => config.propertyNameOf(name))).toEqual(['metric.reporters']);
  const own = keys.filter((key) => key.startsWith('odradek.')).map((key) => key.replaceAll('.', '_').toUpperCase());
  expect([...names, ...own].filter((name) => isServiceLink(name, '9092'))).toEqual([]);
});
