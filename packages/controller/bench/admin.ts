/**
 * What the largest admin requests cost the controller machine: `node packages/controller/bench/admin.ts [partitions]`. Three brokers in
 * three racks, 10,000 partitions a topic. Prints the CPU time of each request, decided and applied, and how many records it made; each is
 * bounded by `controllerPartitionsPerRequestMax`, `controllerRecordsPerRequestMax` or `controllerElectionsPerBalanceMax`.
 */
import { limits } from '@odradek/base';
import { Harness } from '../src/testing/harness.ts';

const PARTITIONS = Number(process.argv[2] ?? 100_000);
const BROKERS = [1, 2, 3];
const A_TOPIC = limits.production.controllerPartitionsPerRequestMax;

const harness = new Harness({
  brokers: BROKERS,
  racks: { 1: 'a', 2: 'b', 3: 'c' },
  partitionsPerRequestMax: A_TOPIC,
  recordsPerRequestMax: limits.production.controllerRecordsPerRequestMax,
  electionsPerBalanceMax: limits.production.controllerElectionsPerBalanceMax,
});

/** What has been measured on the machine beside is in the way of the clock, less so of CPU time. */
function measured(what: string, ask: () => unknown): void {
  const before = harness.image.endOffset;
  const from = process.cpuUsage();
  ask();
  const { user, system } = process.cpuUsage(from);
  const made = harness.image.endOffset - before;
  harness.batches.length = 0;
  console.log(`${what.padEnd(58)} ${((user + system) / 1_000).toFixed(1).padStart(7)} ms CPU ${made} records`);
}

const named = Array.from({ length: Math.ceil(PARTITIONS / A_TOPIC) }, (_, at) => `topic-${at}`);
const [first = ''] = named;
const partitions = Array.from({ length: A_TOPIC }, (_, at) => at);
const electAll = () =>
  harness.admin({ kind: 'electLeaders', request: { electionType: 0, topicPartitions: null, timeoutMs: 1 } });

for (const name of named)
  measured(`CreateTopics, ${A_TOPIC} partitions`, () => harness.create({ name, partitions: A_TOPIC, factor: 3 }));
measured('CreateTopics, 100 topics of 100', () =>
  harness.create(...Array.from({ length: 100 }, (_, at) => ({ name: `small-${at}`, partitions: 100, factor: 3 }))),
);
measured('CreateTopics, one partition', () => harness.create({ name: 'one', factor: 3 }));
measured('ElectLeaders of all, none needed', electAll);
harness.beat(1, { wantFence: true });
harness.settle();
measured('ElectLeaders of all, a third not available', electAll);
harness.beat(1);
harness.settle();
for (const name of named) {
  const topic = harness.image.topics.byName(name);
  for (const leader of [2, 3]) {
    const led = topic?.partitions.filter((each) => each.leader === leader) ?? [];
    const epochOf = (brokerId: number): number => harness.brokers.get(brokerId)?.epoch ?? -1;
    const changes = led.map(({ partition: partitionIndex, leaderEpoch, partitionEpoch }) => ({
      partitionIndex,
      leaderEpoch,
      partitionEpoch,
      newIsr: [],
      newIsrWithEpochs: BROKERS.map((brokerId) => ({ brokerId, brokerEpoch: epochOf(brokerId) })),
      leaderRecoveryState: 0,
    }));
    const topics = [{ topicId: topic?.id ?? '', partitions: changes }];
    const request = { brokerId: leader, brokerEpoch: epochOf(leader), topics };
    measured(`AlterPartition of ${changes.length}`, () => harness.admin({ kind: 'alterPartition', request }));
  }
}
measured('ElectLeaders of all, too many: refused', electAll);
measured(`ElectLeaders of ${A_TOPIC}`, () => {
  const topicPartitions = [{ topic: first, partitions }];
  return harness.admin({ kind: 'electLeaders', request: { electionType: 0, topicPartitions, timeoutMs: 1 } });
});
harness.passMs(0);
harness.nowMs += 300_000;
for (const brokerId of BROKERS) harness.beat(brokerId);
measured('one step of the automatic balance', () => harness.handle({ kind: 'tick' }));
measured(`AlterPartitionReassignments of ${A_TOPIC}`, () => {
  const topics = [
    { name: first, partitions: partitions.map((partitionIndex) => ({ partitionIndex, replicas: [3, 2] })) },
  ];
  const request = { timeoutMs: 1, allowReplicationFactorChange: true, topics };
  return harness.admin({ kind: 'alterPartitionReassignments', request });
});
measured('ListPartitionReassignments of all', () =>
  harness.admin({ kind: 'listPartitionReassignments', request: { timeoutMs: 1, topics: null } }),
);
measured(`DeleteTopics, ${A_TOPIC} partitions`, () =>
  harness.admin({ kind: 'deleteTopics', request: { topics: [], topicNames: [first], timeoutMs: 1 } }),
);
