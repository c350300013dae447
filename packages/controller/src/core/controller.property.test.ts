/** Random lives of a cluster: whatever is asked in whatever order, what must always hold holds after every step. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MetadataImage, NO_LEADER, type CommittedRecords, type TopicImage } from '@odradek/metadata';
import { AlterConfigOp, ConfigResourceType } from '@odradek/protocol';
import { Harness, SESSION_TIMEOUT_MS } from '../testing/harness.ts';

const BROKERS = [1, 2, 3, 4];
const TOPICS = ['a', 'b', 'c.d', 'c_d'];

type Step =
  | { readonly kind: 'start' | 'stop' | 'beat'; readonly broker: number }
  | { readonly kind: 'pass'; readonly heard: readonly number[]; readonly durationMs: number }
  | { readonly kind: 'create'; readonly topic: string; readonly partitions: number; readonly factor: number }
  | { readonly kind: 'delete' | 'unclean'; readonly topic: string }
  | { readonly kind: 'grow'; readonly topic: string; readonly to: number }
  | { readonly kind: 'configure'; readonly topic: string; readonly value: string }
  | { readonly kind: 'allocate'; readonly broker: number }
  | { readonly kind: 'restart'; readonly snapshot: boolean };

const broker = fc.constantFrom(...BROKERS);
const topic = fc.constantFrom(...TOPICS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('start' as const, 'stop' as const, 'beat' as const), broker }),
  fc.record({
    kind: fc.constant('pass' as const),
    heard: fc.subarray(BROKERS),
    durationMs: fc.constantFrom(500, SESSION_TIMEOUT_MS),
  }),
  fc.record({
    kind: fc.constant('create' as const),
    topic,
    partitions: fc.integer({ min: 1, max: 4 }),
    factor: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'unclean' as const), topic }),
  fc.record({ kind: fc.constant('grow' as const), topic, to: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('configure' as const), topic, value: fc.constantFrom('1', '2', '') }),
  fc.record({ kind: fc.constant('allocate' as const), broker }),
  fc.record({ kind: fc.constant('restart' as const), snapshot: fc.boolean() }),
);

/** Long ones too: without the size fast-check keeps to about ten steps. */
const lives = (maxLength: number): fc.Arbitrary<Step[]> => fc.array(step, { minLength: 1, maxLength, size: 'max' });

/** A cluster over restarts of its controller: what was committed, and what was promised to brokers. */
class Life {
  harness = new Harness({ seed: 7 });
  #log: CommittedRecords[] = [];
  readonly blocks: number[] = [];
  #restarts = 0;

  /** Everything that was ever committed, from the first record. */
  get log(): readonly CommittedRecords[] {
    return [...this.#log, ...this.harness.batches];
  }

  take(each: Step): void {
    const { harness } = this;
    switch (each.kind) {
      case 'start':
        if (harness.register(each.broker).ok) harness.beat(each.broker);
        return;
      case 'stop':
        harness.beat(each.broker, { wantShutDown: true });
        return;
      case 'beat':
        harness.beat(each.broker);
        return;
      case 'pass':
        return harness.passMs(each.durationMs, each.heard);
      case 'create':
        harness.create({ name: each.topic, partitions: each.partitions, factor: each.factor });
        return;
      case 'delete':
        harness.admin({ kind: 'deleteTopics', request: { topics: [], topicNames: [each.topic], timeoutMs: 1 } });
        return;
      case 'unclean':
        return this.#configure(each.topic, 'unclean.leader.election.enable', 'true');
      case 'grow': {
        const topics = [{ name: each.topic, count: each.to, assignments: null }];
        harness.admin({ kind: 'createPartitions', request: { topics, timeoutMs: 1, validateOnly: false } });
        return;
      }
      case 'configure':
        return this.#configure(each.topic, 'retention.ms', each.value);
      case 'allocate':
        return this.#allocate(each.broker);
      case 'restart':
        return this.#restart(each.snapshot);
    }
  }

  #configure(resourceName: string, name: string, value: string): void {
    const configOperation = value === '' ? AlterConfigOp.DELETE : AlterConfigOp.SET;
    const configs = [{ name, configOperation, value }];
    const resources = [{ resourceType: ConfigResourceType.TOPIC, resourceName, configs }];
    this.harness.admin({ kind: 'incrementalAlterConfigs', request: { resources, validateOnly: false } });
  }

  #allocate(brokerId: number): void {
    const brokerEpoch = this.harness.brokers.get(brokerId)?.epoch ?? -1;
    const reply = this.harness.admin({ kind: 'allocateProducerIds', request: { brokerId, brokerEpoch } });
    if (reply.errorCode === 0) this.blocks.push(reply.producerIdStart);
  }

  /** A new controller that knows only what was committed; the brokers live on. */
  #restart(snapshot: boolean): void {
    const before = this.harness;
    this.#log.push(...before.batches);
    this.#restarts += 1;
    const image = snapshot ? MetadataImage.from(before.image.toSnapshot()) : rebuilt(this.#log);
    this.harness = new Harness({ image, seed: 7 + this.#restarts });
    this.harness.nowMs = before.nowMs;
    for (const [brokerId, known] of before.brokers) this.harness.brokers.set(brokerId, known);
  }
}

function rebuilt(log: readonly CommittedRecords[]): MetadataImage {
  const image = new MetadataImage();
  for (const batch of log) image.applyBatch(batch);
  return image;
}

function checkTopic(image: MetadataImage, each: TopicImage): void {
  for (const partition of each.partitions) {
    const where = `${each.name}-${partition.partition}`;
    const alive = partition.isr.filter((id) => image.cluster.isActive(id));
    const known = [...partition.isr, ...partition.elr, ...partition.lastKnownElr];
    expect(known.length, `${where}: somebody is in sync, or known to have been last`).toBeGreaterThan(0);
    expect(new Set(partition.replicas).size, `${where}: replicas are distinct`).toBe(partition.replicas.length);
    for (const id of partition.isr) expect(partition.replicas, `${where}: the ISR are replicas`).toContain(id);
    const { leader } = partition;
    const led = leader === NO_LEADER ? alive.length === 0 : alive.includes(leader);
    expect(led, `${where}: led by an active in-sync replica, or there is none`).toBe(true);
  }
}

test('controller: over random lives every partition is led by a live in-sync replica whenever there is one', () => {
  fc.assert(
    fc.property(lives(60), (steps) => {
      const life = new Life();
      for (const each of steps) {
        life.take(each);
        for (const every of life.harness.image.topics.all()) checkTopic(life.harness.image, every);
      }
    }),
    { numRuns: 300 },
  );
});

test('controller: the image lived is the image rebuilt from the log, and from its snapshot', () => {
  fc.assert(
    fc.property(lives(60), (steps) => {
      const life = new Life();
      for (const each of steps) life.take(each);
      const lived = life.harness.image.toSnapshot();
      expect(rebuilt(life.log).toSnapshot()).toEqual({ ...lived, epoch: expect.any(Number) });
      expect(MetadataImage.from(lived).toSnapshot()).toEqual(lived);
    }),
    { numRuns: 150 },
  );
});

test('controller: partition and leader epochs never move back, and a leader changes only with its epoch', () => {
  fc.assert(
    fc.property(lives(60), (steps) => {
      const life = new Life();
      for (const each of steps) life.take(each);
      const image = new MetadataImage();
      for (const batch of life.log) {
        for (const { before, after } of image.applyBatch(batch).partitions()) {
          if (before === undefined) continue;
          expect(after.partitionEpoch).toBeGreaterThan(before.partitionEpoch);
          expect(after.leaderEpoch).toBeGreaterThanOrEqual(before.leaderEpoch);
          const sameEpoch = after.leaderEpoch === before.leaderEpoch;
          expect(sameEpoch ? after.leader : before.leader).toBe(before.leader);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test('controller: no two producer id blocks overlap, whoever asks and however often the controller restarts', () => {
  fc.assert(
    fc.property(lives(80), (steps) => {
      const life = new Life();
      life.take({ kind: 'start', broker: 1 });
      for (const each of steps) life.take(each);
      expect(life.blocks).toEqual(life.blocks.map((_, at) => at * 1_000));
    }),
    { numRuns: 150 },
  );
});

test('controller: the same operations at the same times give the same records', () => {
  fc.assert(
    fc.property(lives(40), (steps) => {
      const [one, other] = [new Life(), new Life()];
      for (const each of steps) {
        one.take(each);
        other.take(each);
      }
      expect(other.log).toEqual(one.log);
    }),
    { numRuns: 50 },
  );
});
