/** Groups on one node: commits beside Apache Kafka's, many groups, large rebalances, and what it takes to load their offsets again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit/process';
import { kafkaLibraries, rssMb, startApacheKafka } from './apache-kafka.ts';
import { median, type Subject } from './load.ts';
import * as groups from './groups-load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export type GroupsOptions = {
  readonly runs: number;
  readonly seconds: number;
  readonly groups: number;
  readonly kafkaBootstrap: string | undefined;
  readonly write: boolean;
};

type Row = { what: string; value: string; goal: string; met: boolean | undefined };

const PARTITIONS = 200;
const LOAD_PARTITIONS = 2_000;
const REBALANCE_MEMBERS = 100;
const WARM_UP_SECONDS = 3;
const CONNECTIONS = 100;
const REST_MS = 2_000;
/** How often members beat by default, and what a consumer group's coordinator tells them. */
const BEAT_MS = { classic: 3_000, consumer: 5_000 };

const config = { 'group.initial.rebalance.delay.ms': '0' };

/** A new group waits until all of its members are there; nothing else waits for anybody. */
const rebalanceConfig = {
  'group.initial.rebalance.delay.ms': '1000',
  'group.consumer.assignment.interval.ms': '0',
  'group.consumer.min.assignment.interval.ms': '0',
};

export async function benchGroups(options: GroupsOptions): Promise<void> {
  const rows: Row[] = [];
  const tell: Tell = (what, value, goal = '', met) => {
    rows.push({ what, value, goal, met });
    process.stdout.write(`${what.padEnd(72)} ${value}${met === undefined ? '' : met ? '  met' : '  MISSED'}\n`);
  };
  await commits(options, tell);
  await manyGroups(options, tell);
  await rebalances(options, tell);
  for (const count of [100_000, 1_000_000]) await loading(count, tell);
  if (!options.write) return;
  const cells = rows.map(({ what, value, goal, met }) => [
    what,
    value,
    goal,
    met === undefined ? '' : met ? 'met' : '**missed**',
  ]);
  writeSection(
    'groups',
    `${circumstances()} Commits are medians of ${options.runs} runs, ours and Kafka's in turn.\n\n${markdownTable(['', '', 'goal', ''], cells)}`,
  );
}

type Tell = (what: string, value: string, goal?: string, met?: boolean) => void;

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REST_MS));

async function commits(options: GroupsOptions, tell: Tell): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const ours = resources.use(await spawnKafka({ config }));
  const subjects: Subject[] = [{ name: 'odradek', bootstrap: ours.bootstrap, pid: ours.pid }];
  if (options.kafkaBootstrap !== undefined)
    subjects.push({ name: 'kafka', bootstrap: options.kafkaBootstrap, pid: undefined });
  else {
    const libraries = kafkaLibraries();
    if (libraries.use === undefined) process.stdout.write(`Apache Kafka is not measured: ${libraries.missing}\n`);
    else {
      const kafka = resources.use(await startApacheKafka(libraries.use));
      subjects.push({ name: 'kafka', bootstrap: kafka.bootstrap, pid: kafka.pid });
    }
  }
  for (const { bootstrap } of subjects) {
    await groups.createTopic(bootstrap, groups.TOPIC, PARTITIONS).catch((error: Error) => {
      if (!error.message.includes('TOPIC_ALREADY_EXISTS')) throw error; // a Kafka that is there already
    });
    await groups.commitRate(bootstrap, PARTITIONS, WARM_UP_SECONDS);
  }
  const rates = new Map<string, number[]>();
  const cpu: number[] = [];
  for (let run = 0; run < options.runs; run += 1) {
    for (const { name, bootstrap, pid } of run % 2 === 0 ? subjects : subjects.toReversed()) {
      const before = pid === undefined ? 0 : groups.cpuSeconds(pid);
      const rate = await groups.commitRate(bootstrap, PARTITIONS, options.seconds);
      rates.set(name, [...(rates.get(name) ?? []), rate]);
      if (name === 'odradek' && pid !== undefined)
        cpu.push(((groups.cpuSeconds(pid) - before) / options.seconds / rate) * 1e6);
    }
  }
  const [own = [], theirs = []] = [rates.get('odradek'), rates.get('kafka')];
  tell(
    'commits of one partition, 8 connections, 256 in flight, /s',
    median(own).toFixed(0),
    '≥ 10,000',
    median(own) >= 10_000,
  );
  tell('processor time of one such commit, µs', median(cpu).toFixed(0));
  if (theirs.length === 0) return;
  tell("Apache Kafka's, /s", median(theirs).toFixed(0));
  tell('ratio', `${median(own.map((rate, run) => rate / (theirs[run] ?? Number.NaN))).toFixed(2)}x`);
}

async function manyGroups(options: GroupsOptions, tell: Tell): Promise<void> {
  for (const protocol of ['classic', 'consumer'] as const) {
    await using node = await spawnKafka({ config });
    await groups.createTopic(node.bootstrap, groups.TOPIC, 10);
    await using pool = await groups.openPool(node.bootstrap, CONNECTIONS);
    await rest();
    const [memory, from] = [rssMb(node.pid), performance.now()];
    const beating = await groups.singles(pool, options.groups, protocol);
    const tookMs = performance.now() - from;
    await rest();
    const grown = rssMb(node.pid) - memory;
    const what = `${options.groups} ${protocol} groups of one member`;
    tell(`${what}: joining`, `${(tookMs / 1000).toFixed(2)} s`);
    tell(
      `${what}: memory`,
      `${memory.toFixed(0)} + ${grown.toFixed(0)} MB, ${((grown * 1024) / options.groups).toFixed(1)} KiB each`,
    );
    await groups.keepBeating(beating, options.groups, BEAT_MS[protocol], WARM_UP_SECONDS);
    const before = groups.cpuSeconds(node.pid);
    const rate = await groups.keepBeating(beating, options.groups, BEAT_MS[protocol], options.seconds);
    const share = ((groups.cpuSeconds(node.pid) - before) / options.seconds) * 100;
    tell(
      `${what}: a heartbeat every ${BEAT_MS[protocol] / 1000} s (${rate.toFixed(0)}/s)`,
      `${share.toFixed(1)} % of one processor`,
    );
  }
}

async function rebalances(options: GroupsOptions, tell: Tell): Promise<void> {
  await using node = await spawnKafka({ config: rebalanceConfig });
  await groups.createTopic(node.bootstrap, groups.TOPIC, PARTITIONS);
  await using pool = await groups.openPool(node.bootstrap, REBALANCE_MEMBERS);
  const [classic, consumer]: [number[], groups.Reconciled[]] = [[], []];
  for (let run = 0; run < options.runs + 1; run += 1) {
    const ms = await groups.classicRebalance(pool, REBALANCE_MEMBERS, run);
    const reconciled = await groups.consumerRebalance(pool, REBALANCE_MEMBERS, run);
    if (run === 0) continue; // the first one compiles
    classic.push(ms);
    consumer.push(reconciled);
  }
  const who = `${REBALANCE_MEMBERS} members`;
  const slowest = Math.max(...classic);
  tell(
    `classic: rebalance of ${who}, from the joins to the last assignment`,
    `${median(classic).toFixed(0)} ms (slowest ${slowest.toFixed(0)})`,
    '≤ 200 ms',
    slowest <= 200,
  );
  const [ms, rounds] = [consumer.map((each) => each.ms), consumer.map((each) => each.rounds)];
  tell(
    `consumer: one more of ${who}, until all is reconciled`,
    `${median(ms).toFixed(0)} ms in ${median(rounds)} heartbeats of each`,
    '≤ 200 ms',
    Math.max(...ms) <= 200,
  );
}

/** kill -9, so that nothing is tidied up for the next start. */
async function loading(offsets: number, tell: Tell): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-bench-groups-'));
  const start = (): Promise<KafkaProcess> =>
    spawnKafka({ directory, config: { ...config, 'odradek.log.level': 'debug' }, readyWithinMs: 120_000 });
  try {
    let node = await start();
    await groups.createTopic(node.bootstrap, groups.TOPIC, LOAD_PARTITIONS);
    {
      await using pool = await groups.openPool(node.bootstrap);
      await groups.fillOffsets(pool, offsets / LOAD_PARTITIONS, LOAD_PARTITIONS);
    }
    await node.kill();
    node = await start();
    const loads = await loadedAll(node);
    const tookMs = Math.max(...loads.map((each) => each.tookMs));
    const records = loads.reduce((sum, { recordCount }) => sum + recordCount, 0);
    if (records < offsets) throw new Error(`${records} records were loaded of ${offsets}`);
    const what = `loading ${offsets.toLocaleString('en')} offsets from 50 partitions after kill -9`;
    const isGoal = offsets === 100_000;
    const took = `${(tookMs / 1000).toFixed(2)} s, memory then ${rssMb(node.pid).toFixed(0)} MB`;
    tell(what, took, isGoal ? '< 1 s' : '', isGoal ? tookMs < 1_000 : undefined);
    await node.kill();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const SHARDS = 50;
const LOAD_WITHIN_MS = 120_000;

type Loaded = { readonly recordCount: number; readonly tookMs: number };

/** What the node's log tells of its shards. */
async function loadedAll(node: KafkaProcess): Promise<Loaded[]> {
  const deadline = performance.now() + LOAD_WITHIN_MS;
  for (;;) {
    const lines = node
      .output()
      .split('\n')
      .filter((line) => line.includes('coordinator shard loaded'));
    if (lines.length >= SHARDS) return lines.map((line) => JSON.parse(line) as Loaded);
    if (performance.now() > deadline) throw new Error(`${lines.length} of ${SHARDS} shards were loaded`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
