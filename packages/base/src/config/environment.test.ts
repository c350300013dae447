import { expect, test } from 'vitest';
import { propertyNameOf, readEnvironment } from './environment.ts';

test.each([
  ['KAFKA_NODE_ID', 'node.id'],
  ['KAFKA_LISTENERS', 'listeners'],
  ['KAFKA_CONTROLLER_QUORUM_VOTERS', 'controller.quorum.voters'],
  ['KAFKA_LOG_DIRS', 'log.dirs'],
  ['KAFKA_SSL_KEYSTORE__LOCATION', 'ssl.keystore_location'],
  ['KAFKA_A___B', 'a-b'],
  ['KAFKA_A____B', 'a-.b'],
  ['KAFKA_LISTENER_NAME_SASL___SSL_SASL_JAAS_CONFIG', 'listener.name.sasl-ssl.sasl.jaas.config'],
  ['KAFKA_LISTENER_NAME_KAFKA_SASL', 'listener.name.sasl'],
])('environment: %s is %s, as the image maps it', (variable, name) => {
  expect(propertyNameOf(variable)).toBe(name);
});

test('environment: what is for the JVM, and what does not begin with KAFKA_, is no property', () => {
  const { properties, problems, clusterId } = readEnvironment({
    KAFKA_HEAP_OPTS: '-Xmx1g',
    KAFKA_OPTS: '-Dx=y',
    KAFKA_LOG4J_ROOT_LOGLEVEL: 'DEBUG',
    KAFKA_JMX_OPTS: '-D',
    KAFKA_VERSION: '4.3.1',
    HOME: '/root',
    MY_KAFKA_NODE_ID: '7',
    CLUSTER_ID: '4L6g3nShT-eMCtK--X86sw',
    KAFKA_NODE_ID: '7',
  });
  expect(properties).toEqual([{ name: 'node.id', value: '7', line: 1, variable: 'KAFKA_NODE_ID' }]);
  expect(problems).toEqual([]);
  expect(clusterId).toBe('4L6g3nShT-eMCtK--X86sw');
});

test('environment: values mean what they mean in a properties file, since the image writes them into one', () => {
  const { properties, problems } = readEnvironment({
    KAFKA_BROKER_RACK: '  a\\tb ',
    KAFKA_NUM_PARTITIONS: '3\nnum.io.threads=9',
    KAFKA_LOG_DIR: 'c:\\users',
  });
  expect(Object.fromEntries(properties.map(({ name, value }) => [name, value]))).toEqual({
    'broker.rack': 'a\tb ',
    'num.partitions': '3',
    'num.io.threads': '9',
  });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('KAFKA_LOG_DIR');
});

test('environment: with only advertised listeners, the node listens on them at every IPv4 address', () => {
  const listenersOf = (environment: Record<string, string>): string | undefined =>
    readEnvironment(environment).properties.find(({ name }) => name === 'listeners')?.value;
  const advertised = { KAFKA_ADVERTISED_LISTENERS: 'A://host.example:9092,B://other:9094' };
  expect(listenersOf(advertised)).toBe('A://0.0.0.0:9092,B://0.0.0.0:9094');
  expect(listenersOf({ ...advertised, KAFKA_LISTENERS: 'A://:1' })).toBe('A://:1');
  expect(listenersOf({ ...advertised, KAFKA_PROCESS_ROLES: 'controller' })).toBeUndefined();
});
