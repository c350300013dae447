/**
 * Lives of a cluster that Apache Kafka's controller and ours both live through: the steps, and what is told of each in
 * words that hold no chance (no epochs of brokers, no ids of topics), so that the two may be compared.
 */
import { assert } from '@odradek/base';
import { DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED } from '@odradek/metadata';
import { NO_LEADER_CHANGE, NO_RECOVERY_CHANGE, type MetadataImage, type MetadataRecord } from '@odradek/metadata';
import { byText, type MachineRequest } from '@odradek/metadata';
import { directoryOf } from '../names.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A request of an admin API as JSON; a topic id is written `<name of the topic>`. */
export type AdminStep = { readonly do: 'admin'; readonly kind: MachineRequest['kind']; readonly request: Json };

export type Step =
  /** A new incarnation registers; it stays fenced until it beats. `unclean`: it does not know the epoch it had before. */
  | { readonly do: 'register'; readonly broker: number; readonly rack?: string; readonly unclean?: boolean }
  | { readonly do: 'beat'; readonly broker: number; readonly fence?: boolean; readonly stop?: boolean }
  /** The leader, or `by`, says who is in sync. */
  | {
      readonly do: 'isr';
      readonly topic: string;
      readonly partition: number;
      readonly isr: readonly number[];
      readonly by?: number;
      readonly leaderEpochOff?: number;
      readonly partitionEpochOff?: number;
      readonly recovering?: boolean;
    }
  | AdminStep;

export type Scenario = { readonly name: string; readonly elr: boolean; readonly steps: readonly Step[] };

/** What came of a step: the answer, and the records that were committed. */
export type Told = { readonly reply: Json; readonly records: readonly Json[] };

export type Recorded = {
  readonly name: string;
  readonly elr: boolean;
  readonly steps: readonly (readonly [Step, Told])[];
};

/** A controller that can be asked: Apache Kafka's over the wire, or our machine. */
export interface Subject {
  readonly image: MetadataImage;
  take(step: Step): Promise<{ readonly reply: Json; readonly records: readonly MetadataRecord[] }>;
}

/** Plays a scenario step by step. */
export async function play(subject: Subject, steps: readonly Step[]): Promise<Told[]> {
  const told: Told[] = [];
  const names = new Names();
  for (const step of steps) {
    const { reply, records } = await subject.take(named(step, (name) => subject.image.topics.byName(name)?.id));
    for (const record of records) names.learn(record);
    told.push({ reply: names.plain(reply), records: inOrder(records.map((record) => names.toldOf(record))) });
  }
  return told;
}

/** The step with topic ids for their names. */
function named(step: Step, idOf: (name: string) => string | undefined): Step {
  if (step.do !== 'admin') return step;
  const replace = (value: Json): Json => {
    if (typeof value === 'string') return /^<.*>$/.test(value) ? (idOf(value.slice(1, -1)) ?? value) : value;
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map(replace);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replace(each)]));
  };
  return { ...step, request: replace(step.request) };
}

class Names {
  readonly #byId = new Map<string, string>();

  learn(record: MetadataRecord): void {
    if (record.type === 'TopicRecord') this.#byId.set(record.value.topicId, record.value.name);
  }

  of(topicId: string): string {
    return this.#byId.get(topicId) ?? topicId;
  }

  /** An answer without what is chance or says nothing. */
  plain(value: Json): Json {
    if (typeof value === 'string') {
      const name = this.#byId.get(value);
      return name === undefined ? value : `<${name}>`;
    }
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return sorted(value.map((each: Json) => this.plain(each)));
    const kept = Object.entries(value).filter(([key]) => !LEFT_OUT.has(key));
    return Object.fromEntries(
      kept.map(([key, each]) => [key, key === 'topicId' ? this.#idOf(each) : this.plain(each)]),
    );
  }

  /** The id of a topic that was not made in the end says nothing. */
  #idOf(topicId: Json): Json {
    const told = this.plain(topicId);
    return told === topicId && typeof topicId === 'string' && !topicId.startsWith('AAAA') ? '<not made>' : told;
  }

  toldOf({ type, value }: MetadataRecord): Json {
    if (type === 'PartitionRecord' || type === 'PartitionChangeRecord') {
      const { topicId, partitionId, directories, ...rest } = value;
      const where = directories === null || directories.length === 0 ? {} : { directories: directories.map(placeOf) };
      return { type, at: `${this.of(topicId)}-${partitionId}`, ...said(rest), ...where };
    }
    if (type === 'TopicRecord') return { type, name: value.name };
    if (type === 'RemoveTopicRecord') return { type, name: this.of(value.topicId) };
    if (type === 'ConfigRecord' || type === 'FeatureLevelRecord' || type === 'ClearElrRecord')
      return { type, ...value };
    if (type === 'BrokerRegistrationChangeRecord' || type === 'RegisterBrokerRecord')
      return { type, broker: value.brokerId, fenced: value.fenced, stops: value.inControlledShutdown };
    if (type === 'UnregisterBrokerRecord' || type === 'ProducerIdsRecord') return { type, broker: value.brokerId };
    return { type };
  }
}

/** Lists of what was asked come back in any order, with Kafka even in a drawn one; lists of numbers mean theirs. */
function sorted(items: readonly Json[]): readonly Json[] {
  const isOfObjects = items.every((item) => typeof item === 'object');
  return isOfObjects ? items.toSorted((a, b) => byText(JSON.stringify(a), JSON.stringify(b))) : items;
}

const LEFT_OUT: ReadonlySet<string> = new Set(['throttleTimeMs', 'configs', 'producerIdStart', 'brokerEpoch']);

/** What a record of a partition says: neither what it leaves as it is nor empty lists that are as good as none. */
function said(value: object): Record<string, Json> {
  const kept: Record<string, Json> = {};
  for (const [key, each] of Object.entries(value)) {
    if (each === null || (key === 'leader' && each === NO_LEADER_CHANGE)) continue;
    if (key === 'leaderRecoveryState' && each === NO_RECOVERY_CHANGE) continue;
    kept[key] = each as Json;
  }
  return kept;
}

function placeOf(directory: string): Json {
  if (directory === DIRECTORY_UNASSIGNED) return 'unassigned';
  if (directory === DIRECTORY_MIGRATING) return 'migrating';
  if (directory === DIRECTORY_LOST) return 'lost';
  for (let brokerId = 0; brokerId < 100; brokerId += 1) if (directoryOf(brokerId) === directory) return brokerId;
  return directory;
}

/** Partitions and keys that one step changes come in an order that means nothing: by name. */
function inOrder(records: readonly Json[]): Json[] {
  const keyOf = (record: Json): string => {
    const { type, at, name } = record as { readonly type: string; readonly at?: string; readonly name?: string };
    return at === undefined ? (type === 'ConfigRecord' ? `1 ${name}` : '0') : `2 ${at}`;
  };
  return records.toSorted((a, b) => byText(keyOf(a), keyOf(b)));
}

type Known = { readonly image: MetadataImage; readonly brokers: ReadonlyMap<number, { readonly epoch: number }> };

/** What a leader sends when it wants another ISR. */
export function alterPartitionOf(step: Extract<Step, { readonly do: 'isr' }>, { image, brokers }: Known) {
  const topic = image.topics.byName(step.topic);
  const partition = topic?.partitions[step.partition];
  const brokerId = step.by ?? partition?.leader ?? -1;
  const epochOf = (id: number): number => brokers.get(id)?.epoch ?? -1;
  return {
    brokerId,
    brokerEpoch: epochOf(brokerId),
    topics: [
      {
        topicId: topic?.id ?? 'AAAAAAAAAAAAAAAAAAAAQA',
        partitions: [
          {
            partitionIndex: step.partition,
            leaderEpoch: (partition?.leaderEpoch ?? 0) + (step.leaderEpochOff ?? 0),
            newIsr: [],
            newIsrWithEpochs: step.isr.map((id) => ({ brokerId: id, brokerEpoch: epochOf(id) })),
            leaderRecoveryState: step.recovering === true ? 1 : 0,
            partitionEpoch: (partition?.partitionEpoch ?? 0) + (step.partitionEpochOff ?? 0),
          },
        ],
      },
    ],
  };
}

export function jsonOf(value: unknown): Json {
  assert(value !== undefined, 'a step is answered');
  return JSON.parse(JSON.stringify(value)) as Json;
}

/**
 * Our answer with Kafka's words where ours may be others: they say what Kafka leaves to the code, say more than Kafka,
 * or say what is wrong with a value of a configuration, which each says in its own words.
 */
export function inTheirWords(ours: Json, theirs: Json): Json {
  if (ours === null || theirs === null || typeof ours !== 'object' || typeof theirs !== 'object') return ours;
  if (Array.isArray(ours) && Array.isArray(theirs))
    return ours.map((each: Json, at) => inTheirWords(each, theirs[at] ?? null));
  const [mine, their] = [ours, theirs] as readonly Readonly<Record<string, Json>>[];
  const entries = Object.entries(mine ?? {}).map(([key, value]) => {
    const said = their?.[key] ?? null;
    return [key, key === 'errorMessage' && mayDiffer(value, said) ? said : inTheirWords(value, said)];
  });
  return Object.fromEntries(entries) as Json;
}

function mayDiffer(ours: Json, theirs: Json): boolean {
  if (typeof ours !== 'string' || ours === '') return false;
  if (typeof theirs !== 'string') return theirs === null;
  return (
    ours.startsWith(theirs.replace(/\.$/, '')) || [ours, theirs].every((words) => words.startsWith('Invalid value'))
  );
}
