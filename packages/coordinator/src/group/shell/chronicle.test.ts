import { limits, metricCatalogue, MetricsRegistry } from '@odradek/base';
import type { Logger } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { GroupBench, stabilize } from '../../testing/group-bench.ts';
import { rebalanceCauses } from '../core/insight/kinds.ts';
import { Chronicle } from './chronicle.ts';

type Line = { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> };

function collecting(lines: Line[]): Logger {
  const at =
    (level: string): Logger['info'] =>
    (fields, message) =>
      void lines.push({ level, message, fields: fields as Record<string, unknown> });
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}

test('chronicle: one line for every rebalance that ends, with who, why, advice and the time of each phase', async () => {
  const lines: Line[] = [];
  const metrics = new MetricsRegistry();
  const clock = new SimClock();
  const chronicle = new Chronicle({ clock, logger: collecting(lines), limits: limits.production, metrics });
  chronicle.loaded(0);
  const bench = new GroupBench();
  let heard = 0;
  const hear = (): void => {
    for (const event of bench.events.slice(heard)) chronicle.told(0, event);
    heard = bench.events.length;
  };
  const [a, gone] = [bench.member('g', { name: 'a', sessionTimeoutMs: 60_000 }), bench.member('g', { name: 'gone' })];
  stabilize(bench, [a, gone]);
  hear();
  bench.advance(10_000);
  hear();
  await clock.advance(1_500);
  a.join();
  a.joined();
  a.sync();
  hear();
  const rebalanced = lines.filter(({ message }) => message.startsWith('group rebalanced'));
  expect(rebalanced.at(-1)).toMatchObject({
    level: 'info',
    message: 'group rebalanced: stable',
    fields: {
      groupId: 'g',
      groupType: 'classic',
      outcome: 'stable',
      assignor: 'range',
      tookMs: 1_500,
      cause: 'silent',
      clientId: 'gone',
      memberId: gone.memberId,
      clientHost: '/127.0.0.1',
      furtherCauses: 0,
      membersAfter: 1,
      phases: [
        { name: 'waiting for members', tookMs: 1_500, clientId: 'a' },
        { name: "waiting for the leader's assignment", tookMs: 0, clientId: 'a' },
      ],
    },
  });
  expect(rebalanced.at(-1)?.fields['hint']).toContain('session.timeout.ms');
  const begun = lines.filter(({ level, message }) => level === 'info' && message === 'group rebalances').length;
  expect(rebalanced.length).toBe(begun);
  expect(metrics.value('odradek_group_rebalances_total', {})).toBe(begun);
  expect(metrics.value('odradek_group_rebalance_causes_total', { cause: 'silent' })).toBe(1);
});

test('chronicle: a coordinator that starts over says which rebalances that interrupted', () => {
  const lines: Line[] = [];
  const options = { clock: new SimClock(), logger: collecting(lines), limits: limits.production, metrics: undefined };
  const chronicle = new Chronicle(options);
  chronicle.loaded(3);
  const reason = { cause: 'joined', who: null, why: 'm joined' } as const;
  chronicle.told(3, { kind: 'rebalanceStarted', groupId: 'g', generation: 1, members: 1, reason });
  chronicle.loaded(3);
  expect(lines.at(-1)).toMatchObject({
    message: 'group rebalanced: interrupted',
    fields: { groupId: 'g', why: 'm joined' },
  });
  chronicle.unloaded(3);
  expect(chronicle.explain(3, 'g', -1)).toBeUndefined();
});

test('chronicle: a consumer group that many join within one rebalance has two lines for it, not one for each of them', () => {
  const lines: Line[] = [];
  const options = { clock: new SimClock(), logger: collecting(lines), limits: limits.production, metrics: undefined };
  const chronicle = new Chronicle(options);
  chronicle.loaded(0);
  for (let member = 1; member <= 50; member += 1) {
    const memberId = `m${member}`;
    const who = { memberId, clientId: 'app', why: `${memberId} joined`, cause: 'joined' } as const;
    chronicle.told(0, { kind: 'groupEpochBumped', groupId: 'g', groupEpoch: member, members: member, ...who });
  }
  chronicle.told(0, { kind: 'groupReconciled', groupId: 'g', groupEpoch: 50, tookMs: 0, slowestMemberId: 'm50' });
  const told = lines.filter(({ level }) => level === 'info');
  expect(told.map(({ message }) => message)).toEqual(['group rebalances', 'group rebalanced: stable']);
  expect(told[1]?.fields).toMatchObject({ membersBefore: 0, membersAfter: 50, furtherCauses: 49 });
});

test('chronicle: the catalogue of metrics lists every cause of a rebalance, and no other', () => {
  expect(metricCatalogue.odradek_group_rebalance_causes_total.values.cause).toEqual(rebalanceCauses);
});
