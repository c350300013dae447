/**
 * A broker that is to go: who takes each of its replicas. A partition keeps all others where they are; the new one comes to a rack that holds
 * none yet where there is one, and of those to whoever holds the fewest, in the place of the old one, so that preferred leaders stay spread.
 */
import { byPartition, type BrokerPlace, type Ongoing, type Placed } from './reassignment.ts';

/** Another broker that runs. @property takes false: it gets no new replicas, since it is cordoned; those that it has count */
export type DrainBroker = BrokerPlace & { readonly takes: boolean };

export type DrainPlan = {
  readonly moves: readonly Placed[];
  /** No broker is left that could take them. */
  readonly stuck: readonly Placed[];
};

/** @property canShrink a partition that nobody is left for loses the replica, as long as another one stays */
export type DrainSettings = { readonly leaving: number; readonly canShrink: boolean };

/**
 * @param partitions all of the cluster, without replicas that a move under way takes away
 * @param others all brokers that run
 */
export function planDrain(
  partitions: readonly Placed[],
  others: readonly DrainBroker[],
  { leaving, canShrink }: DrainSettings,
): DrainPlan {
  const held = new Map(others.map(({ id }) => [id, 0]));
  for (const { replicas } of partitions) for (const id of replicas) held.set(id, (held.get(id) ?? 0) + 1);
  const moves: Placed[] = [];
  const stuck: Placed[] = [];
  for (const each of partitions.toSorted(byPartition)) {
    if (!each.replicas.includes(leaving)) continue;
    const { topic, partition, replicas } = each;
    const taker = takerOf(replicas, others, { held, leaving });
    if (taker !== undefined) {
      held.set(taker, (held.get(taker) ?? 0) + 1);
      moves.push({ topic, partition, replicas: replicas.map((id) => (id === leaving ? taker : id)) });
    } else if (canShrink && replicas.length > 1) {
      moves.push({ topic, partition, replicas: replicas.filter((id) => id !== leaving) });
    } else stuck.push(each);
  }
  return { moves, stuck };
}

type Holding = { readonly held: ReadonlyMap<number, number>; readonly leaving: number };

function takerOf(
  replicas: readonly number[],
  others: readonly DrainBroker[],
  { held, leaving }: Holding,
): number | undefined {
  const staying = others.filter(({ id }) => id !== leaving && replicas.includes(id));
  const racks = new Set(staying.map(({ rack }) => rack));
  const free = others.filter(({ id, takes }) => takes && id !== leaving && !replicas.includes(id));
  const elsewhere = free.filter(({ rack }) => rack !== null && !racks.has(rack));
  let best: BrokerPlace | undefined;
  for (const each of elsewhere.length > 0 ? elsewhere : free) {
    const fewer = best === undefined ? -1 : (held.get(each.id) ?? 0) - (held.get(best.id) ?? 0);
    if (best === undefined || fewer < 0 || (fewer === 0 && each.id < best.id)) best = each;
  }
  return best?.id;
}

/** What partitions hold once the moves under way are done. */
export function afterMoves(partitions: readonly Placed[], ongoing: readonly Ongoing[]): Placed[] {
  const leaves = new Map(ongoing.map((each) => [`${each.topic}-${each.partition}`, each.removing]));
  return partitions.map((each) => {
    const removing = leaves.get(`${each.topic}-${each.partition}`) ?? [];
    return removing.length === 0 ? each : { ...each, replicas: each.replicas.filter((id) => !removing.includes(id)) };
  });
}
