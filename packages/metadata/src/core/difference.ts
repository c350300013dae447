/** What a whole state that replaces another one changes: for who lives by changes and gets a snapshot instead. */
import { MetadataDelta } from './delta.ts';
import type { MetadataImage } from './image.ts';
import type { MetadataRecord } from './records.ts';
import type { PartitionImage, TopicImage } from './topics.ts';

/** @returns as if the records between the two had been applied to `before`; both must be left as they are meanwhile */
export function differenceOf(before: MetadataImage, after: MetadataImage): MetadataDelta {
  const delta = new MetadataDelta();
  topics(before, after, delta);
  brokers(before, after, delta);
  configs(before, after, delta);
  const levels = new Map(before.features.finalized());
  for (const [name, level] of after.features.finalized()) if (levels.get(name) !== level) delta.features.add(name);
  for (const [name] of levels) if (after.features.level(name) === 0) delta.features.add(name);
  delta.producerIdsChanged = before.nextProducerId !== after.nextProducerId;
  delta.aclsChanged = !isSame(before, after, 'acls');
  delta.quotasChanged = !isSame(before, after, 'quotas');
  delta.scramChanged = !isSame(before, after, 'scram');
  return delta;
}

function topics(before: MetadataImage, after: MetadataImage, delta: MetadataDelta): void {
  for (const topic of before.topics.all()) if (after.topics.byId(topic.id) === undefined) delta.noteTopicDeleted(topic);
  for (const topic of after.topics.all()) {
    const earlier = before.topics.byId(topic.id);
    if (earlier === undefined) delta.noteTopicCreated(topic);
    partitions(earlier, topic, delta);
  }
}

function partitions(before: TopicImage | undefined, topic: TopicImage, delta: MetadataDelta): void {
  for (const after of topic.partitions) {
    const earlier = before?.partitions[after.partition];
    if (earlier === undefined || !isSamePartition(earlier, after)) delta.notePartition(topic, after.partition, earlier);
  }
}

const NUMBERS = ['leader', 'leaderEpoch', 'partitionEpoch', 'leaderRecoveryState'] as const;
const LISTS = [
  'replicas',
  'directories',
  'isr',
  'elr',
  'lastKnownElr',
  'addingReplicas',
  'removingReplicas',
] as const satisfies readonly (keyof PartitionImage)[];

function isSamePartition(a: PartitionImage, b: PartitionImage): boolean {
  return NUMBERS.every((name) => a[name] === b[name]) && LISTS.every((name) => isSameList(a[name], b[name]));
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && a.every((each, at) => each === b[at]));
}

function brokers(before: MetadataImage, after: MetadataImage, delta: MetadataDelta): void {
  for (const broker of before.cluster.brokers())
    if (JSON.stringify(after.cluster.broker(broker.id)) !== JSON.stringify(broker)) delta.noteBroker(broker.id, broker);
  for (const { id } of after.cluster.brokers())
    if (before.cluster.broker(id) === undefined) delta.noteBroker(id, undefined);
}

function configs(before: MetadataImage, after: MetadataImage, delta: MetadataDelta): void {
  const earlier = configsOf(before);
  const later = configsOf(after);
  for (const [key, each] of [...earlier, ...later])
    if (earlier.get(key)?.text !== later.get(key)?.text) delta.noteConfig(each.type, each.name);
}

type Configs = Map<string, { readonly type: number; readonly name: string; text: string }>;

function configsOf(image: MetadataImage): Configs {
  const out: MetadataRecord[] = [];
  image.configs.toRecords(out);
  const found: Configs = new Map();
  for (const each of out) {
    if (each.type !== 'ConfigRecord') continue;
    const { resourceType: type, resourceName: name, ...rest } = each.value;
    const key = `${type} ${name}`;
    const entry = found.get(key) ?? { type, name, text: '' };
    entry.text += JSON.stringify(rest);
    found.set(key, entry);
  }
  return found;
}

function isSame(before: MetadataImage, after: MetadataImage, what: 'acls' | 'quotas' | 'scram'): boolean {
  const [a, b]: [MetadataRecord[], MetadataRecord[]] = [[], []];
  before[what].toRecords(a);
  after[what].toRecords(b);
  return JSON.stringify(a) === JSON.stringify(b);
}
