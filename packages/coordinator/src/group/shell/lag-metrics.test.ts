import { MetricsRegistry, ok, refuse } from '@odradek/base';
import type { Clock } from '@odradek/base';
import { drain, SimClock } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { LagMetrics } from './lag-metrics.ts';
import type { LagMetricsLimits } from './lag-metrics.ts';
import type { AgedPartitionLag, MeasuredLag } from './lag.ts';

const LIMITS: LagMetricsLimits = {
  fewSeriesMax: 10,
  groupLagRefreshMs: 1_000,
  groupLagGroupSeriesMax: 8,
  groupLagPartitionSeriesMax: 6,
};

/** A group with one partition for each lag given; below 0: not known. */
function lagOf(groupId: string, lags: readonly number[]): MeasuredLag {
  const partitions = lags.map((lagRecords, partition) => ({
    topic: 't',
    partition,
    lagRecords,
    lagMs: lagRecords < 0 ? -1 : lagRecords * 1_000,
  })) as AgedPartitionLag[];
  return {
    groupId,
    state: 'Stable',
    type: 'classic',
    measuredAtMs: 0,
    partitions,
    lagRecordsSum: lags.reduce((sum, each) => sum + Math.max(0, each), 0),
    lagMsMax: lags.reduce((most, each) => Math.max(most, each * 1_000), 0),
    unknownCount: lags.filter((each) => each < 0).length,
  };
}

type Shards = Map<number, Map<string, readonly number[]> | 'loading'>;

function measured(shards: Shards, clock: Clock = new SimClock(), limits: LagMetricsLimits = LIMITS) {
  const metrics = new MetricsRegistry();
  const counted = { measured: 0 };
  const lags = new LagMetrics({
    clock,
    metrics,
    limits,
    shards: () => Array.from(shards.keys()),
    groupsOf: (shard) => {
      const groups = shards.get(shard);
      const loading = refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, 'loading');
      if (groups === undefined || groups === 'loading') return Promise.resolve(loading);
      const protocolType = 'consumer';
      const listed = Array.from(groups.keys(), (groupId) => {
        return { groupId, protocolType, state: groupId < 'b' ? 'Stable' : 'Empty', type: 'classic' };
      });
      return Promise.resolve(ok(listed));
    },
    measure: (groupId) => {
      counted.measured += 1;
      for (const groups of shards.values()) {
        const of = groups === 'loading' ? undefined : groups.get(groupId);
        if (of !== undefined) return Promise.resolve(ok(lagOf(groupId, of)));
      }
      return Promise.resolve(refuse(ErrorCode.GROUP_ID_NOT_FOUND, 'gone'));
    },
  });
  const shown = (name: 'odradek_group_lag_records' | 'odradek_group_total_lag_records'): Record<string, number> =>
    Object.fromEntries(
      metrics.family(name).samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]),
    );
  return { lags, metrics, shown, counted };
}

test('lag metrics: totals of every group, and of each partition as long as there is room; what has none is counted', async () => {
  const { lags, metrics, shown } = measured(
    new Map([
      [0, new Map([['a', [3, 4]]])],
      [1, new Map([['b', [1, -1, 5]]])],
    ]),
  );
  await lags.refresh();
  expect(shown('odradek_group_total_lag_records')).toEqual({ a: 7, b: 6 });
  expect(shown('odradek_group_lag_records')).toEqual({ 'a t 0': 3, 'a t 1': 4, 'b t 0': 1 });
  expect(metrics.value('odradek_group_max_lag_seconds', { group: 'b' })).toBe(5);
  expect(metrics.value('odradek_group_lag_unknown_partitions', {})).toBe(1);
  expect(metrics.value('odradek_group_lag_untold_partitions', {})).toBe(1);
});

test('lag metrics: groups, partitions and shards that go take their series along and make room', async () => {
  const shards: Shards = new Map([
    [0, new Map([['a', [1, 2, 3]]])],
    [1, new Map([['b', [4]]])],
  ]);
  const { lags, shown } = measured(shards);
  await lags.refresh();
  expect(Object.keys(shown('odradek_group_lag_records'))).toEqual(['a t 0', 'a t 1', 'a t 2']);
  shards.set(0, new Map([['a', [1]]]));
  await lags.refresh();
  expect(shown('odradek_group_lag_records')).toEqual({ 'a t 0': 1, 'b t 0': 4 });
  shards.set(0, new Map());
  await lags.refresh();
  expect(shown('odradek_group_total_lag_records')).toEqual({ b: 4 });
  shards.delete(1);
  await lags.refresh();
  expect([shown('odradek_group_lag_records'), shown('odradek_group_total_lag_records')]).toEqual([{}, {}]);
});

test('lag metrics: a shard that is being loaded keeps its series; more groups than there is room for are counted', async () => {
  const shards: Shards = new Map([[0, new Map([1, 2, 3, 4, 5].map((id) => [`g${id}`, [id]]))]]);
  const { lags, metrics, shown } = measured(shards);
  await lags.refresh();
  expect(shown('odradek_group_total_lag_records')).toEqual({ g1: 1, g2: 2, g3: 3, g4: 4 });
  expect(metrics.value('odradek_group_lag_untold_partitions', {})).toBe(2);
  shards.set(0, 'loading');
  await lags.refresh();
  expect(shown('odradek_group_total_lag_records')).toEqual({ g1: 1, g2: 2, g3: 3, g4: 4 });
});

test('lag metrics: it measures again and again, and no more once closed', async () => {
  const clock = new SimClock();
  const { lags, counted } = measured(new Map([[0, new Map([['a', [1]]])]]), clock);
  await clock.advance(3_500);
  expect(counted.measured).toBe(3);
  lags.close();
  await clock.advance(5_000);
  expect(counted.measured).toBe(3);
});

/** Time passes with every look at the clock, as if all work took a quarter of a millisecond; timers fire when they are let. */
class BusyClock implements Clock {
  #nowMs = 0;
  readonly #fires: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    this.#nowMs += 0.25;
    return this.#nowMs;
  }

  after(_delayMs: number, fire: () => void): { cancel(): void } {
    this.#fires.push(fire);
    return { cancel: () => undefined };
  }

  fire(): boolean {
    const fire = this.#fires.shift();
    fire?.();
    return fire !== undefined;
  }
}

test('lag metrics: 1,000 groups are measured in slices, between which the event loop has its turn', async () => {
  const clock = new BusyClock();
  const groups = new Map(Array.from({ length: 1_000 }, (_, id) => [`g${id}`, [1]]));
  const { counted } = measured(new Map([[0, groups]]), clock, { ...LIMITS, groupLagGroupSeriesMax: 10_000 });
  let most = 0;
  let turns = 0;
  while (counted.measured < 1_000 && clock.fire()) {
    const before = counted.measured;
    await drain();
    most = Math.max(most, counted.measured - before);
    turns += 1;
  }
  expect(counted.measured).toBe(1_000);
  expect(most).toBeLessThan(50);
  expect(turns).toBeGreaterThan(20);
});

test('lag metrics: groups are counted by protocol and state, and a state that none is in any more has no series', async () => {
  const shard = new Map<string, readonly number[]>([
    ['a', [1]],
    ['b', []],
    ['c', []],
  ]);
  const { lags, metrics } = measured(new Map([[0, shard]]));
  const told = () => metrics.family('odradek_groups').samples.map(({ labels, value }) => [labels['state'], value]);
  expect(told()).toEqual([]);
  await lags.refresh();
  expect(told()).toEqual([
    ['Stable', 1],
    ['Empty', 2],
  ]);
  shard.delete('a');
  await lags.refresh();
  expect(told()).toEqual([['Empty', 2]]);
});
