/** The logs that groups consume, as lag needs them: those that are led here are looked at, leaders on other brokers are asked for theirs. */
import { assert } from '@odradek/base';
import type { ConsumedLogs, EndAsk, EndTold } from '@odradek/coordinator';
import { NO_LEADER } from '@odradek/metadata';
import type { MetadataImage } from '@odradek/metadata';
import type { ReplicasPort } from '@odradek/replication';
import type { LogEnd } from '@odradek/rpc';
import type { PeerAsks } from './peer-asks.ts';

export type ConsumedLogsOptions = {
  readonly nodeId: number;
  readonly replicas: ReplicasPort;
  readonly image: () => MetadataImage;
  /** undefined: this broker cannot ask others. */
  readonly asks: Pick<PeerAsks, 'logEnds'> | undefined;
};

export function consumedLogs({ nodeId, replicas, image, asks }: ConsumedLogsOptions): ConsumedLogs {
  return {
    endOf(topic, partition, stable) {
      const leader = image().topics.byName(topic)?.partitions[partition]?.leader ?? NO_LEADER;
      if (leader !== NO_LEADER && leader !== nodeId && asks !== undefined) return { kind: 'elsewhere', leader };
      const end = replicas.endOf(topic, partition, stable);
      return end.ok ? { kind: 'known', ...end.value } : { kind: 'unknown', why: end.why };
    },
    timestampAt: (topic, partition, offset) => replicas.timestampAt({ topic, partition, offset }),
    async endsElsewhere(asked) {
      const told = new Map<EndAsk, EndTold>();
      if (asks !== undefined) {
        const byLeader = Map.groupBy(asked, ({ leader }) => leader);
        await Promise.all(Array.from(byLeader, ([leader, some]) => askLeader(asks, { leader, some, told })));
      }
      return asked.map((each) => told.get(each) ?? { kind: 'unknown', why: 'this broker does not reach others' });
    },
  };
}

type Asking = { readonly leader: number; readonly some: readonly EndAsk[]; readonly told: Map<EndAsk, EndTold> };

async function askLeader(asks: Pick<PeerAsks, 'logEnds'>, { leader, some, told }: Asking): Promise<void> {
  const partitions = some.map(({ topic, partition, stable, timeFrom = null }) => ({
    topic,
    partition,
    stable,
    timeFrom,
  }));
  const answer = await asks.logEnds(leader, partitions);
  for (const [at, asked] of some.entries()) {
    if (!answer.ok) {
      told.set(asked, { kind: 'unknown', why: answer.why });
      continue;
    }
    const end = answer.value[at];
    assert(end !== undefined, 'as many ends are told as were asked for');
    told.set(asked, endTold(end));
  }
}

function endTold({ refused, logStartOffset, highWatermark, lastStableOffset, timeMs, timeProblem }: LogEnd): EndTold {
  if (refused !== null) return { kind: 'unknown', why: refused.why };
  return {
    kind: 'known',
    logStartOffset,
    highWatermark,
    lastStableOffset: lastStableOffset ?? -1,
    ...(timeMs === null ? {} : { timeMs }),
    ...(timeProblem === null ? {} : { timeProblem }),
  };
}
