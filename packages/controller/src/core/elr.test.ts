import { expect, test } from 'vitest';
import { AlterConfigOp, ConfigResourceType, ErrorCode, FeatureUpgradeType } from '@odradek/protocol';
import { NO_LEADER } from '@odradek/metadata';
import { Harness, elrOff, type HarnessOptions } from '../testing/harness.ts';

const { BROKER, TOPIC } = ConfigResourceType;
const MIN_ISR = 'min.insync.replicas';

function setElr(harness: Harness, level: number, validateOnly = false) {
  const upgradeType = level > 0 ? FeatureUpgradeType.UPGRADE : FeatureUpgradeType.SAFE_DOWNGRADE;
  const feature = 'eligible.leader.replicas.version';
  const featureUpdates = [{ feature, maxVersionLevel: level, upgradeType, allowDowngrade: false }];
  const request = { timeoutMs: 1_000, featureUpdates, validateOnly };
  return harness.admin({ kind: 'updateFeatures', request }).errorCode;
}

function set(harness: Harness, resourceType: number, resourceName: string, value: string | null) {
  const configOperation = value === null ? AlterConfigOp.DELETE : AlterConfigOp.SET;
  const configs = [{ name: MIN_ISR, configOperation, value }];
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = harness.admin({ kind: 'incrementalAlterConfigs', request: { resources, validateOnly: false } });
  return [responses[0]?.errorCode, responses[0]?.errorMessage];
}

const minIsrOf = (harness: Harness, name: string) => harness.image.configs.of(BROKER, name).get(MIN_ISR);

/** A partition of 1, 2, 3 with a min.insync.replicas of 2 that only 1 is in sync with; 2 and 3 are eligible. */
function short(over: HarnessOptions = {}): Harness {
  const harness = new Harness({ brokers: [1, 2, 3], ...over });
  harness.create({ name: 't', replicas: [[1, 2, 3]], configs: { [MIN_ISR]: '2' } });
  harness.beat(3, { wantFence: true });
  harness.beat(2, { wantFence: true });
  return harness;
}

test('ELR: turned on, the value of the controller becomes that of the cluster, and those of single brokers go', () => {
  const harness = new Harness({ image: elrOff(), brokers: [1, 2], properties: { [MIN_ISR]: '3' } });
  expect(set(harness, BROKER, '2', '4')).toEqual([ErrorCode.NONE, null]);
  expect(setElr(harness, 1, true)).toBe(ErrorCode.NONE);
  expect([minIsrOf(harness, ''), minIsrOf(harness, '2')]).toEqual([undefined, '4']);
  expect(setElr(harness, 1)).toBe(ErrorCode.NONE);
  expect([minIsrOf(harness, ''), minIsrOf(harness, '2')]).toEqual(['3', undefined]);
});

test('ELR: turned on, a value that the cluster has already stays', () => {
  const harness = new Harness({ image: elrOff(), brokers: [1] });
  set(harness, BROKER, '', '2');
  setElr(harness, 1);
  expect(minIsrOf(harness, '')).toBe('2');
});

test('ELR: while it is on, the cluster keeps one value, and single brokers have none of their own', () => {
  const harness = new Harness({ brokers: [1] });
  expect(set(harness, BROKER, '', null)).toEqual([
    ErrorCode.INVALID_CONFIG,
    'Cluster-level min.insync.replicas cannot be removed while ELR is enabled.',
  ]);
  const ofBroker = [
    ErrorCode.INVALID_CONFIG,
    'Broker-level min.insync.replicas cannot be altered while ELR is enabled.',
  ];
  expect(set(harness, BROKER, '1', '2')).toEqual(ofBroker);
  expect(set(harness, BROKER, '1', null)).toEqual([ErrorCode.NONE, null]);
  expect(set(harness, BROKER, '', '2')).toEqual([ErrorCode.NONE, null]);
  expect(setElr(harness, 0)).toBe(ErrorCode.NONE);
  expect(set(harness, BROKER, '1', '2')).toEqual([ErrorCode.NONE, null]);
  expect(set(harness, BROKER, '', null)).toEqual([ErrorCode.NONE, null]);
});

test('ELR: who leaves the ISR below min.insync.replicas is eligible, in any order of going', () => {
  const harness = short();
  expect(harness.partition('t')).toMatchObject({ isr: [1], elr: [2], leader: 1 });
  harness.beat(1, { wantFence: true });
  expect(harness.partition('t')).toMatchObject({ isr: [], elr: [1, 2], leader: NO_LEADER, lastKnownElr: [1] });
  harness.beat(3);
  expect(harness.partition('t').leader).toBe(NO_LEADER);
  harness.beat(2);
  expect(harness.partition('t')).toMatchObject({ isr: [2], elr: [1], leader: 2, lastKnownElr: [] });
});

test('ELR: another min.insync.replicas of the topic or of the cluster forgets who was eligible', () => {
  const harness = short();
  const other = short();
  const { partitionEpoch } = harness.partition('t');
  expect(set(harness, TOPIC, 't', '1')).toEqual([ErrorCode.NONE, null]);
  expect(harness.partition('t')).toMatchObject({ isr: [1], elr: [], partitionEpoch: partitionEpoch + 1 });
  expect(set(other, BROKER, '', '2')).toEqual([ErrorCode.NONE, null]);
  expect(other.partition('t')).toMatchObject({ isr: [1], elr: [] });
});

test('ELR: without it nobody is eligible', () => {
  const harness = short({ image: elrOff() });
  expect(harness.partition('t')).toMatchObject({ isr: [1], elr: [] });
});

test('ELR: turned off while a partition has nobody in sync, who is eligible still leads when it is back', () => {
  const harness = short();
  harness.beat(1, { wantFence: true });
  expect(setElr(harness, 0)).toBe(ErrorCode.NONE);
  harness.beat(2);
  expect(harness.partition('t')).toMatchObject({ isr: [2], elr: [], leader: 2 });
});

test('ELR: a broker that is unregistered is not eligible any more', () => {
  const harness = short();
  harness.admin({ kind: 'unregisterBroker', request: { brokerId: 2 } });
  expect(harness.partition('t')).toMatchObject({ isr: [1], elr: [] });
});

test('ELR: another min.insync.replicas does not forget the only ones that could lead', () => {
  const harness = short();
  harness.beat(1, { wantFence: true });
  set(harness, TOPIC, 't', '1');
  expect(harness.partition('t')).toMatchObject({ isr: [], elr: [1, 2], lastKnownElr: [1] });
  harness.beat(2);
  expect(harness.partition('t')).toMatchObject({ isr: [2], leader: 2 });
});
