import { NodeConfig } from '@odradek/base';
import { expect, test } from 'vitest';
import { groupConfigOf } from './group-config.ts';

type Texts = Readonly<Record<string, string>>;

function configWith(properties: Texts, groups: Readonly<Record<string, Texts>> = {}) {
  const overridesOf = (groupId: string): Map<string, string> => new Map(Object.entries(groups[groupId] ?? {}));
  const node = new NodeConfig(new Map(Object.entries(properties)));
  return groupConfigOf(node, { consumerEnabled: true, recordBytesMax: 1_000, overridesOf });
}

test("group config: a group goes by its own keys where they are set, else by the broker's", () => {
  const { consumer } = configWith(
    { 'group.consumer.session.timeout.ms': '50000' },
    { fast: { 'consumer.heartbeat.interval.ms': '6000', 'consumer.assignment.interval.ms': '0' } },
  );
  expect(consumer.ofGroup('plain')).toEqual({
    sessionTimeoutMs: 50_000,
    heartbeatIntervalMs: 5_000,
    assignmentIntervalMs: 1_000,
  });
  expect(consumer.ofGroup('fast')).toEqual({
    sessionTimeoutMs: 50_000,
    heartbeatIntervalMs: 6_000,
    assignmentIntervalMs: 0,
  });
});

test('group config: asked for at every heartbeat, it is made once', () => {
  const { consumer } = configWith({}, { fast: { 'consumer.heartbeat.interval.ms': '6000' } });
  expect(consumer.ofGroup('one')).toBe(consumer.ofGroup('other'));
  expect(consumer.ofGroup('fast')).toBe(consumer.ofGroup('fast'));
});

test("group config: what was set under other bounds counts as far as the broker's bounds of today go", () => {
  const bounds = {
    'group.consumer.min.session.timeout.ms': '40000',
    'group.consumer.max.heartbeat.interval.ms': '8000',
    'group.consumer.max.assignment.interval.ms': '2000',
  };
  const set = {
    'consumer.session.timeout.ms': '10000',
    'consumer.heartbeat.interval.ms': '9000',
    'consumer.assignment.interval.ms': '15000',
  };
  expect(configWith(bounds, { g: set }).consumer.ofGroup('g')).toEqual({
    sessionTimeoutMs: 40_000,
    heartbeatIntervalMs: 8_000,
    assignmentIntervalMs: 2_000,
  });
});

test("group config: assignors may be named by Kafka's classes, the policy in any case", () => {
  const { consumer } = configWith({
    'group.consumer.assignors': 'org.apache.kafka.coordinator.group.assignor.RangeAssignor,uniform',
    'group.consumer.migration.policy': 'Upgrade',
  });
  expect([consumer.assignors, consumer.migrationPolicy]).toEqual([['range', 'uniform'], 'upgrade']);
});
