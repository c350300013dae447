import { expect, test } from 'vitest';
import { AlterConfigOp, ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { Harness } from '../testing/harness.ts';

const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP } = ConfigResourceType;
const { SET, DELETE, APPEND, SUBTRACT } = AlterConfigOp;

type Change = readonly [name: string, operation: number, value: string | null];

function withTopic(): Harness {
  const harness = new Harness({ brokers: [1] });
  harness.create({ name: 't' });
  return harness;
}

function alter(
  harness: Harness,
  resource: readonly [number, string],
  changes: readonly Change[],
  validateOnly = false,
) {
  const [resourceType, resourceName] = resource;
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }));
  const request = { resources: [{ resourceType, resourceName, configs }], validateOnly };
  const [response] = harness.admin({ kind: 'incrementalAlterConfigs', request }).responses;
  return [response?.errorCode ?? -1, response?.errorMessage ?? null] as const;
}

const fine = [ErrorCode.NONE, null];

test('incrementalAlterConfigs: set, append, subtract and delete work on what is set, or on the default', () => {
  const harness = withTopic();
  const set = (): object => Object.fromEntries(harness.image.configs.of(TOPIC, 't'));
  expect(alter(harness, [TOPIC, 't'], [['retention.ms', SET, '1000']])).toEqual(fine);
  expect(alter(harness, [TOPIC, 't'], [['cleanup.policy', APPEND, 'compact']])).toEqual(fine);
  expect(set()).toEqual({ 'retention.ms': '1000', 'cleanup.policy': 'delete,compact' });
  expect(alter(harness, [TOPIC, 't'], [['cleanup.policy', APPEND, 'compact']])).toEqual(fine);
  expect(alter(harness, [TOPIC, 't'], [['cleanup.policy', SUBTRACT, 'delete']])).toEqual(fine);
  expect(alter(harness, [TOPIC, 't'], [['retention.ms', DELETE, null]])).toEqual(fine);
  expect(set()).toEqual({ 'cleanup.policy': 'compact' });
  expect(alter(harness, [TOPIC, 't'], [['nothing.of.this.name', DELETE, null]])).toEqual(fine);
});

test('incrementalAlterConfigs: a value that is set already makes no record', () => {
  const harness = withTopic();
  alter(harness, [TOPIC, 't'], [['retention.ms', SET, '1000']]);
  const before = harness.image.endOffset;
  alter(harness, [TOPIC, 't'], [['retention.ms', SET, '1000']]);
  expect(harness.image.endOffset).toBe(before);
});

test('incrementalAlterConfigs: of a broker a value set again is told again, since it may name a file that changed', () => {
  const harness = withTopic();
  alter(harness, [BROKER, '1'], [['log.retention.ms', SET, '1000']]);
  const before = harness.image.endOffset;
  alter(harness, [BROKER, '1'], [['log.retention.ms', SET, '1000']]);
  expect(harness.image.endOffset).toBe(before + 1);
});

test.for([
  [
    [TOPIC, 'none'],
    [['retention.ms', SET, '1']],
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    "The topic 'none' does not exist.",
  ],
  [[TOPIC, ''], [['retention.ms', SET, '1']], ErrorCode.INVALID_REQUEST, 'Default topic resources are not allowed.'],
  [
    [TOPIC, 't'],
    [['retention.ms', SET, null]],
    ErrorCode.INVALID_REQUEST,
    'Null value not supported for : retention.ms',
  ],
  [
    [TOPIC, 't'],
    [['retention.ms', APPEND, '1']],
    ErrorCode.INVALID_CONFIG,
    "Can't APPEND to key retention.ms because its type is not LIST.",
  ],
  [
    [TOPIC, 't'],
    [['foo', SUBTRACT, '1']],
    ErrorCode.INVALID_CONFIG,
    "Can't SUBTRACT to key foo because its type is not LIST.",
  ],
  [
    [TOPIC, 't'],
    [
      ['retention.ms', SET, '1'],
      ['retention.ms', SET, '2'],
    ],
    ErrorCode.INVALID_REQUEST,
    'Error due to duplicate config keys',
  ],
  [[TOPIC, 't'], [['retention.ms', 9, '1']], ErrorCode.INVALID_REQUEST, 'Unknown operations type 9'],
  [
    [BROKER, 'abc'],
    [['log.retention.ms', SET, '1']],
    ErrorCode.INVALID_REQUEST,
    'Node id must be an integer, but it is: abc',
  ],
  [[BROKER, '-1'], [['log.retention.ms', SET, '1']], ErrorCode.INVALID_REQUEST, 'Invalid negative broker ID.'],
  [[BROKER, '7'], [['log.retention.ms', SET, '1']], ErrorCode.BROKER_ID_NOT_REGISTERED, 'No node with id 7 found.'],
  [
    [GROUP, ''],
    [['consumer.session.timeout.ms', SET, '46000']],
    ErrorCode.INVALID_REQUEST,
    'Default group resources are not allowed.',
  ],
  [
    [CLIENT_METRICS, ''],
    [['interval.ms', SET, '60000']],
    ErrorCode.INVALID_REQUEST,
    "Subscription name can't be empty",
  ],
  [[CLIENT_METRICS, 'm'], [['foo', SET, '1']], ErrorCode.INVALID_REQUEST, 'Unknown client metrics configuration: foo'],
  [[CLIENT_METRICS, 'm'], [['match', SET, 'foo']], ErrorCode.INVALID_CONFIG, 'Illegal client matching pattern: foo'],
  [
    [CLIENT_METRICS, 'm'],
    [['interval.ms', SET, '1']],
    ErrorCode.INVALID_REQUEST,
    'Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)',
  ],
  [[0, 'x'], [['foo', SET, '1']], ErrorCode.INVALID_REQUEST, 'Unknown resource type 0'],
] as const)('incrementalAlterConfigs: %j with %j is refused', ([resource, changes, code, why]) => {
  const harness = withTopic();
  const before = harness.image.endOffset;
  expect(alter(harness, resource, changes)).toEqual([code, why]);
  expect(harness.image.endOffset).toBe(before);
});

test('incrementalAlterConfigs: unknown keys, bad values and keys that need a restart are refused with the key', () => {
  const harness = withTopic();
  const refused = (resource: readonly [number, string], name: string, value: string): number => {
    const [code, why] = alter(harness, resource, [[name, SET, value]]);
    expect(why).toContain(name);
    return code;
  };
  expect(refused([TOPIC, 't'], 'foo', '1')).toBe(ErrorCode.INVALID_CONFIG);
  expect(refused([TOPIC, 't'], 'retention.ms', 'x')).toBe(ErrorCode.INVALID_CONFIG);
  expect(refused([BROKER, '1'], 'log.dirs', '/x')).toBe(ErrorCode.INVALID_REQUEST);
  expect(refused([BROKER, ''], 'node.id', '2')).toBe(ErrorCode.INVALID_REQUEST);
  expect(refused([BROKER, '1'], 'log.retention.ms', 'x')).toBe(ErrorCode.INVALID_REQUEST);
  expect(refused([BROKER, ''], 'listeners', 'PLAINTEXT://:1')).toBe(ErrorCode.INVALID_REQUEST);
  expect(refused([GROUP, 'g'], 'foo', '1')).toBe(ErrorCode.INVALID_CONFIG);
  expect(refused([GROUP, 'g'], 'consumer.session.timeout.ms', '44999')).toBe(ErrorCode.INVALID_CONFIG);
  expect(refused([GROUP, 'g'], 'consumer.session.timeout.ms', '60001')).toBe(ErrorCode.INVALID_CONFIG);
  expect(refused([GROUP, 'g'], 'streams.num.standby.replicas', '3')).toBe(ErrorCode.INVALID_CONFIG);
  expect(refused([BROKER_LOGGER, '1'], 'Log levels', 'INFO')).toBe(ErrorCode.INVALID_REQUEST);
});

test('incrementalAlterConfigs: what a topic would hold is validated as a whole, over several requests too', () => {
  const harness = withTopic();
  expect(alter(harness, [TOPIC, 't'], [['min.compaction.lag.ms', SET, '100']])).toEqual(fine);
  const [code] = alter(harness, [TOPIC, 't'], [['max.compaction.lag.ms', SET, '10']]);
  expect(code).toBe(ErrorCode.INVALID_CONFIG);
  expect(harness.image.configs.of(TOPIC, 't')).toEqual(new Map([['min.compaction.lag.ms', '100']]));
});

test('incrementalAlterConfigs: a resource that appears twice is refused both times, the others change', () => {
  const harness = withTopic();
  harness.create({ name: 'u' });
  const resource = (resourceName: string) => ({
    resourceType: TOPIC,
    resourceName,
    configs: [{ name: 'retention.ms', configOperation: SET, value: '5' }],
  });
  const request = { resources: [resource('t'), resource('u'), resource('t')], validateOnly: false };
  const { responses } = harness.admin({ kind: 'incrementalAlterConfigs', request });
  expect(responses.map((each) => [each.resourceName, each.errorCode])).toEqual([
    ['t', ErrorCode.INVALID_REQUEST],
    ['u', ErrorCode.NONE],
    ['t', ErrorCode.INVALID_REQUEST],
  ]);
  expect(harness.image.configs.names(TOPIC)).toEqual(['u']);
});

test('incrementalAlterConfigs: validateOnly answers and changes nothing', () => {
  const harness = withTopic();
  expect(alter(harness, [TOPIC, 't'], [['retention.ms', SET, '5']], true)).toEqual(fine);
  expect(harness.image.configs.names(TOPIC)).toEqual([]);
});

test('incrementalAlterConfigs: the cluster default of brokers is the resource without a name', () => {
  const harness = withTopic();
  expect(alter(harness, [BROKER, ''], [['log.retention.ms', SET, '7']])).toEqual(fine);
  expect(harness.image.configs.of(BROKER, '').get('log.retention.ms')).toBe('7');
});

test('incrementalAlterConfigs: a value of more than 32767 bytes is refused', () => {
  const value = `0:${'1'.repeat(32_766)}`;
  const [code] = alter(withTopic(), [TOPIC, 't'], [['leader.replication.throttled.replicas', SET, value]]);
  expect(code).toBe(ErrorCode.INVALID_CONFIG);
});

test('alterConfigs: replaces all that was set, what it does not name goes', () => {
  const harness = withTopic();
  alter(harness, [TOPIC, 't'], [['retention.ms', SET, '1000']]);
  const resource = { resourceType: TOPIC, resourceName: 't', configs: [{ name: 'segment.ms', value: '9' }] };
  const request = { resources: [resource], validateOnly: false };
  expect(harness.admin({ kind: 'alterConfigs', request }).responses[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(harness.image.configs.of(TOPIC, 't')).toEqual(new Map([['segment.ms', '9']]));
});

test('alterConfigs: a request that is refused leaves everything set', () => {
  const harness = withTopic();
  alter(harness, [TOPIC, 't'], [['retention.ms', SET, '1000']]);
  const resource = { resourceType: TOPIC, resourceName: 't', configs: [{ name: 'foo', value: '9' }] };
  const request = { resources: [resource], validateOnly: false };
  expect(harness.admin({ kind: 'alterConfigs', request }).responses[0]?.errorCode).toBe(ErrorCode.INVALID_CONFIG);
  expect(harness.image.configs.of(TOPIC, 't')).toEqual(new Map([['retention.ms', '1000']]));
});

test("configs: a broker's default of groups stays within what groups may set", () => {
  const harness = withTopic();
  const key = 'group.consumer.assignment.interval.ms';
  const bound = `${key} must be less than or equal to group.consumer.max.assignment.interval.ms (15000)`;
  expect(alter(harness, [BROKER, ''], [[key, SET, '15001']])).toEqual([ErrorCode.INVALID_REQUEST, bound]);
  expect(alter(harness, [BROKER, ''], [[key, SET, '15000']])).toEqual(fine);
});
