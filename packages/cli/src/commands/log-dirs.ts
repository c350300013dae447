/** `odradek log-dirs`, as kafka-log-dirs: what lies in the log directories of brokers, and how much. */
import type { Command } from 'commander';
import { ApiKey, ErrorCode, errorName, type ResponseOf } from '@odradek/protocol';
import { requireDone } from '../core/answers.ts';
import { collectList, parseWhole } from '../core/options.ts';
import { CommandError } from '../core/refusal.ts';
import { tameJson } from '../core/tame.ts';
import type { ClusterAdmin } from '../shell/cluster-admin.ts';
import { print, printJson } from '../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from './cluster-common.ts';

type Options = ClusterOptions & { describe?: boolean; topicList: string[]; brokerList: string[] };
type LogDir = ResponseOf<typeof ApiKey.DescribeLogDirs>['results'][number];
type Dirs = { readonly broker: number; readonly dirs: readonly LogDir[] };

const BROKER_ID_MAX = 2_147_483_647;

export function logDirsCommand(): Command {
  return clusterSubcommand('log-dirs', 'what lies in the log directories of brokers')
    .option('--describe', 'the only thing that it does; may be left out')
    .option('--topic-list <names>', 'these topics, as a,b; all when left out', collectList, [])
    .option('--broker-list <ids>', 'these brokers, as 1,2; all when left out', collectList, [])
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => describe(options));
}

const EXAMPLES = `
The lines are those of kafka-log-dirs: two for people, then one of JSON. --json is the JSON alone, with the size of each directory's disk.

Examples:
  $ odradek log-dirs --describe --broker-list 1,2 --topic-list orders
  $ odradek log-dirs --json`;

async function describe(options: Options): Promise<void> {
  const wanted = [...new Set(options.brokerList.map((id) => parseWhole('--broker-list', id, 0, BROKER_ID_MAX)))];
  const topics = new Set(options.topicList);
  const json = options.json === true;
  await withClusterAdmin(options, async (admin) => {
    const known = (await admin.describe()).nodes.map(({ id }) => id);
    const missing = wanted.filter((id) => !known.includes(id));
    if (missing.length > 0) {
      const there = `Current existent brokers: ${known.join(',')}`;
      throw new CommandError(`The given brokers do not exist from --broker-list: ${missing.join(',')}. ${there}`);
    }
    const asked = wanted.length === 0 ? known : wanted;
    if (!json) print('Querying brokers for log directories information');
    const all = await Promise.all(asked.map((broker) => dirsOf(admin, broker)));
    if (json) return printJson({ version: 1, brokers: all.map((each) => brokerJson(each, topics, true)) });
    print(`Received log directory information from brokers ${asked.join(',')}`);
    const told = { brokers: all.map((each) => brokerJson(each, topics, false)), version: 1 };
    print(tameJson(JSON.stringify(told)));
  });
}

async function dirsOf(admin: ClusterAdmin, broker: number): Promise<Dirs> {
  const answer = await admin.askBroker(broker, ApiKey.DescribeLogDirs, { topics: null });
  requireDone(`describe the log directories of broker ${broker}`, answer);
  return { broker, dirs: answer.results };
}

/** Keys in the order of Kafka's tool. */
function brokerJson({ broker, dirs }: Dirs, topics: ReadonlySet<string>, withDisks: boolean): object {
  return {
    broker,
    logDirs: dirs.map((dir) => ({
      partitions: dir.topics
        .filter(({ name }) => topics.size === 0 || topics.has(name))
        .flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, partitionSize, offsetLag, isFutureKey }) => ({
            partition: `${name}-${partitionIndex}`,
            size: partitionSize,
            offsetLag,
            isFuture: isFutureKey,
          })),
        ),
      error: errorClass(dir.errorCode),
      logDir: dir.logDir,
      ...(withDisks ? { totalBytes: dir.totalBytes, usableBytes: dir.usableBytes, cordoned: dir.isCordoned } : {}),
    })),
  };
}

/** The Java client's name of it, which is what Kafka's tool shows. */
function errorClass(code: number): string | null {
  if (code === ErrorCode.NONE) return null;
  const words = errorName(code).split('_');
  const name = words.map((word) => word.charAt(0) + word.slice(1).toLowerCase()).join('');
  return `org.apache.kafka.common.errors.${name.replace(/Error$/, '')}Exception`;
}
