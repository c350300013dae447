/**
 * What was asked of the cluster and what became of it. Each change leaves a mark of its own in the log, so that the log tells whether it
 * happened, and how often: what was acknowledged is there once, what was refused is not there, nothing is there twice.
 */
import { ConfigResourceType } from '@odradek/protocol';
import type { ReplicaKey } from '@odradek/controller/raft';
import type { MetadataRecord } from '@odradek/metadata';
import type { Judge } from '../../nodes/judge.ts';

/** The config that marks are written to. */
export const MARK_CONFIG = 'retention.ms';

export const markOf = {
  topic: (name: string): string => `topic ${name}`,
  removed: (topicId: string): string => `removed ${topicId}`,
  partition: (topicId: string, partition: number): string => `partition ${topicId}-${partition}`,
  config: (topic: string, value: string): string => `config ${topic}=${value}`,
  block: (nextProducerId: number): string => `producer ids before ${nextProducerId}`,
};

type Said = { readonly what: string; readonly why: string };
type VoterChange = { readonly id: number; readonly directoryId: string; readonly where: 'in' | 'out' };
type Block = { readonly start: number; readonly end: number; readonly brokerId: number };

export class Changes {
  readonly #judge: Judge;
  /** Marks in the committed log, and where. */
  readonly #seen = new Map<string, number>();
  readonly #acknowledged = new Map<string, Said>();
  readonly #refused = new Map<string, Said>();
  readonly #blocks: Block[] = [];
  readonly #voterSets: (readonly ReplicaKey[])[] = [];
  readonly #voterChanges: VoterChange[] = [];

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  isAcknowledged(mark: string): boolean {
    return this.#acknowledged.has(mark);
  }

  /** A record is committed. */
  record(record: MetadataRecord, offset: number): void {
    const mark = markIn(record);
    if (mark === undefined) return;
    const before = this.#seen.get(mark);
    this.#judge.holds(before === undefined, 'nothing is applied twice', () => `${mark} at ${before} and at ${offset}`);
    this.#seen.set(mark, offset);
  }

  /** Somebody asks for it, perhaps again: that it was refused before says nothing of this. */
  asked(mark: string): void {
    this.#refused.delete(mark);
  }

  acknowledged(mark: string, who: string): void {
    this.#acknowledged.set(mark, { what: mark, why: who });
  }

  /** The answer said that nothing came of it. */
  refused(mark: string, why: string): void {
    this.#refused.set(mark, { what: mark, why });
  }

  /** A broker may give these ids to producers. */
  block(block: Block): void {
    const other = this.#blocks.find(({ start, end }) => block.start < end && start < block.end);
    this.#judge.holds(other === undefined, 'producer ids', () => `${said(block)} and ${said(other)} overlap`);
    this.#blocks.push(block);
    this.acknowledged(markOf.block(block.end), `broker ${block.brokerId}`);
  }

  /** A set of voters is committed. */
  voters(voters: readonly ReplicaKey[]): void {
    this.#voterSets.push(voters);
  }

  /** Somebody was told that a voter was added or removed. */
  voterChanged(change: VoterChange): void {
    this.#voterChanges.push(change);
  }

  /** Once all that is committed is known. */
  settle(): void {
    for (const { id, directoryId, where } of this.#voterChanges) {
      const isIn = (voters: readonly ReplicaKey[]): boolean =>
        voters.some((voter) => voter.id === id && voter.directoryId === directoryId);
      const isDone = this.#voterSets.some((voters) => isIn(voters) === (where === 'in'));
      this.#judge.holds(
        isDone,
        'what is acknowledged is done',
        () => `voter ${id} is ${where}: no set of voters says so`,
      );
    }
    for (const [mark, { why }] of this.#acknowledged)
      this.#judge.holds(
        this.#seen.has(mark),
        'what is acknowledged is done',
        () => `${why}: ${mark} is not in the log`,
      );
    for (const [mark, { why }] of this.#refused)
      this.#judge.holds(!this.#seen.has(mark), 'what is refused is not done', () => {
        return `${mark} is in the log at ${this.#seen.get(mark)}, but was refused: ${why}`;
      });
  }
}

function markIn({ type, value }: MetadataRecord): string | undefined {
  if (type === 'TopicRecord') return markOf.topic(value.name);
  if (type === 'RemoveTopicRecord') return markOf.removed(value.topicId);
  if (type === 'PartitionRecord') return markOf.partition(value.topicId, value.partitionId);
  if (type === 'ProducerIdsRecord') return markOf.block(value.nextProducerId);
  if (type !== 'ConfigRecord') return undefined;
  const isMark = value.resourceType === ConfigResourceType.TOPIC && value.name === MARK_CONFIG;
  return isMark && value.value !== null ? markOf.config(value.resourceName, value.value) : undefined;
}

function said(block: Block | undefined): string {
  return block === undefined ? 'nothing' : `${block.start} to ${block.end} of broker ${block.brokerId}`;
}
