/**
 * Random lives of a cluster that is administered while brokers come and go: topics made, grown and deleted, replicas
 * reassigned, turned back and cancelled, leaders elected, brokers unregistered, controllers that take over. A model holds
 * what was acknowledged; after every step the image must agree with it.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MetadataImage, NO_LEADER, type CommittedRecords, type PartitionImage } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { elect, moving, reassign } from '../testing/asks.ts';
import { Harness, SESSION_TIMEOUT_MS, directoryOf } from '../testing/harness.ts';
import { alterPartitionOf } from '../testing/kafka/scenario.ts';

const BROKERS = [1, 2, 3, 4, 5];
const TOPICS = ['a', 'b.c', 'b_c'];
const RACKS = { 1: 'x', 2: 'x', 3: 'y', 4: 'y', 5: 'z' };
const BALANCE_S = 7;

const broker = fc.constantFrom(...BROKERS);
const topic = fc.constantFrom(...TOPICS);
const partition = fc.nat(3);
const replicas = fc
  .shuffledSubarray(BROKERS, { minLength: 1, maxLength: 4 })
  .chain((list) => fc.constantFrom(list, list, list, [...list, list[0] ?? 1]));

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('start', 'fence', 'beat', 'unregister'), broker }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass'), heard: fc.subarray(BROKERS) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create'), topic, count: fc.nat(4), factor: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('place'), topic, replicas }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('grow'), topic, to: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), topic }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('reassign'), topic, partition, replicas, free: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel'), topic, partition }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('isr'), topic, partition, wanted: fc.subarray(BROKERS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('elect'), type: fc.nat(1), topic: fc.option(topic) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('configure'), topic, value: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('takeOver'), fromSnapshot: fc.boolean() }) },
);
type StepOf<S> = S extends fc.Arbitrary<infer T> ? T : never;
type Step = StepOf<typeof step>;

/** What was acknowledged of a topic: its id, the replicas that each partition is to have in the end, its retention. */
type Known = { readonly id: string; targets: (readonly number[])[]; retentionMs: string | undefined };

class Life {
  harness = new Harness({ brokers: [1, 2, 3], racks: RACKS, seed: 5, properties: PROPERTIES });
  readonly #known = new Map<string, Known>();
  #log: CommittedRecords[] = [];

  take(each: Step): void {
    const { harness } = this;
    if ('broker' in each) return this.#broker(each.kind, each.broker);
    if ('heard' in each) return harness.passMs(SESSION_TIMEOUT_MS / 2, each.heard);
    if ('count' in each) return this.#create(each.topic, each.count, each.factor);
    if ('to' in each) return this.#grow(each.topic, each.to);
    if ('free' in each) return this.#reassign(each.topic, each.partition, each.replicas, each.free);
    if ('replicas' in each) return this.#place(each.topic, each.replicas);
    if ('wanted' in each) return this.#isr(each.topic, each.partition, each.wanted);
    if ('partition' in each) return this.#cancel(each.topic, each.partition);
    if ('type' in each) return void elect(harness, each.type, each.topic === null ? null : { [each.topic]: [0, 1] });
    if ('value' in each) return this.#configure(each.topic, String(each.value));
    if ('fromSnapshot' in each) return this.#takeOver(each.fromSnapshot);
    return this.#delete(each.topic);
  }

  #broker(kind: string, brokerId: number): void {
    const { harness } = this;
    if (kind === 'start' && harness.register(brokerId, { rack: RACKS[1] }).ok) harness.beat(brokerId);
    if (kind === 'fence') harness.beat(brokerId, { wantFence: true });
    if (kind === 'beat') harness.beat(brokerId);
    if (kind === 'unregister') harness.admin({ kind: 'unregisterBroker', request: { brokerId } });
    harness.settle();
  }

  #create(name: string, partitions: number, factor: number): void {
    const [result] = this.harness.create({ name, partitions, factor });
    if (result?.errorCode !== ErrorCode.NONE) return;
    expect([result.numPartitions, result.replicationFactor]).toEqual([partitions, factor]);
    this.#learn(name, partitions, factor);
  }

  #place(name: string, given: readonly number[]): void {
    const [result] = this.harness.create({ name, replicas: [given] });
    if (result?.errorCode !== ErrorCode.NONE) return;
    this.#learn(name, 1, given.length);
    expect(this.harness.partition(name).replicas).toEqual(given);
  }

  /** What the controller has placed is what is to be from now on. */
  #learn(name: string, count: number, factor: number): void {
    const found = this.harness.image.topics.byName(name);
    const known = this.#known.get(name) ?? { id: found?.id ?? '', targets: [], retentionMs: undefined };
    for (const each of found?.partitions.slice(known.targets.length) ?? []) {
      expect(each.replicas).toHaveLength(factor);
      known.targets.push(each.replicas);
    }
    expect(known.targets).toHaveLength(count);
    this.#known.set(name, known);
  }

  #grow(name: string, to: number): void {
    const topics = [{ name, count: to, assignments: null }];
    const request = { topics, timeoutMs: 1, validateOnly: false };
    const factor = this.harness.image.topics.partition(name, 0)?.replicas.length ?? 0;
    const { results } = this.harness.admin({ kind: 'createPartitions', request });
    if (results[0]?.errorCode === ErrorCode.NONE) this.#learn(name, to, factor);
  }

  #delete(name: string): void {
    const request = { topics: [], topicNames: [name], timeoutMs: 1 };
    const { responses } = this.harness.admin({ kind: 'deleteTopics', request });
    if (responses[0]?.errorCode === ErrorCode.NONE) this.#known.delete(name);
  }

  #reassign(name: string, index: number, wanted: readonly number[], mayChangeFactor: boolean): void {
    const target = this.#known.get(name)?.targets[index];
    const [answer] = reassign(this.harness, name, { [index]: wanted }, mayChangeFactor);
    if (answer?.[0] !== ErrorCode.NONE) return;
    expect(new Set(wanted).size, 'replicas are asked for once').toBe(wanted.length);
    if (!mayChangeFactor) expect(wanted).toHaveLength(target?.length ?? -1);
    this.#setTarget(name, index, wanted);
  }

  #cancel(name: string, index: number): void {
    const before = this.harness.image.topics.partition(name, index);
    const [answer] = reassign(this.harness, name, { [index]: null });
    if (answer?.[0] !== ErrorCode.NONE || before === undefined) return;
    this.#setTarget(
      name,
      index,
      before.replicas.filter((id) => !before.addingReplicas.includes(id)),
    );
    expect(isMoving(this.harness.partition(name, index)), 'what is cancelled is over').toBe(false);
  }

  #setTarget(name: string, index: number, target: readonly number[]): void {
    const known = this.#known.get(name);
    expect(known?.targets[index], 'what is answered is there').toBeDefined();
    if (known !== undefined) known.targets[index] = target;
  }

  /** Leaders take whom they like among the replicas; the controller says who may be. */
  #isr(name: string, index: number, wanted: readonly number[]): void {
    const found = this.harness.image.topics.partition(name, index);
    if (found === undefined || found.leader === NO_LEADER) return;
    const isr = [found.leader, ...found.replicas.filter((id) => id !== found.leader && wanted.includes(id))];
    const asked = { do: 'isr', topic: name, partition: index, isr } as const;
    this.harness.admin({ kind: 'alterPartition', request: alterPartitionOf(asked, this.harness) });
  }

  #configure(name: string, value: string): void {
    const configs = [{ name: 'retention.ms', configOperation: 0, value }];
    const resources = [{ resourceType: ConfigResourceType.TOPIC, resourceName: name, configs }];
    const request = { resources, validateOnly: false };
    const { responses } = this.harness.admin({ kind: 'incrementalAlterConfigs', request });
    const known = this.#known.get(name);
    expect(responses[0]?.errorCode === ErrorCode.NONE).toBe(known !== undefined);
    if (known !== undefined) known.retentionMs = value;
  }

  /** Another controller, that knows what was committed; the brokers live on. */
  #takeOver(fromSnapshot: boolean): void {
    const before = this.harness;
    this.#log.push(...before.batches);
    const image = fromSnapshot ? MetadataImage.from(before.image.toSnapshot()) : rebuilt(this.#log);
    this.harness = new Harness({ image, racks: RACKS, seed: this.#log.length, properties: PROPERTIES });
    this.harness.nowMs = before.nowMs;
    this.harness.handle({ kind: 'activated' });
    for (const [brokerId, known] of before.brokers) this.harness.brokers.set(brokerId, known);
    this.harness.settle();
  }

  check(): void {
    const { topics } = this.harness.image;
    const names = new Set(Array.from(topics.all(), ({ name }) => name));
    expect(names, 'the topics that were acknowledged, and no others').toEqual(new Set(this.#known.keys()));
    const listed: string[] = [];
    for (const [name, { id, targets, retentionMs }] of this.#known) {
      const found = topics.byName(name);
      expect(found?.id).toBe(id);
      expect(this.harness.image.configs.of(ConfigResourceType.TOPIC, name).get('retention.ms')).toBe(retentionMs);
      expect(found?.partitions).toHaveLength(targets.length);
      for (const each of found?.partitions ?? []) {
        checkPartition(each, targets[each.partition] ?? []);
        if (isMoving(each)) listed.push(`${name}-${each.partition}`);
      }
    }
    const told = moving(this.harness).map((text) => text.split(':')[0]);
    expect([told.length, new Set(told)]).toEqual([listed.length, new Set(listed)]);
  }
}

const PROPERTIES = { 'leader.imbalance.check.interval.seconds': String(BALANCE_S) };

const isMoving = ({ addingReplicas, removingReplicas }: PartitionImage): boolean =>
  addingReplicas.length > 0 || removingReplicas.length > 0;

/** @param target the replicas that were acknowledged, in their order of preference */
function checkPartition(each: PartitionImage, target: readonly number[]): void {
  const { replicas: all, addingReplicas: adding, removingReplicas: removing, isr } = each;
  expect(new Set(all).size, 'replicas are distinct').toBe(all.length);
  expect(
    all.filter((id) => !removing.includes(id)),
    'what stays is what was acknowledged',
  ).toEqual(target);
  expect(new Set(all.slice(target.length)), 'who goes comes behind who stays').toEqual(new Set(removing));
  for (const id of adding) expect(target, 'who is added is to stay').toContain(id);
  for (const id of isr) expect(all, 'who is in sync is a replica').toContain(id);
  expect(isr.includes(each.leader) || each.leader === NO_LEADER).toBe(true);
  expect(each.directories).toEqual(all.map(directoryOf));
  if (!isMoving(each)) return;
  const staying = isr.filter((id) => !removing.includes(id));
  const needed = adding.length < removing.length ? target : adding;
  const isDone = staying.length > 0 && needed.every((id) => staying.includes(id));
  expect(isDone, 'a reassignment that could be over is over').toBe(false);
}

function rebuilt(log: readonly CommittedRecords[]): MetadataImage {
  const image = new MetadataImage();
  for (const batch of log) image.applyBatch(batch);
  return image;
}

test('admin: over random lives nothing that was acknowledged is lost, and each partition goes where it was last told to', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), (steps) => {
      const life = new Life();
      for (const each of steps) {
        life.take(each);
        life.check();
      }
    }),
    { numRuns: 300 },
  );
});
