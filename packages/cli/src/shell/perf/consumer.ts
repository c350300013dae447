/**
 * The reader of `perf consume`: all partitions of some topics, one loop a leader, the next answer asked for before the last one is counted.
 * It is nobody's member: a group gives it the offsets to begin with, and gets those that it came to.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ErrorCode, errorName, isRetriable } from '@odradek/protocol';
import type { Broker, TopicPartition } from '../../core/groups/kinds.ts';
import { byTopic, keyOf, showPartition } from '../../core/groups/partitions.ts';
import { countRecords, nextOffset, type Counted } from '../../core/perf/count.ts';
import type { ConsumerSettings } from '../../core/perf/properties.ts';
import { CommandError } from '../../core/refusal.ts';
import type { Cluster } from '../cluster.ts';
import { placesOf } from '../group-offsets.ts';

/** From the next version on topics have ids instead of names. */
const FETCH_BY_NAME = 12;
const AGAIN_MS = 100;

export type Position = TopicPartition & { next: number };
export type ReadOptions = {
  readonly settings: ConsumerSettings;
  /** Of one partition in an answer. */
  readonly fetchBytes: number;
  /** Told what an answer has brought. @returns false to end */
  readonly counted: (records: number, bytes: number) => boolean;
};

type Asking = { readonly partitions: readonly Position[]; readonly answer: Promise<Fetched[]> };
type Fetched = { readonly position: Position; readonly code: number; readonly records: Buffer | null };

export class PerfConsumer {
  private readonly cluster: Cluster;
  private readonly options: ReadOptions;
  private isEnded = false;

  constructor(cluster: Cluster, options: ReadOptions) {
    this.cluster = cluster;
    this.options = options;
  }

  /** Reads until it is told to end. @throws what a broker refuses for good */
  async read(positions: readonly Position[]): Promise<void> {
    for (let left = positions; left.length > 0 && !this.isEnded;) {
      const leaders = await this.leadersOf(left);
      const moved = await Promise.all([...leaders.values()].map(({ leader, owned }) => this.readLeader(leader, owned)));
      left = moved.flat();
      if (left.length > 0 && !this.isEnded) await sleep(AGAIN_MS);
    }
  }

  end(): void {
    this.isEnded = true;
  }

  private async leadersOf(positions: readonly Position[]): Promise<Map<number, { leader: Broker; owned: Position[] }>> {
    const places = await placesOf(this.cluster, [...byTopic(positions).keys()]);
    const leaders = new Map<number, { leader: Broker; owned: Position[] }>();
    for (const position of positions) {
      const leader = places.get(position.topic)?.find(({ partition }) => partition === position.partition)?.leader;
      if (leader === undefined)
        throw new CommandError(`partition ${showPartition(position)} has no leader: is a broker down?`);
      const known = leaders.get(leader.nodeId);
      if (known === undefined) leaders.set(leader.nodeId, { leader, owned: [position] });
      else known.owned.push(position);
    }
    return leaders;
  }

  /** @returns the partitions whose leader has to be looked up again, all of them when the connection is lost */
  private async readLeader(leader: Broker, owned: readonly Position[]): Promise<readonly Position[]> {
    let asking = this.ask(leader, owned);
    try {
      while (!this.isEnded) {
        const fetched = await asking.answer;
        const begins = fetched.map(({ position }) => position.next);
        const moved = fetched.filter(({ code }) => code !== ErrorCode.NONE).map((each) => this.refused(each));
        for (const { position, records } of fetched) {
          if (records !== null) position.next = nextOffset(records, position.next);
        }
        if (moved.length > 0) {
          this.count(fetched, begins);
          return owned;
        }
        asking = this.ask(leader, owned);
        this.count(fetched, begins);
      }
    } catch (error) {
      if (!(error instanceof CommandError) || this.isEnded) throw error;
      await sleep(AGAIN_MS);
    } finally {
      asking.answer.catch(() => undefined);
    }
    return this.isEnded ? [] : owned;
  }

  private refused({ position, code }: Fetched): Position {
    if (isRetriable(code)) return position;
    throw new CommandError(`cannot read ${showPartition(position)} from offset ${position.next}: ${errorName(code)}`);
  }

  private count(fetched: readonly Fetched[], begins: readonly number[]): void {
    const sum: Counted = { records: 0, bytes: 0 };
    for (const [at, { records }] of fetched.entries())
      if (records !== null) countRecords(records, begins[at] ?? 0, sum);
    if (!this.options.counted(sum.records, sum.bytes)) this.end();
  }

  private ask(leader: Broker, partitions: readonly Position[]): Asking {
    return { partitions, answer: this.fetch(leader, partitions) };
  }

  private async fetch(leader: Broker, partitions: readonly Position[]): Promise<Fetched[]> {
    const { settings, fetchBytes } = this.options;
    const connection = await this.cluster.at(leader);
    const byKey = new Map(partitions.map((each) => [keyOf(each.topic, each.partition), each]));
    const { errorCode, responses } = await connection.call(
      ApiKey.Fetch,
      {
        maxWaitMs: settings.maxWaitMs,
        minBytes: settings.minBytes,
        maxBytes: settings.maxBytes,
        isolationLevel: settings.isCommittedOnly ? 1 : 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [...byTopic(partitions)].map(([topic, theirs]) => ({
          topic,
          partitions: theirs.map(({ partition, next }) => ({
            partition,
            fetchOffset: next,
            partitionMaxBytes: fetchBytes,
          })),
        })),
        forgottenTopicsData: [],
        rackId: '',
      },
      FETCH_BY_NAME,
    );
    if (errorCode !== ErrorCode.NONE) throw new CommandError(`the broker refused to be read: ${errorName(errorCode)}`);
    return responses.flatMap(({ topic, partitions: theirs }) =>
      theirs.flatMap(({ partitionIndex, errorCode: code, records }) => {
        const position = byKey.get(keyOf(topic, partitionIndex));
        return position === undefined ? [] : [{ position, code, records }];
      }),
    );
  }
}
