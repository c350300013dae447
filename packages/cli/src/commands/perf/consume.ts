/** `odradek perf consume`, as kafka-consumer-perf-test: reads so many records, and tells how fast they came. */
import { ApiKey } from '@odradek/protocol';
import { Command } from 'commander';
import { compareText, keyOf } from '../../core/groups/partitions.ts';
import { topicPattern } from '../../core/offset-filters.ts';
import { collectEach, parseWhole } from '../../core/options.ts';
import { headerLine, progressLine, totalLine, type Consumed } from '../../core/perf/consumer-lines.ts';
import { consumerSettings, mergedProperties, type ConsumerSettings } from '../../core/perf/properties.ts';
import { CommandError, exitCode, usageError } from '../../core/refusal.ts';
import { BOOTSTRAP_DEFAULT } from '../../shell/bootstrap.ts';
import { Cluster } from '../../shell/cluster.ts';
import {
  commitOffsets,
  committedOffsets,
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  logOffsets,
  placesOf,
} from '../../shell/group-offsets.ts';
import { DATE_FORMAT, dateFormatter } from '../../shell/perf/date-format.ts';
import { PerfConsumer, type Position } from '../../shell/perf/consumer.ts';
import { note, print, printJson } from '../../shell/terminal.ts';
import { readTextFile } from '../../shell/text-file.ts';

type Options = {
  bootstrapServer?: string;
  topic?: string;
  include?: string;
  numRecords?: string;
  messages?: string;
  group?: string;
  fetchSize: string;
  socketBufferSize?: string;
  fromLatest?: boolean;
  timeout: string;
  showDetailedStats?: boolean;
  reportingInterval: string;
  dateFormat: string;
  hideHeader?: boolean;
  commandProperty: string[];
  commandConfig?: string;
  printMetrics?: boolean;
  json?: boolean;
};

const ANSWER_TIMEOUT_MS = 30_000;
const SILENCE_CHECK_MS = 50;

export function consumeCommand(): Command {
  return new Command('consume')
    .description('read records, and tell how many a second')
    .option(
      '-b, --bootstrap-server <host:port,...>',
      `brokers to connect to; ${BOOTSTRAP_DEFAULT} when nothing says any`,
    )
    .option('--topic <name>', 'the topic to read')
    .option('--include <regex>', 'topics whose whole name is of this pattern')
    .option('--num-records <n>', 'how many records')
    .option('--messages <n>', 'the same')
    .option('--group <name>', 'begin where this group is, and leave it where reading ends')
    .option('--from-latest', 'begin at the end where the group has no offset')
    .option('--fetch-size <bytes>', 'at most so much of a partition in an answer', '1048576')
    .option('--timeout <ms>', 'end when nothing has come for so long', '10000')
    .option('--show-detailed-stats', 'a line every --reporting-interval instead of one in the end')
    .option('--reporting-interval <ms>', 'how often a line is told', '5000')
    .option('--date-format <format>', 'how times are told, in the letters y M d H m s S', DATE_FORMAT)
    .option('--hide-header', 'no line of titles')
    .option('--command-property <key=value>', 'a property of a consumer; may be repeated', collectEach, [])
    .option('--command-config, --consumer.config <file>', 'the same from a properties file; what the line says wins')
    .option('--socket-buffer-size <bytes>', 'without effect: the system decides')
    .option('--print-metrics', 'without effect: there are no metrics of a Java client')
    .option('--json', 'print JSON in the end, and no progress')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => perfConsume(options));
}

const EXAMPLES = `
It reads all partitions itself and joins no group, so that rebalance.time.ms is the time until reading begins.
Properties with an effect: bootstrap.servers, group.id, isolation.level, fetch.max.bytes, fetch.min.bytes, fetch.max.wait.ms.

Examples:
  $ odradek perf consume --topic test --num-records 1000000
  $ odradek perf consume --topic test --num-records 1000000 --show-detailed-stats --reporting-interval 1000 --hide-header`;

type Plan = {
  readonly settings: ConsumerSettings;
  readonly wanted: number;
  readonly silenceMs: number;
  readonly intervalMs: number;
  readonly fetchBytes: number;
  readonly showTime: (atMs: number) => string;
};

async function perfConsume(options: Options): Promise<void> {
  const plan = planOf(options);
  const bootstrap = options.bootstrapServer ?? plan.settings.bootstrapServer ?? BOOTSTRAP_DEFAULT;
  const isDetailed = options.showDetailedStats === true;
  const isQuiet = options.json === true;
  if (!isQuiet && options.hideHeader !== true) print(headerLine(isDetailed));
  const start: Consumed = { records: 0, bytes: 0, atMs: Date.now() };
  const cluster = await Cluster.open(bootstrap, ANSWER_TIMEOUT_MS);
  try {
    const group = options.group ?? plan.settings.groupId;
    const positions = await positionsOf(cluster, options, group);
    const joinMs = Date.now() - start.atMs;
    const end = await read(cluster, positions, plan, { start, joinMs, isDetailed: isDetailed && !isQuiet });
    if (end.records < plan.wanted && !isQuiet) {
      const hint = 'You can use the --timeout option to increase the timeout.';
      print(
        `WARNING: Exiting before consuming the expected number of records: timeout (${plan.silenceMs} ms) exceeded. ${hint}`,
      );
    }
    if (group !== undefined) await leave(cluster, group, positions);
    if (isQuiet) printJson({ ...end, startMs: start.atMs, endMs: end.atMs, joinMs });
    else if (!isDetailed) print(totalLine(start, end, joinMs, plan.showTime));
  } finally {
    cluster.close();
  }
}

function planOf(options: Options): Plan {
  const count = options.numRecords ?? options.messages;
  if (count === undefined) throw usageError('--num-records: say how many records are to be read');
  if (options.messages !== undefined) note('Warning: --messages is deprecated. Use --num-records instead.');
  if ((options.topic === undefined) === (options.include === undefined))
    throw usageError('give one of --topic and --include');
  const { commandConfig: path } = options;
  const file = path === undefined ? undefined : { path, text: readTextFile('--command-config', path) };
  const settings = consumerSettings(mergedProperties(file, options.commandProperty));
  if (settings.unused.length > 0) note(`without effect here: ${settings.unused.join(', ')}`);
  if (options.printMetrics === true) note('--print-metrics: there are no metrics of a Java client to print');
  const showTime = dateFormatter(options.dateFormat);
  if (showTime === undefined)
    throw usageError(`--date-format: '${options.dateFormat}' has letters other than y M d H m s S`);
  return {
    settings,
    wanted: parseWhole('--num-records', count, 1),
    silenceMs: parseWhole('--timeout', options.timeout, 1),
    intervalMs: parseWhole('--reporting-interval', options.reportingInterval, 1),
    fetchBytes: parseWhole('--fetch-size', options.fetchSize, 1, 2_147_483_647),
    showTime,
  };
}

async function positionsOf(cluster: Cluster, options: Options, group: string | undefined): Promise<Position[]> {
  const topics = options.topic === undefined ? await topicsLike(cluster, options.include ?? '') : [options.topic];
  const places = await placesOf(cluster, topics);
  const missing = topics.find((topic) => !places.has(topic));
  if (missing !== undefined) throw new CommandError(`topic '${missing}' does not exist`);
  const partitions = [...places].flatMap(([topic, found]) => found.map(({ partition }) => ({ topic, partition })));
  const time = options.fromLatest === true ? LATEST_TIMESTAMP : EARLIEST_TIMESTAMP;
  const committed = new Map<string, number>();
  if (group !== undefined) {
    const outcome = (await committedOffsets(cluster, [group])).get(group);
    if (outcome?.ok === true)
      for (const each of outcome.value) committed.set(keyOf(each.topic, each.partition), each.offset);
  }
  const begins = await logOffsets(cluster, partitions, time);
  return partitions.map((each) => {
    const key = keyOf(each.topic, each.partition);
    return { ...each, next: committed.get(key) ?? begins.get(key) ?? 0 };
  });
}

async function topicsLike(cluster: Cluster, pattern: string): Promise<string[]> {
  const isWanted = topicPattern('--include', pattern);
  const { topics } = await (await cluster.any()).call(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false });
  const names = topics.flatMap(({ name, isInternal }) =>
    name === null || isInternal || !isWanted(name) ? [] : [name],
  );
  if (names.length === 0) throw new CommandError(`no topic is like '${pattern}'`);
  return names.toSorted(compareText);
}

type Reading = { readonly start: Consumed; readonly joinMs: number; readonly isDetailed: boolean };

async function read(
  cluster: Cluster,
  positions: readonly Position[],
  plan: Plan,
  { start, joinMs, isDetailed }: Reading,
): Promise<Consumed> {
  let now: Consumed = { ...start, atMs: Date.now() };
  let told = start;
  let toldJoinMs = joinMs;
  let lastRecordMs = performance.now();
  const consumer = new PerfConsumer(cluster, {
    settings: plan.settings,
    fetchBytes: plan.fetchBytes,
    counted: (records, bytes) => {
      if (records > 0) lastRecordMs = performance.now();
      now = { records: now.records + records, bytes: now.bytes + bytes, atMs: Date.now() };
      if (records > 0 && now.atMs - told.atMs >= plan.intervalMs) {
        if (isDetailed) print(progressLine(told, now, toldJoinMs, plan.showTime));
        told = now;
        toldJoinMs = 0;
      }
      return now.records < plan.wanted;
    },
  });
  let giveUp: (() => void) | undefined;
  const silent = new Promise<void>((resolve) => (giveUp = resolve));
  const watch = setInterval(() => {
    if (performance.now() - lastRecordMs > plan.silenceMs) giveUp?.();
  }, SILENCE_CHECK_MS);
  try {
    await Promise.race([consumer.read(positions), silent]);
  } finally {
    clearInterval(watch);
    consumer.end();
  }
  return { ...now, atMs: Date.now() };
}

/** The group stands where reading ended, as a consumer that commits on its way out would have left it. */
async function leave(cluster: Cluster, group: string, positions: readonly Position[]): Promise<void> {
  const offsets = positions.map(({ topic, partition, next }) => ({ topic, partition, newOffset: next }));
  const outcomes = (await commitOffsets(cluster, [{ group, offsets }], () => undefined)).get(group) ?? [];
  if (outcomes.some((outcome) => outcome?.ok !== true)) {
    throw new CommandError(`the offsets of group '${group}' could not be committed: has it members?`, exitCode.failed);
  }
}
