/**
 * Thousands of partitions of three replicas that nobody writes to: what they cost each node, and how soon all that a node led can be written
 * again when it dies. The writes are requests of one record for each partition, over connections that were there before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, buildBatch, ErrorCode } from '@odradek/protocol';
import { Pipeline } from '../../test/support/pipeline.ts';
import { rssMb } from './apache-kafka.ts';
import { apacheFleet, NODES, ourFleet, type Fleet, type FleetNode } from './fleet.ts';
import { cpuSeconds } from './groups-load.ts';
import { median, quantile } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export type IdleOptions = {
  readonly partitions: number;
  /** For which nothing is done. */
  readonly seconds: number;
  /** Nodes that are killed, one after another. */
  readonly rounds: number;
  readonly isCompared: boolean;
  readonly write: boolean;
};

const A_TOPIC = 100;
const SETTLE_MS = 10_000;
const AGAIN_MS = 10;
const AGAIN_WITHIN_MS = 60_000;
const IDLE_GOAL_PERCENT = 5;
const FAILOVER_GOAL_MS = 1_000;
const WRITE_VERSION = 12;
const METADATA_VERSION = 12;

type Round = {
  readonly victim: number;
  readonly led: number;
  /** When each of the victim's partitions had taken a write, in milliseconds since the kill. */
  readonly writtenMs: readonly number[];
  readonly backMs: number;
};
type Measured = {
  readonly fleet: Fleet['name'];
  readonly idlePercent: readonly number[];
  readonly rssMb: readonly number[];
  readonly rounds: readonly Round[];
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

export async function benchIdlePartitions(options: IdleOptions): Promise<void> {
  const measured = [await measure(await ourFleet(), options)];
  const other = options.isCompared ? await apacheFleet() : 'not asked for';
  if (typeof other === 'string') say(`Apache Kafka is not measured: ${other}`);
  else measured.push(await measure(other, options));
  const about = `${options.partitions} partitions in topics of ${A_TOPIC}, three replicas each, on three nodes; idle for ${options.seconds} s. ${circumstances()}`;
  const text = `${about}\n\n${tableOf(measured)}`;
  say(`\n${text}`);
  if (options.write) writeSection('idle-partitions', text);
}

async function measure(started: Fleet, { partitions, seconds, rounds }: IdleOptions): Promise<Measured> {
  await using fleet = started;
  const topics = Array.from({ length: Math.ceil(partitions / A_TOPIC) }, (_, at) => `idle-${at}`);
  for (const topic of topics) await fleet.createTopic(topic, { partitions: A_TOPIC });
  await fleet.untilInSync(topics, A_TOPIC);
  await sleep(SETTLE_MS);
  const before = fleet.nodes.map(({ pid }) => cpuSeconds(pid));
  await sleep(seconds * 1_000);
  const idlePercent = fleet.nodes.map(({ pid }, at) => ((cpuSeconds(pid) - (before[at] ?? 0)) / seconds) * 100);
  const memory = fleet.nodes.map(({ pid }) => rssMb(pid));
  say(
    `${fleet.name}: idle ${idlePercent.map((share) => share.toFixed(1)).join(', ')} % of a processor, ${memory.map((mb) => mb.toFixed(0)).join(', ')} MB`,
  );
  const played: Round[] = [];
  for (let at = 0; at < rounds; at += 1) {
    const round = await playRound(fleet, topics, fleet.node((at % NODES) + 1));
    played.push(round);
    say(
      `${fleet.name}: node ${round.victim} led ${round.led}: half written again after ${quantile(round.writtenMs, 0.5).toFixed(0)} ms, ` +
        `all after ${Math.max(...round.writtenMs).toFixed(0)} ms; in sync ${(round.backMs / 1_000).toFixed(1)} s after its start`,
    );
  }
  return { fleet: fleet.name, idlePercent, rssMb: memory, rounds: played };
}

async function playRound(fleet: Fleet, topics: readonly string[], victim: FleetNode): Promise<Round> {
  await fleet.electPreferred(topics, A_TOPIC);
  const places = await fleet.places(topics);
  const own = places.filter(({ leader }) => leader === victim.id);
  const led = new Set(own.map(({ topic, partition }) => keyOf(topic, partition)));
  const others = fleet.nodes.filter((node) => node !== victim);
  const pipelines = await Promise.all(others.map(({ address }) => Pipeline.open(address)));
  const writtenMs: number[] = [];
  try {
    const fromMs = performance.now();
    await victim.kill();
    const open = new Set(led);
    await Promise.all(
      others.map(async ({ id }, at) => {
        const pipeline = pipelines[at];
        if (pipeline === undefined) return;
        while (open.size > 0) {
          for (const key of await writtenAt(pipeline, topics, { open, id }))
            if (open.delete(key)) writtenMs.push(performance.now() - fromMs);
          if (performance.now() - fromMs > AGAIN_WITHIN_MS) throw new Error(`${open.size} partitions take no write`);
          await sleep(AGAIN_MS);
        }
      }),
    );
  } finally {
    for (const pipeline of pipelines) pipeline.close();
  }
  const startMs = performance.now();
  await victim.start();
  await fleet.untilInSync(topics, A_TOPIC);
  return { victim: victim.id, led: led.size, writtenMs, backMs: performance.now() - startMs };
}

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

type Wanted = { readonly open: ReadonlySet<string>; readonly id: number };

/** Writes a record to each of the open partitions that this node says it leads. @returns those that took it */
async function writtenAt(pipeline: Pipeline, topics: readonly string[], { open, id }: Wanted): Promise<string[]> {
  const request = { topics: topics.map((name) => ({ name })), allowAutoTopicCreation: false };
  const metadata = await pipeline.call(ApiKey.Metadata, request, METADATA_VERSION);
  const topicData = metadata.topics.flatMap(({ name, partitions }) => {
    const own = partitions.filter(
      ({ leaderId, partitionIndex }) => leaderId === id && open.has(keyOf(name ?? '', partitionIndex)),
    );
    return own.length === 0
      ? []
      : [
          {
            name: name ?? '',
            partitionData: own.map(({ partitionIndex }) => ({ index: partitionIndex, records: record() })),
          },
        ];
  });
  if (topicData.length === 0) return [];
  const { responses } = await pipeline.call(ApiKey.Produce, { acks: -1, timeoutMs: 1_000, topicData }, WRITE_VERSION);
  return responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.flatMap(({ index, errorCode }) => (errorCode === ErrorCode.NONE ? [keyOf(name, index)] : [])),
  );
}

function record(): Buffer {
  return buildBatch({}, [{ timestampMs: Date.now(), value: Buffer.from('again') }]);
}

function tableOf(measured: readonly Measured[]): string {
  const idle = (each: Measured): string => each.idlePercent.map((share) => share.toFixed(1)).join(', ');
  const lasts = (each: Measured): number[] => each.rounds.map(({ writtenMs }) => Math.max(...writtenMs));
  const spread = (values: readonly number[], digits = 0): string =>
    values.length === 0
      ? ''
      : `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}-${Math.max(...values).toFixed(digits)})`;
  const [ours] = measured;
  const verdict = (isMet: boolean): string => (isMet ? 'met' : '**missed**');
  const rows = [
    [
      'idle, % of a processor of each node',
      ...measured.map(idle),
      `< ${IDLE_GOAL_PERCENT}: ${verdict(Math.max(...(ours?.idlePercent ?? [])) < IDLE_GOAL_PERCENT)}`,
    ],
    ['memory of each node, MB', ...measured.map((each) => each.rssMb.map((mb) => mb.toFixed(0)).join(', ')), ''],
    [
      'partitions that the killed node led',
      ...measured.map((each) => each.rounds.map(({ led }) => led).join(', ')),
      '',
    ],
    [
      'half of them written again, ms',
      ...measured.map((each) => spread(each.rounds.map(({ writtenMs }) => quantile(writtenMs, 0.5)))),
      '',
    ],
    [
      'all of them written again, ms',
      ...measured.map((each) => spread(lasts(each))),
      ours === undefined ? '' : `< ${FAILOVER_GOAL_MS}: ${verdict(Math.max(...lasts(ours)) < FAILOVER_GOAL_MS)}`,
    ],
    [
      'all replicas in sync after its start, s',
      ...measured.map((each) =>
        spread(
          each.rounds.map(({ backMs }) => backMs / 1_000),
          1,
        ),
      ),
      '',
    ],
  ];
  const heads = ['', ...measured.map(({ fleet }) => (fleet === 'odradek' ? 'Odradek' : 'Apache Kafka')), 'goal'];
  return markdownTable(heads, rows);
}
