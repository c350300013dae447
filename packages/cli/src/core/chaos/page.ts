/** One self-contained page of a report: what was kept, and the timeline of every partition. Works offline, in light and dark. */
import { assert } from '@odradek/base';
import type { Report } from './report.ts';
import { pageScript } from './page-script.ts';
import { pageStyle } from './page-style.ts';

/** The chart library, to be put into the page. */
export type Library = { readonly script: string; readonly style: string };

export function pageOf(report: Report, library: Library): string {
  assert(!library.script.includes('</script'), 'the library does not end the script that holds it');
  const { scenario, startedAt, seconds, cluster, settings, violations } = report;
  const title = `${scenario}: ${report.verdict}`;
  const nodes = cluster.nodes.map(({ id, address }) => `${id} (${address})`).join(', ');
  const facts = [
    ['cluster', cluster.clusterId],
    ['nodes', nodes],
    [
      'topic',
      `${settings.topic}: ${settings.partitions} partitions, RF ${settings.replicationFactor}, min ISR ${settings.minInsyncReplicas}`,
    ],
    ['load', `${settings.rate} idempotent writes/s of ${settings.recordBytes} bytes, acks=all`],
    [
      'faults',
      `${settings.holdMs / 1_000} s each, ${settings.repetitions} ${settings.repetitions === 1 ? 'round' : 'rounds'}, by ${settings.driver}`,
    ],
    ['began', startedAt],
    ['lasted', `${seconds} s`],
  ] as const;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${library.style}
${pageStyle}</style>
<body>
<header>
<h1>${escaped(scenario)} <span class="${report.verdict}">${report.verdict}</span></h1>
${violations.map((violation) => `<p class="violation">${escaped(violation)}</p>`).join('\n')}
</header>
<section class="tiles">${tiles(report)}</section>
<section id="all"><h2>All partitions</h2>
<p class="legend"><i class="line"></i>acknowledged records a second <i class="fault"></i>a fault is there. Drag to zoom, double-click to see all.</p></section>
<section id="partitions"><h2>Each partition</h2>
<p class="legend"><i class="line"></i>acknowledged a second <i class="gap"></i>longest gaps <i class="leads"></i>leads <i class="insync"></i>in sync <i class="out"></i>not in sync</p></section>
${rounds(report)}
${errors(report)}
${examples(report)}
<section><h2>What was done</h2><table>${facts.map(([name, value]) => `<tr><th>${name}</th><td>${escaped(value)}</td></tr>`).join('')}</table></section>
<script>${library.script}</script>
<script>const report = ${dataOf(report)};
${pageScript}</script>
</body>
</html>
`;
}

function tiles({ writes, lost, duplicated, outOfOrder, misplaced, invented, gap }: Report): string {
  const tile = (value: string, name: string, isWrong = false): string =>
    `<div class="tile${isWrong ? ' wrong' : ''}"><b>${value}</b><span>${name}</span></div>`;
  const none = (count: number, name: string): string => tile(grouped(count), name, count > 0);
  const isLate = gap.limitMs !== null && gap.longestMs > gap.limitMs;
  return [
    tile(grouped(writes.acknowledged), `of ${grouped(writes.issued)} writes acknowledged`),
    none(lost, 'lost'),
    none(duplicated, 'duplicated'),
    none(outOfOrder, 'out of order'),
    ...(misplaced + invented === 0 ? [] : [none(misplaced, 'misplaced'), none(invented, 'invented')]),
    tile(`${grouped(Math.round(gap.longestMs))} ms`, `longest gap, partition ${gap.partition}`, isLate),
    tile(`${grouped(Math.round(gap.medianOfRoundsMs))} ms`, 'median gap of rounds'),
    none(writes.failed, 'failed for the client'),
  ].join('');
}

function rounds(report: Report): string {
  if (report.rounds.length === 0) return '';
  const rows = report.rounds.map(
    ({ round, victims, controller, hitController, longestGapMs, longestGapPartition, fromMs, toMs }) =>
      `<tr><td>${round}</td><td>${victims.join(', ')}${hitController ? ' (active controller)' : ''}</td><td>${controller}</td>` +
      `<td>${grouped(Math.round(longestGapMs))} ms, partition ${longestGapPartition}</td>` +
      `<td>${(fromMs / 1_000).toFixed(1)} s</td><td>${((toMs - fromMs) / 1_000).toFixed(1)} s</td></tr>`,
  );
  const heads = ['round', 'nodes hit', 'active controller before', 'longest gap', 'began at', 'whole again after'];
  return `<section><h2>Rounds</h2><table><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr>${rows.join('')}</table></section>`;
}

function errors(report: Report): string {
  const rows = (['visible', 'retried'] as const).flatMap((kind) =>
    Object.entries(report.errors[kind]).map(
      ([what, count]) =>
        `<tr><td>${escaped(what)}</td><td>${grouped(count)}</td><td>${kind === 'visible' ? 'told to the user' : 'retried in silence'}</td></tr>`,
    ),
  );
  if (rows.length === 0) return '';
  return `<section><h2>Errors that the client saw</h2><table>${rows.join('')}</table></section>`;
}

function examples(report: Report): string {
  const rows = report.partitions.flatMap(({ partition, judgement }) =>
    judgement.examples.map((example) => `<tr><td>partition ${partition}</td><td>${escaped(example)}</td></tr>`),
  );
  return rows.length === 0 ? '' : `<section><h2>Broken promises</h2><table>${rows.join('')}</table></section>`;
}

/** What the script draws, without what the page says in words. */
function dataOf({ timeline, partitions, events, controllers, cluster, seconds }: Report): string {
  const drawn = partitions.map(({ partition, pauses, changes }) => ({ partition, pauses, changes }));
  return inScript(JSON.stringify({ timeline, partitions: drawn, events, controllers, nodes: cluster.nodes, seconds }));
}

/** Nothing in a script may end it: names in the data are others'. */
function inScript(text: string): string {
  return text.replaceAll(/<(?=[!/]|script)/gi, '\\x3c');
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (char) => entities[char] ?? char);
}

function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}
