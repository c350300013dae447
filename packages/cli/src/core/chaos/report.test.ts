/** The verdict: what breaks it, how it reads in a terminal, and the page that draws it. */
import { readFileSync } from 'node:fs';
import { Script, createContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Ledger } from './ledger.ts';
import { pageOf } from './page.ts';
import { pageScript } from './page-script.ts';
import { reportOf, type Findings, type Report } from './report.ts';
import { Sightings } from './sightings.ts';
import { verdictLines } from './text.ts';

type Spoil = {
  readonly forget?: boolean;
  readonly gapMaxMs?: number;
  readonly unmet?: readonly string[];
  readonly name?: string;
};

/** Two partitions of ten acknowledged records each, with a gap of 700 ms in the first. */
function findings({ forget = false, gapMaxMs, unmet = [], name = 'abc' }: Spoil = {}): Findings {
  const ledgers = [0, 1].map((partition) => {
    const ledger = new Ledger(partition);
    for (let number = 0; number < 10; number += 1) {
      const nowMs = number * 100 + (partition === 0 && number > 4 ? 600 : 0);
      ledger.issue(nowMs);
      ledger.acknowledge(number, 1, { baseOffset: number, nowMs });
      if (!(forget && number === 3)) ledger.take(number, number);
    }
    return ledger;
  });
  const sightings = new Sightings(2);
  for (const partitionIndex of [0, 1]) {
    const seen = {
      errorCode: 0,
      partitionIndex,
      leaderId: 1,
      leaderEpoch: 0,
      replicaNodes: [1, 2, 3],
      isrNodes: [1, 2, 3],
    };
    sightings.heard(1, { partitions: [seen] }, 0);
    sightings.heard(2, { partitions: [{ ...seen, leaderId: 2, leaderEpoch: 1, isrNodes: [2, 3] }] }, 700);
  }
  sightings.heardController(3, 0);
  return {
    scenario: 'kill',
    startedAt: '2026-11-21T20:00:00.000Z',
    endedMs: 2_000,
    cluster: { clusterId: name, nodes: [{ id: 1, address: 'a:1' }] },
    settings: {
      topic: 't',
      partitions: 2,
      replicationFactor: 3,
      minInsyncReplicas: 2,
      rate: 20,
      recordBytes: 100,
      holdMs: 500,
      repetitions: 1,
      driver: 'processes',
    },
    gapMaxMs,
    ledgers,
    sightings,
    rounds: [
      {
        round: 1,
        fromMs: 400,
        toMs: 1_500,
        victims: [1],
        controller: 3,
        hitController: false,
        longestGapMs: 700,
        longestGapPartition: 0,
      },
    ],
    events: [{ atMs: 400, node: 1, what: 'kill', untilMs: 900 }],
    visible: new Map(),
    retried: new Map([['NOT_LEADER_OR_FOLLOWER', 2]]),
    unmet,
  };
}

describe('the verdict', () => {
  test('is kept when all is there, once, in order, and in time', () => {
    const report = reportOf(findings());
    expect(report).toMatchObject({
      format: 1,
      verdict: 'kept',
      violations: [],
      lost: 0,
      gap: { longestMs: 700, partition: 0, limitMs: null },
    });
    expect(report.writes).toEqual({ issued: 20, acknowledged: 20, failed: 0, read: 20 });
    expect(reportOf(findings({ gapMaxMs: 700 })).verdict).toBe('kept');
  });

  test('is broken by a record that is lost, by a gap over the limit, by a cluster that does not recover', () => {
    expect(reportOf(findings({ forget: true })).violations).toEqual(['2 records are acknowledged and not in the log']);
    expect(reportOf(findings({ gapMaxMs: 699 })).violations).toEqual([
      'partition 0 took no write for 700 ms, more than --gap-max-ms 699',
    ]);
    const late = reportOf(findings({ unmet: ['not within 60 s: every replica is in sync'] }));
    expect([late.verdict, late.violations]).toEqual(['broken', ['not within 60 s: every replica is in sync']]);
  });

  test('is documented: every field of the JSON has its place in docs/CHAOS.md', () => {
    const text = readFileSync(new URL('../../../../../docs/CHAOS.md', import.meta.url), 'utf8');
    const table = text.slice(text.indexOf('## The JSON'));
    const fields = (value: unknown): string[] => {
      if (Array.isArray(value)) return value.slice(0, 1).flatMap(fields);
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).flatMap(([name, inner]) => [name, ...fields(inner)]);
    };
    const { errors, partitions, ...rest } = reportOf(findings());
    const judged = partitions.map((each) => ({ ...each, judgement: {} }));
    for (const name of [...fields(rest), ...fields(judged), ...Object.keys(errors)])
      expect(table).toContain(`\`${name}\``);
  });

  test('reads in a few lines', () => {
    expect(verdictLines(reportOf(findings({ forget: true, gapMaxMs: 1_000 })), (_, text) => text)).toEqual([
      'kill: broken',
      '  2 records are acknowledged and not in the log',
      '  partition 0: record 3 was acknowledged at offset 3 and is not there',
      '  partition 1: record 3 was acknowledged at offset 3 and is not there',
      'cluster  abc, 1 node; 2 partitions, RF 3, min ISR 2',
      'writes   20 of 20 acknowledged in 2 s, 0 failed; 18 read back',
      'records  lost 2, duplicated 0, out of order 0, misplaced 0, invented 0',
      'gap      longest 700 ms on partition 0, within 1000 ms',
      'rounds   1: median 700 ms, worst 700 ms',
      '    1  node 1: longest gap 700 ms on partition 0, whole again after 1.1 s',
      'errors   visible: none; retried: NOT_LEADER_OR_FOLLOWER 2',
    ]);
  });
});

/** As much of a browser as the script asks for; what is drawn is kept. */
function browser(report: Report) {
  type Chart = {
    readonly options: {
      series: { label: string; value: (...of: unknown[]) => string }[];
      hooks: Record<string, ((u: unknown) => void)[]>;
    };
    readonly data: number[][];
  };
  const charts: Chart[] = [];
  const rectangles: { colour: string; x: number; width: number }[] = [];
  const element = () => ({ append: () => undefined, clientWidth: 800, textContent: '' });
  const ctx = {
    fillStyle: '',
    fillRect: (x: number, _y: number, width: number) => rectangles.push({ colour: ctx.fillStyle, x, width }),
    fillText: () => undefined,
    measureText: () => ({ width: 10 }),
  };
  class UPlot {
    constructor(options: Chart['options'], data: number[][]) {
      charts.push({ options, data });
      const drawn = {
        bbox: { left: 0, top: 0, width: 2_000, height: 100 },
        valToPos: (seconds: number) => seconds * 1_000,
        ctx,
      };
      for (const hook of [...(options.hooks['drawClear'] ?? []), ...(options.hooks['draw'] ?? [])]) hook(drawn);
    }
  }
  const context = createContext({
    uPlot: UPlot,
    document: { documentElement: {}, createElement: element, getElementById: element },
    getComputedStyle: () => ({ getPropertyValue: (name: string) => name }),
    devicePixelRatio: 1,
    addEventListener: () => undefined,
    matchMedia: () => ({ addEventListener: () => undefined }),
  });
  new Script(`const report = ${JSON.stringify(report)};\n${pageScript}`).runInContext(context);
  return { charts, rectangles };
}

describe('the page', () => {
  const library = { script: 'var uPlot;', style: '.u {}' };

  test('holds the library, the data and the words, and asks for nothing from outside', () => {
    const page = pageOf(reportOf(findings({ forget: true })), library);
    expect(page).toContain('<script>var uPlot;</script>');
    expect(page).toContain('2 records are acknowledged and not in the log');
    expect(page).toContain('NOT_LEADER_OR_FOLLOWER');
    expect(page).not.toMatch(/(?:src|href)\s*=|@import|url\(/);
  });

  test('lets no name of a cluster become markup or end its script', () => {
    const page = pageOf(reportOf(findings({ name: '</script><img onerror=x>' })), library);
    expect(page).not.toContain('<img');
    expect(page.match(/<\/script>/g)).toHaveLength(2);
  });

  test('draws a chart of all partitions and one of each, with faults, gaps, leaders and who is in sync', () => {
    const { charts, rectangles } = browser(reportOf(findings()));
    expect(charts).toHaveLength(3);
    const [all, first, second] = charts;
    expect(all?.data[1]?.reduce((sum, each) => sum + each, 0)).toBe(200);
    expect([first, second].map((chart) => chart?.data[1]?.reduce((sum, each) => sum + each, 0))).toEqual([100, 100]);
    const [, , leader, inSync] = first?.options.series ?? [];
    expect([leader, inSync].map((series) => series?.value({}, 0, 2, 8))).toEqual(['2 in epoch 1', '2, 3']);
    expect([leader, inSync].map((series) => series?.value({}, 0, 2, 2))).toEqual(['1 in epoch 0', '1, 2, 3']);
    const of = (colour: string) => rectangles.filter((each) => each.colour === colour);
    expect(of('--fault')).toHaveLength(3);
    expect(of('--fault')[0]).toMatchObject({ x: 400, width: 500 });
    expect(of('--gap')).toEqual([{ colour: '--gap', x: 400, width: 700 }]);
    expect(of('--leads')).toHaveLength(4);
    // Of each partition: node 1 is in neither after 700 ms.
    expect(of('--out')).toEqual([0, 1].map(() => ({ colour: '--out', x: 700, width: 1_300 })));
    expect(of('--insync')).toHaveLength(6);
  });
});
