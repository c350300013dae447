/**
 * Many partitions on three combined nodes, made by admin requests: time, memory, what the metadata takes on disk, how soon a node is back and
 * how soon an empty broker is there. And one topic after another, beside an Apache Kafka of three nodes.
 */
import { readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { startCluster, type Cluster, type ClusterNode } from '../../test/support/cluster.ts';
import { kafkaLibraries, rssMb, startApacheKafkas } from './apache-kafka.ts';
import { median } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export type MetadataOptions = {
  readonly topics: number;
  readonly partitions: number;
  /** How many topics are created one after another. */
  readonly runs: number;
  readonly replicationFactors: readonly number[];
  readonly write: boolean;
};

const NODES = 3;
const TOPICS_A_REQUEST = 10;
const REQUEST_TIMEOUT_MS = 120_000;
const READY_WITHIN_MS = 600_000;
const WARM_UP = 30;
const GOAL_MS = 50;
/** Every node takes a snapshot soon, of what would be kept as a log by default. */
const snapshotSoon = { 'metadata.log.max.record.bytes.between.snapshots': '1000000' };

type Tell = (what: string, value: string) => void;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

export async function benchMetadata(options: MetadataOptions): Promise<void> {
  const columns: Map<string, string>[] = [];
  for (const factor of options.replicationFactors) {
    say(`\nreplication factor ${factor}`);
    columns.push(await many(options, factor));
  }
  const latencies = await oneByOne(options.runs, options.replicationFactors);
  if (!options.write) return;
  const heads = ['', ...options.replicationFactors.map((factor) => `replication factor ${factor}`)];
  const [first = new Map<string, string>()] = columns;
  const rows = [...first.keys()].map((what) => [what, ...columns.map((column) => column.get(what) ?? '')]);
  const about = `${options.topics} topics of ${options.partitions} partitions on three combined nodes, ${TOPICS_A_REQUEST} topics a request, one request under way at each node; data under ${tmpdir()}. ${circumstances()}`;
  writeSection('metadata', `${about}\n\n${markdownTable(heads, rows)}`);
  writeSection(
    'create-topic',
    `${options.runs} topics of one partition, one after another. ${circumstances()}\n\n${latencies}`,
  );
}

async function many(options: MetadataOptions, factor: number): Promise<Map<string, string>> {
  const column = new Map<string, string>();
  const tell: Tell = (what, value) => {
    column.set(what, value);
    say(`${what.padEnd(60)} ${value}`);
  };
  await using cluster = await startCluster({
    nodes: NODES,
    brokers: 1,
    isStopped: true,
    readyWithinMs: READY_WITHIN_MS,
  });
  const nodes = cluster.nodes.slice(0, NODES);
  const fresh = cluster.node(NODES + 1);
  await Promise.all(nodes.map((node) => node.start()));
  await Promise.all(nodes.map((node) => node.ready()));
  tell('memory of each node, fresh', memories(nodes));
  const from = performance.now();
  await createAll(nodes, options, factor);
  const tookMs = performance.now() - from;
  const partitions = options.topics * options.partitions;
  tell('creating all', `${seconds(tookMs)}, ${((partitions / tookMs) * 1000).toFixed(0)} partitions/s`);
  tell('memory of each node after it', memories(nodes));
  tell('metadata on disk of each node', sizes(nodes));
  await restartWithSnapshot(cluster, nodes, tell);
  const snapshots = await Promise.all(nodes.map((node) => node.metric('odradek_raft_snapshot_bytes')));
  tell('last snapshot of each node', snapshots.map((bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`).join(', '));
  tell('memory of each node after the restart', memories(nodes));
  const startMs = performance.now();
  await fresh.start();
  await fresh.ready(READY_WITHIN_MS);
  tell('an empty broker, from the start of its process until it is ready', seconds(performance.now() - startMs));
  tell('its memory', memories([fresh]));
  return column;
}

const memories = (nodes: readonly ClusterNode[]): string =>
  `${nodes.map(({ pid }) => rssMb(pid).toFixed(0)).join(', ')} MB`;

const sizes = (nodes: readonly ClusterNode[]): string =>
  `${nodes.map(({ metadataDirectory }) => (sizeOf(metadataDirectory) / 2 ** 20).toFixed(1)).join(', ')} MiB`;

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

/** One node after another is stopped and started: what a rolling restart is like, and each has a snapshot afterwards. */
async function restartWithSnapshot(cluster: Cluster, nodes: readonly ClusterNode[], tell: Tell): Promise<void> {
  const times: { readonly stopMs: number; readonly readyMs: number }[] = [];
  for (const node of nodes) {
    const stopped = await node.stop();
    const from = performance.now();
    await node.start(snapshotSoon);
    await node.ready(READY_WITHIN_MS);
    times.push({ stopMs: stopped.tookMs, readyMs: performance.now() - from });
    await cluster.agreed();
  }
  tell('stop of each node', times.map(({ stopMs }) => seconds(stopMs)).join(', '));
  tell('start of each node until it is ready', times.map(({ readyMs }) => seconds(readyMs)).join(', '));
  using wire = await Wire.open(nodes[0]?.address ?? '', REQUEST_TIMEOUT_MS);
  await create(wire, ['after'], 1, 1);
}

async function createAll(nodes: readonly ClusterNode[], options: MetadataOptions, factor: number): Promise<void> {
  const names = Array.from({ length: options.topics }, (_, index) => `many-${index}`);
  await Promise.all(
    nodes.map(async ({ address }) => {
      using wire = await Wire.open(address, REQUEST_TIMEOUT_MS);
      while (names.length > 0) await create(wire, names.splice(0, TOPICS_A_REQUEST), options.partitions, factor);
    }),
  );
}

async function create(wire: Wire, names: readonly string[], numPartitions: number, factor: number): Promise<void> {
  const topics = names.map((name) => ({
    name,
    numPartitions,
    replicationFactor: factor,
    assignments: [],
    configs: [],
  }));
  const request = { topics, timeoutMs: REQUEST_TIMEOUT_MS, validateOnly: false };
  const answer = await wire.call(ApiKey.CreateTopics, request, CREATE_VERSION);
  for (const { name, errorCode, errorMessage } of answer.topics) {
    if (errorCode === ErrorCode.NONE) continue;
    throw new Error(`topic ${name} was not created: ${errorName(errorCode)} ${errorMessage ?? ''}`);
  }
}

/** Apache Kafka 4.3 has it too. */
const CREATE_VERSION = 7;

/** @returns a table of the time of a single creation, ours and Apache Kafka's */
async function oneByOne(runs: number, factors: readonly number[]): Promise<string> {
  const heads = ['', 'Odradek, ms: median', 'p99', 'Apache Kafka, ms: median', 'p99', `goal: median < ${GOAL_MS} ms`];
  const ours = await creationTimes(runs, factors, async () => {
    const cluster = await startCluster({ nodes: NODES });
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    return {
      addresses: cluster.nodes.map(({ address }) => address),
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  });
  const libraries = kafkaLibraries();
  if (libraries.use === undefined) say(`Apache Kafka is not measured: ${libraries.missing}`);
  const { use } = libraries;
  const theirs =
    use === undefined ? undefined : await creationTimes(runs, factors, () => startApacheKafkas(use, NODES));
  const rows = factors.map((factor, index) => {
    const [own, other] = [ours[index] ?? [], theirs?.[index]];
    const shown = (times: readonly number[] | undefined): string[] =>
      times === undefined ? ['not measured', ''] : [median(times).toFixed(1), percentile(times, 0.99).toFixed(1)];
    return [
      `replication factor ${factor}`,
      ...shown(own),
      ...shown(other),
      median(own) < GOAL_MS ? 'met' : '**missed**',
    ];
  });
  const table = markdownTable(heads, rows);
  say(`\n${table}`);
  return table;
}

type Nodes = AsyncDisposable & { readonly addresses: readonly string[] };

/** For each replication factor the times of single creations, through each node in turn. */
async function creationTimes(
  runs: number,
  factors: readonly number[],
  start: () => Promise<Nodes>,
): Promise<number[][]> {
  await using nodes = await start();
  const wires = await Promise.all(nodes.addresses.map((address) => Wire.open(address)));
  try {
    const times: number[][] = [];
    for (const factor of factors) {
      const own: number[] = [];
      for (let run = 0; run < WARM_UP + runs; run += 1) {
        const wire = wires[run % wires.length];
        if (wire === undefined) throw new Error('no node to ask');
        const from = performance.now();
        await create(wire, [`one-${factor}-${run}`], 1, factor);
        if (run >= WARM_UP) own.push(performance.now() - from);
      }
      times.push(own);
    }
    return times;
  } finally {
    for (const wire of wires) wire.close();
  }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
