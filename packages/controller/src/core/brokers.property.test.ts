/**
 * Random lives of three brokers with two directories each and of the leaders on them: stops in order and not, streams that break, disks
 * that fail and are replaced, ISRs that shrink and grow, ELR and min.insync.replicas that change, controllers that fail in the middle of
 * it; with slices so small that everything is cut. A model of what each replica holds says what a clean leader must not have lost.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MetadataImage, NO_LEADER, type PartitionImage } from '@odradek/metadata';
import {
  AlterConfigOp,
  ConfigResourceType,
  FeatureUpgradeType,
  LeaderRecoveryState,
  type AlterPartitionRequest,
} from '@odradek/protocol';
import { Harness, RECONNECT_GRACE_MS, directoryOf, elrOff } from '../testing/harness.ts';

const BROKERS = [1, 2, 3];
const TOPIC = 't';

type Step =
  | { readonly kind: 'crash' | 'stopInOrder' | 'start' | 'beat' | 'silence' | 'replaceDisk'; readonly broker: number }
  | { readonly kind: 'failDisk'; readonly broker: number; readonly disk: number }
  | { readonly kind: 'produce'; readonly partition: number }
  | { readonly kind: 'isr'; readonly partition: number; readonly wanted: readonly number[]; readonly stale: boolean }
  | { readonly kind: 'tick'; readonly times: number }
  | { readonly kind: 'minIsr' | 'clusterMinIsr'; readonly value: number }
  | { readonly kind: 'unclean'; readonly isAllowed: boolean }
  | { readonly kind: 'elr'; readonly level: number }
  | { readonly kind: 'newController'; readonly fromSnapshot: boolean };

const broker = fc.constantFrom(...BROKERS);
const partition = fc.nat(3);
const stepOf = (withElr: boolean): fc.Arbitrary<Step> => {
  const ofBroker = ['crash', 'stopInOrder', 'start', 'beat', 'silence', 'replaceDisk'] as const;
  const all: fc.Arbitrary<Step>[] = [
    ...ofBroker.map((kind) => fc.record({ kind: fc.constant(kind), broker }) as fc.Arbitrary<Step>),
    fc.record({ kind: fc.constant('start' as const), broker }),
    fc.record({ kind: fc.constant('failDisk' as const), broker, disk: fc.nat(1) }),
    fc.record({ kind: fc.constant('produce' as const), partition }),
    fc.record({ kind: fc.constant('isr' as const), partition, wanted: fc.subarray(BROKERS), stale: fc.boolean() }),
    fc.record({ kind: fc.constant('tick' as const), times: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constantFrom('minIsr' as const, 'clusterMinIsr' as const), value: fc.constantFrom(1, 2, 3) }),
    fc.record({ kind: fc.constant('unclean' as const), isAllowed: fc.boolean() }),
    fc.record({ kind: fc.constant('newController' as const), fromSnapshot: fc.boolean() }),
  ];
  if (!withElr) all.push(fc.record({ kind: fc.constant('elr' as const), level: fc.constantFrom(0, 1) }));
  return fc.oneof(...all);
};

/** What a replica holds of its partition's records: how many of the first. */
type Held = Map<number, number>;

class Life {
  harness: Harness;
  readonly #withElr: boolean;
  /** Brokers whose process runs. */
  readonly #up = new Set<number>();
  /** Disks that cannot be read; their brokers know. */
  readonly #failed = new Map<number, Set<string>>(BROKERS.map((id) => [id, new Set()]));
  /** The epoch under which a broker stopped in order. */
  readonly #stoppedAt = new Map<number, number>();
  readonly #held: Held[] = [];
  readonly #committed: number[] = [];
  #controllers = 1;

  constructor(withElr: boolean) {
    this.#withElr = withElr;
    this.harness = new Harness({ recordsPerSliceMax: 1, ...(withElr ? {} : { image: elrOff() }) });
    for (const id of BROKERS) this.#start(id);
    this.harness.create({
      name: TOPIC,
      replicas: [
        [1, 2, 3],
        [2, 3, 1],
        [3, 1, 2],
        [1, 2, 3],
      ],
    });
    for (const each of this.partitions) {
      this.#committed.push(0);
      this.#held.push(new Map(each.replicas.map((id) => [id, 0])));
    }
    for (const id of BROKERS) this.#assign(id);
  }

  get partitions(): readonly PartitionImage[] {
    return this.harness.image.topics.byName(TOPIC)?.partitions ?? [];
  }

  take(step: Step): void {
    const { harness } = this;
    switch (step.kind) {
      case 'crash':
        return this.#crash(step.broker);
      case 'stopInOrder':
        return this.#stopInOrder(step.broker);
      case 'start':
        return this.#start(step.broker);
      case 'beat':
        if (this.#up.has(step.broker)) this.#beat(step.broker);
        return;
      case 'silence':
        return this.#breakStream(step.broker);
      case 'failDisk':
        this.#failed.get(step.broker)?.add(disksOf(step.broker)[step.disk] ?? '');
        if (this.#up.has(step.broker)) this.#beat(step.broker);
        return;
      case 'replaceDisk':
        return this.#replaceDisks(step.broker);
      case 'produce':
        return this.#produce(step.partition);
      case 'isr':
        return this.#alterIsr(step.partition, step.wanted, step.stale);
      case 'tick':
        for (let left = step.times; left > 0; left -= 1) if (this.isPending) harness.handle({ kind: 'tick' });
        return;
      case 'minIsr':
        return this.#configure(ConfigResourceType.TOPIC, TOPIC, 'min.insync.replicas', String(step.value));
      case 'clusterMinIsr':
        return this.#configure(ConfigResourceType.BROKER, '', 'min.insync.replicas', String(step.value));
      case 'unclean':
        return this.#configure(
          ConfigResourceType.TOPIC,
          TOPIC,
          'unclean.leader.election.enable',
          String(step.isAllowed),
        );
      case 'elr':
        return this.#setElr(step.level);
      case 'newController':
        return this.#newController(step.fromSnapshot);
    }
  }

  get isPending(): boolean {
    return this.harness.controller.nextWakeMs(this.harness.nowMs) === 0;
  }

  settle(): void {
    for (let ticks = 0; this.isPending; ticks += 1) {
      expect(ticks, 'it comes to an end').toBeLessThan(500);
      this.harness.handle({ kind: 'tick' });
    }
  }

  /** What holds after every single operation. */
  check(): void {
    const { cluster } = this.harness.image;
    for (const each of this.partitions) {
      const { isr, elr, replicas, leader, lastKnownElr, partition: at } = each;
      expect(
        isr.every((id) => replicas.includes(id)),
        `${at}: the ISR are replicas`,
      ).toBe(true);
      expect(
        elr.every((id) => replicas.includes(id) && !isr.includes(id)),
        `${at}: the ELR are others`,
      ).toBe(true);
      expect(lastKnownElr.length, `${at}: one led last`).toBeLessThanOrEqual(1);
      expect(leader === NO_LEADER || isr.includes(leader), `${at}: the leader is in sync`).toBe(true);
      if (!this.#withElr)
        expect(isr.length + elr.length + lastKnownElr.length, `${at}: somebody is known`).toBeGreaterThan(0);
      this.#noteElection(each);
    }
    if (this.isPending) return;
    for (const each of this.partitions) {
      const where = `${each.partition} of ${JSON.stringify(each)}`;
      if (each.leader !== NO_LEADER)
        expect(this.#mayLead(each, each.leader), `${where}: its leader may lead`).toBe(true);
      for (const id of each.isr)
        if (!cluster.isActive(id))
          expect([each.isr, each.leader], `${where}: the last stays`).toEqual([[id], NO_LEADER]);
      const clean = each.isr.length > 0 ? each.isr : each.elr;
      if (each.leader === NO_LEADER)
        expect(
          clean.some((id) => this.#mayLead(each, id)),
          `${where}: nobody could lead it cleanly`,
        ).toBe(false);
    }
  }

  #mayLead(each: PartitionImage, id: number): boolean {
    const { cluster } = this.harness.image;
    const directory = each.directories[each.replicas.indexOf(id)] ?? '';
    return cluster.isActive(id) && cluster.broker(id)?.logDirs.includes(directory) === true;
  }

  /** A clean leader whose process runs holds all that was committed; an unclean one says what is left. */
  #noteElection({ partition: at, leader, leaderRecoveryState }: PartitionImage): void {
    const held = this.#held[at];
    if (held === undefined || leader === NO_LEADER || !this.#lives(leader)) return;
    const holds = held.get(leader) ?? 0;
    if (leaderRecoveryState === LeaderRecoveryState.RECOVERING) this.#committed[at] = holds;
    else if (this.#withElr) expect(holds, `${at}: leader ${leader} holds what was committed`).toBe(this.#committed[at]);
    else this.#committed[at] = holds;
  }

  /** The process runs that the controller knows under this id. */
  #lives(id: number): boolean {
    return this.#up.has(id) && this.harness.image.cluster.broker(id)?.epoch === this.harness.brokers.get(id)?.epoch;
  }

  #start(id: number): void {
    if (this.#up.has(id)) return;
    const logDirs = disksOf(id).filter((directory) => this.#failed.get(id)?.has(directory) !== true);
    if (logDirs.length === 0) return;
    const previousBrokerEpoch = this.#stoppedAt.get(id);
    const previous = previousBrokerEpoch === undefined ? {} : { previousBrokerEpoch };
    // It is refused as long as its last life is still being cleared away.
    if (!this.harness.register(id, { logDirs, ...previous }).ok) return;
    this.#stoppedAt.delete(id);
    this.#up.add(id);
    this.#beat(id);
    this.#assign(id);
  }

  #beat(id: number): void {
    this.harness.beat(id, { offlineLogDirs: [...(this.#failed.get(id) ?? [])] });
  }

  /** What is not on the disk is lost; here, all. */
  #crash(id: number): void {
    if (!this.#up.delete(id)) return;
    for (const held of this.#held) held.set(id, 0);
    this.#breakStream(id);
  }

  #breakStream(id: number): void {
    const brokerEpoch = this.harness.brokers.get(id)?.epoch ?? -1;
    this.harness.handle({ kind: 'sessionLost', brokerId: id, brokerEpoch });
    this.harness.nowMs += RECONNECT_GRACE_MS;
    for (const other of this.#up) if (other !== id) this.#beat(other);
    if (this.isPending) this.harness.handle({ kind: 'tick' });
  }

  #stopInOrder(id: number): void {
    if (!this.#up.has(id)) return;
    const beat = this.harness.beat(id, { wantShutDown: true });
    if (!beat.ok || !beat.value.shouldShutDown) return;
    this.#up.delete(id);
    this.#stoppedAt.set(id, this.harness.brokers.get(id)?.epoch ?? -1);
  }

  #replaceDisks(id: number): void {
    if (this.#up.has(id)) return;
    const failed = this.#failed.get(id);
    for (const { partition: at, directories, replicas } of this.partitions)
      if (failed?.has(directories[replicas.indexOf(id)] ?? '') === true) this.#held[at]?.set(id, 0);
    // A disk that is empty has no word of an order of stopping either.
    if (failed !== undefined && failed.size > 0) this.#stoppedAt.delete(id);
    failed?.clear();
  }

  /** Each broker says where its replicas lie: what lay on a disk that it has no more is made anew. */
  #assign(id: number): void {
    const online = this.harness.image.cluster.broker(id)?.logDirs ?? [];
    const topicId = this.harness.image.topics.byName(TOPIC)?.id ?? '';
    const brokerEpoch = this.harness.brokers.get(id)?.epoch ?? -1;
    for (const { partition: at, directories, replicas } of this.partitions) {
      const before = directories[replicas.indexOf(id)] ?? '';
      const directory = online[at % online.length];
      if (online.includes(before) || directory === undefined) continue;
      this.#held[at]?.set(id, 0);
      const partitions = [{ partitionIndex: at }];
      const request = {
        brokerId: id,
        brokerEpoch,
        directories: [{ id: directory, topics: [{ topicId, partitions }] }],
      };
      this.harness.admin({ kind: 'assignReplicasToDirs', request });
    }
  }

  /** With acks=all: what all that are in sync have is committed, as long as they are enough (KIP-966). */
  #produce(at: number): void {
    const each = this.partitions[at];
    if (each === undefined || each.leader === NO_LEADER || !this.#reaches(each, each.leader)) return;
    if (each.isr.length < this.#minIsr() || !each.isr.every((id) => this.#reaches(each, id))) return;
    const committed = (this.#committed[at] ?? 0) + 1;
    this.#committed[at] = committed;
    for (const id of each.isr) this.#held[at]?.set(id, committed);
  }

  /** The replica can be read and written. */
  #reaches(each: PartitionImage, id: number): boolean {
    return this.#lives(id) && this.#failed.get(id)?.has(each.directories[each.replicas.indexOf(id)] ?? '') !== true;
  }

  #minIsr(): number {
    const { configs } = this.harness.image;
    const ofTopic = configs.of(ConfigResourceType.TOPIC, TOPIC).get('min.insync.replicas');
    const ofCluster = configs.of(ConfigResourceType.BROKER, '').get('min.insync.replicas');
    return Number(ofTopic ?? ofCluster ?? 1);
  }

  /** Who joins has caught up before. @param stale the leader goes by the epochs of earlier lives */
  #alterIsr(at: number, wanted: readonly number[], stale: boolean): void {
    const each = this.partitions[at];
    if (each === undefined || !this.#lives(each.leader)) return;
    const isr = [
      each.leader,
      ...wanted.filter((id) => id !== each.leader && (each.isr.includes(id) || this.#reaches(each, id))),
    ];
    const epochOf = (id: number): number =>
      (this.harness.brokers.get(id)?.epoch ?? 0) - (stale && id !== each.leader ? 1 : 0);
    const request: AlterPartitionRequest = {
      brokerId: each.leader,
      brokerEpoch: this.harness.brokers.get(each.leader)?.epoch ?? -1,
      topics: [
        {
          topicId: this.harness.image.topics.byName(TOPIC)?.id ?? '',
          partitions: [
            {
              partitionIndex: at,
              leaderEpoch: each.leaderEpoch,
              newIsr: [],
              newIsrWithEpochs: isr.map((brokerId) => ({ brokerId, brokerEpoch: epochOf(brokerId) })),
              leaderRecoveryState: LeaderRecoveryState.RECOVERED,
              partitionEpoch: each.partitionEpoch,
            },
          ],
        },
      ],
    };
    const committed = this.#committed[at] ?? 0;
    if (!stale) for (const id of isr) if (!each.isr.includes(id)) this.#held[at]?.set(id, committed);
    this.harness.admin({ kind: 'alterPartition', request });
  }

  #configure(resourceType: number, resourceName: string, name: string, value: string): void {
    const configs = [{ name, configOperation: AlterConfigOp.SET, value }];
    const resources = [{ resourceType, resourceName, configs }];
    this.harness.admin({ kind: 'incrementalAlterConfigs', request: { resources, validateOnly: false } });
  }

  #setElr(level: number): void {
    const upgradeType = level > 0 ? FeatureUpgradeType.UPGRADE : FeatureUpgradeType.SAFE_DOWNGRADE;
    const feature = 'eligible.leader.replicas.version';
    const featureUpdates = [{ feature, maxVersionLevel: level, upgradeType, allowDowngrade: false }];
    this.harness.admin({ kind: 'updateFeatures', request: { timeoutMs: 1, featureUpdates, validateOnly: false } });
  }

  #newController(fromSnapshot: boolean): void {
    const before = this.harness;
    const image = fromSnapshot ? MetadataImage.from(before.image.toSnapshot()) : before.image;
    this.#controllers += 1;
    this.harness = new Harness({ image, seed: this.#controllers, recordsPerSliceMax: 1 });
    this.harness.nowMs = before.nowMs;
    for (const [id, known] of before.brokers) this.harness.brokers.set(id, known);
    for (const id of this.#up) this.#beat(id);
  }
}

function disksOf(id: number): readonly string[] {
  return [directoryOf(10 * id), directoryOf(10 * id + 1)];
}

/** Epochs of partitions as they were, to see that they only move on. */
function checkEpochs(before: readonly PartitionImage[], after: readonly PartitionImage[]): void {
  for (const [at, was] of before.entries()) {
    const is = after[at];
    if (is === undefined || is === was) continue;
    if (is.partitionEpoch === was.partitionEpoch) expect(is).toEqual(was);
    expect(is.partitionEpoch).toBeGreaterThanOrEqual(was.partitionEpoch);
    expect(is.leaderEpoch).toBeGreaterThanOrEqual(was.leaderEpoch);
    if (is.leader !== was.leader) expect(is.leaderEpoch).toBeGreaterThan(was.leaderEpoch);
  }
}

test.for([
  ['ELR from the beginning: a clean leader has lost nothing', true],
  ['ELR that comes and goes', false],
] as const)('brokers: over random lives, %s', ([, withElr]) => {
  fc.assert(
    fc.property(fc.array(stepOf(withElr), { minLength: 1, maxLength: 80, size: 'max' }), (steps) => {
      const life = new Life(withElr);
      for (const step of steps) {
        const before = [...life.partitions];
        life.take(step);
        checkEpochs(before, life.partitions);
        life.check();
      }
      life.settle();
      life.check();
    }),
    { numRuns: 150 },
  );
});
