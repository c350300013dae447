/** `odradek topics describe`: partitions, leaders, replicas and what is configured, in the form of kafka-topics. */
import type { Command } from 'commander';
import { ApiKey, ConfigResourceType, ConfigSource, ErrorCode, errorName } from '@odradek/protocol';
import { keyOf } from '../../core/groups/partitions.ts';
import { collectList } from '../../core/options.ts';
import { CommandError } from '../../core/refusal.ts';
import type { AdminConnection } from '../../shell/admin-connection.ts';
import { eligibleReplicas, type Eligible } from '../../shell/eligible-replicas.ts';
import { paint, print, printJson } from '../../shell/terminal.ts';
import { adminCommand, withAdmin, type CommonOptions } from './common.ts';
import type { Metadata } from './list.ts';

type Options = CommonOptions & {
  topic: string[];
  excludeInternal?: boolean;
  ifExists?: boolean;
  underReplicatedPartitions?: boolean;
  underMinIsrPartitions?: boolean;
  atMinIsrPartitions?: boolean;
  unavailablePartitions?: boolean;
  topicsWithOverrides?: boolean;
};

type Topic = Metadata['topics'][number];
type Partition = Topic['partitions'][number];
type Described = {
  readonly topic: Topic;
  readonly partitions: readonly Partition[];
  /** What the topic sets itself. */
  readonly configs: Map<string, string>;
  /** With what brokers set for all topics: everything that is not a default. */
  readonly shownConfigs: Map<string, string>;
  readonly eligible: ReadonlyMap<string, Eligible>;
};

export function describeCommand(): Command {
  return adminCommand('describe', 'describe topics: partitions, leaders, configuration')
    .option('-t, --topic <name...>', 'topics to describe; all when left out', collectList, [])
    .option('--if-exists', 'nothing of topics that do not exist')
    .option('--exclude-internal', 'leave out topics of the cluster itself')
    .option('--under-replicated-partitions', 'only partitions whose in-sync replicas are fewer than their replicas')
    .option('--under-min-isr-partitions', 'only partitions whose in-sync replicas are fewer than min.insync.replicas')
    .option('--at-min-isr-partitions', 'only partitions that have just as many in-sync replicas as min.insync.replicas')
    .option('--unavailable-partitions', 'only partitions without a leader')
    .option('--topics-with-overrides', 'only topics with a configuration of their own')
    .addHelpText('after', '\nExample:\n  $ odradek topics describe --topic orders')
    .action((options: Options) => describe(options));
}

async function describe(options: Options): Promise<void> {
  const described = await withAdmin(options, async (admin) => {
    const topics = await topicsOf(admin, options);
    const names = topics.map(({ name }) => name ?? '');
    const configs = await overrides(admin, names);
    const eligible = await eligibleReplicas(admin, names);
    return topics.map((topic) => {
      const { own = new Map<string, string>(), set = own, minIsr = 1 } = configs.get(topic.name ?? '') ?? {};
      return {
        topic,
        partitions: topic.partitions
          .filter((partition) => isWanted(partition, minIsr, options))
          .toSorted((left, right) => left.partitionIndex - right.partitionIndex),
        configs: own,
        shownConfigs: set,
        eligible,
      };
    });
  });
  const shown = described.filter(
    ({ topic, partitions, configs }) =>
      (partitions.length > 0 || topic.partitions.length === 0) &&
      (options.topicsWithOverrides !== true || configs.size > 0),
  );
  if (options.json === true) printJson(shown.map(asJson));
  else for (const each of shown) printTopic(each);
}

async function topicsOf(admin: AdminConnection, options: Options): Promise<Topic[]> {
  const names = options.topic.length === 0 ? null : options.topic.map((name) => ({ name }));
  const metadata = await admin.call(ApiKey.Metadata, { topics: names, allowAutoTopicCreation: false });
  for (const { name, errorCode } of metadata.topics) {
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      if (options.ifExists === true) continue;
      throw new CommandError(`topic '${name ?? ''}' does not exist; \`odradek topics list\` names those that do`);
    }
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.LEADER_NOT_AVAILABLE) {
      throw new CommandError(`cannot describe topic '${name ?? ''}': ${errorName(errorCode)}`);
    }
  }
  return metadata.topics
    .filter(({ errorCode }) => errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    .filter(({ isInternal }) => !(options.excludeInternal === true && isInternal))
    .toSorted((left, right) => ((left.name ?? '') < (right.name ?? '') ? -1 : 1));
}

/** Of several kinds that are asked for, a partition has to be of one. */
function isWanted({ isrNodes, replicaNodes, leaderId }: Partition, minIsr: number, options: Options): boolean {
  const kinds = [
    [options.underReplicatedPartitions, isrNodes.length < replicaNodes.length],
    [options.underMinIsrPartitions, isrNodes.length < minIsr],
    [options.atMinIsrPartitions, isrNodes.length === minIsr],
    [options.unavailablePartitions, leaderId < 0],
  ] as const;
  const asked = kinds.filter(([isAsked]) => isAsked === true);
  return asked.length === 0 || asked.some(([, holds]) => holds);
}

/** @property own what the topic sets itself. @property set with what the files and defaults of brokers set */
type Configured = { readonly own: Map<string, string>; readonly set: Map<string, string>; readonly minIsr: number };

async function overrides(admin: AdminConnection, names: readonly string[]): Promise<Map<string, Configured>> {
  if (names.length === 0) return new Map();
  const { results } = await admin.call(ApiKey.DescribeConfigs, {
    resources: names.map((resourceName) => ({
      resourceType: ConfigResourceType.TOPIC,
      resourceName,
      configurationKeys: null,
    })),
    includeSynonyms: false,
    includeDocumentation: false,
  });
  return new Map(
    results.map(({ resourceName, configs }) => {
      const shown = (entries: typeof configs): Map<string, string> =>
        new Map(
          entries
            .map(({ name, value, isSensitive }) => [name, isSensitive ? '(hidden)' : (value ?? '')] as const)
            .toSorted(([left], [right]) => (left < right ? -1 : 1)),
        );
      const own = shown(configs.filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG));
      const set = shown(configs.filter(({ configSource }) => configSource !== ConfigSource.DEFAULT_CONFIG));
      const minIsr = Number(configs.find(({ name }) => name === 'min.insync.replicas')?.value ?? 1);
      return [resourceName, { own, set, minIsr }];
    }),
  );
}

function asJson({ topic, partitions, configs, eligible }: Described): object {
  return {
    name: topic.name,
    topicId: topic.topicId,
    internal: topic.isInternal,
    partitionCount: topic.partitions.length,
    replicationFactor: topic.partitions[0]?.replicaNodes.length ?? 0,
    configs: Object.fromEntries(configs),
    partitions: partitions.map((partition) => ({
      partition: partition.partitionIndex,
      leader: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      isr: partition.isrNodes,
      offline: partition.offlineReplicas,
      elr: eligible.get(keyOf(topic.name ?? '', partition.partitionIndex))?.elr ?? null,
      lastKnownElr: eligible.get(keyOf(topic.name ?? '', partition.partitionIndex))?.lastKnownElr ?? null,
    })),
  };
}

function printTopic({ topic, partitions, shownConfigs: configs, eligible }: Described): void {
  const name = topic.name ?? '';
  const replicas = topic.partitions[0]?.replicaNodes.length ?? 0;
  const shownConfigs = [...configs].map(([key, value]) => `${key}=${value}`).join(',');
  print(
    `Topic: ${paint('bold', name)}\tTopicId: ${topic.topicId}\tPartitionCount: ${topic.partitions.length}` +
      `\tReplicationFactor: ${replicas}\tConfigs: ${shownConfigs}`,
  );
  for (const partition of partitions) {
    const leader = partition.leaderId < 0 ? paint('red', 'none') : String(partition.leaderId);
    const isr = partition.isrNodes.join(',');
    const behind = partition.isrNodes.length < partition.replicaNodes.length;
    print(
      `\tTopic: ${name}\tPartition: ${partition.partitionIndex}\tLeader: ${leader}` +
        `\tReplicas: ${partition.replicaNodes.join(',')}\tIsr: ${behind ? paint('yellow', isr) : isr}` +
        eligibleText(eligible.get(keyOf(name, partition.partitionIndex))),
    );
  }
}

function eligibleText(found: Eligible | undefined): string {
  const shown = (ids: readonly number[] | null | undefined): string => ids?.join(',') ?? 'N/A';
  return `\tElr: ${shown(found?.elr)}\tLastKnownElr: ${shown(found?.lastKnownElr)}`;
}
