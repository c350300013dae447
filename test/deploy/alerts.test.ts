/** The alert rules of deploy/compose as Prometheus evaluates them, over series that are written down here: promtool plays them in no time. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { found, missing, must, root, title } from '../support/run.ts';

const rules = `${root}deploy/compose/prometheus/alerts.yml`;
const isThere = spawnSync('promtool', ['--version']).status === 0;
const promtool = isThere ? found('promtool') : missing<string>('no promtool (apt-get install prometheus)');

/** By name with labels, a sample each 5 s in promtool's words: `1x12` is 1 and 12 more, `_x12` is none 12 times. */
type Series = Readonly<Record<string, string>>;
/** Labels of the one series of ALERTS that fires of an alert, or none. */
type Firing = { readonly alert: string; readonly atMinutes: number; readonly who: string | undefined };

/** Throws with promtool's difference unless exactly these fire. */
async function play(series: Series, ...firing: readonly Firing[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-alerts-'));
  try {
    const played = {
      interval: '5s',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: firing.map(({ alert, atMinutes, who }) => {
        const labels = `alertname="${alert}", alertstate="firing"`;
        const one = { labels: `ALERTS{${labels}, severity="page", ${who}}`, value: 1 };
        return { expr: `ALERTS{${labels}}`, eval_time: `${atMinutes}m`, exp_samples: who === undefined ? [] : [one] };
      }),
    };
    // JSON is YAML too.
    const file = join(directory, 'case.json');
    writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '5s', tests: [played] }));
    expect(await must(['promtool', 'test', 'rules', file])).toContain('SUCCESS');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const active = (instance: string): string => `odradek_controller_active{job="odradek", instance="${instance}"}`;
const up = (instance: string): string => `up{job="odradek", instance="${instance}"}`;

describe.skipIf(promtool.use === undefined)(title('alerts', promtool), () => {
  const alert = 'OdradekNoActiveController';
  const fine = { alert, atMinutes: 4, who: undefined };
  const fires = { alert, atMinutes: 6, who: 'job="odradek"' };

  test('no active controller: when all say that they are not, and not while one is', async () => {
    await play({ [active('a')]: '1x60 0x60', [active('b')]: '0x120' }, fine, fires);
  });

  test('no active controller: also when every node that could say so is gone', async () => {
    await play({ [active('a')]: '1x60 stale _x60', [active('b')]: '0x60 stale _x60' }, fine, fires);
  });

  test('a node that answered and does not is missed, one that never did is not', async () => {
    const down = { alert: 'OdradekNodeDown', atMinutes: 6, who: 'job="odradek", instance="a"' };
    await play({ [up('a')]: '1x60 0x60', [up('b')]: '1x120', [up('never')]: '0x120' }, down);
  });
});
