/** What runs in the browser: the charts of a report, by uPlot. `report` and `uPlot` stand before it in the page. */
export const pageScript = String.raw`
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const { timeline, partitions, events, nodes, controllers } = report;
const perSecond = 1000 / timeline.sliceMs;
const slices = Math.max(1, Math.ceil(report.seconds * perSecond), ...timeline.acknowledged.map((each) => each.length));
const times = Array.from({ length: slices }, (_, slice) => slice / perSecond);
const rates = timeline.acknowledged.map((each) => times.map((_, slice) => (each[slice] || 0) * perSecond));
const total = times.map((_, slice) => rates.reduce((sum, each) => sum + each[slice], 0));
const lastAt = (changes, ms) => changes.findLast((change) => change.atMs <= ms);

/** A box over the plot from one time to another, in seconds; y from 0 (top) to 1. */
function box(u, from, to, look) {
  const { left, top, width, height } = u.bbox;
  const x = Math.max(left, u.valToPos(from, 'x', true));
  const end = Math.min(left + width, u.valToPos(to, 'x', true));
  if (end <= left || x >= left + width) return;
  u.ctx.fillStyle = colour(look.colour);
  u.ctx.fillRect(x, top + height * (look.top || 0), Math.max(1, end - x), height * ((look.bottom ?? 1) - (look.top || 0)));
}

function faults(u) {
  for (const { atMs, untilMs } of events) {
    if (untilMs !== undefined) box(u, atMs / 1000, untilMs / 1000, { colour: 'fault' });
  }
}

/** The longest gaps, and what comes near: a busy machine has many small ones. */
function gaps(u, pauses) {
  const longestMs = pauses.length === 0 ? 0 : pauses[0].toMs - pauses[0].fromMs;
  for (const { fromMs, toMs } of pauses) {
    if (toMs - fromMs >= Math.max(2 * timeline.sliceMs, longestMs / 3)) box(u, fromMs / 1000, toMs / 1000, { colour: 'gap', bottom: PLOT });
  }
}

/** Below the line each replica has a lane: leads, in sync, or neither. */
const PLOT = 0.62;
function lanes(u, changes) {
  const ids = [...new Set(changes.flatMap(({ replicas }) => replicas))].sort((a, b) => a - b);
  const each = (1 - PLOT - 0.04) / Math.max(1, ids.length);
  changes.forEach((change, index) => {
    const until = changes[index + 1]?.atMs ?? report.seconds * 1000;
    ids.forEach((id, lane) => {
      if (!change.replicas.includes(id)) return;
      const state = change.leader === id ? 'leads' : change.isr.includes(id) ? 'insync' : 'out';
      const top = PLOT + 0.04 + lane * each;
      box(u, change.atMs / 1000, until / 1000, { colour: state, top, bottom: top + each * 0.78 });
    });
  });
  u.ctx.fillStyle = colour('soft');
  u.ctx.textAlign = 'right';
  u.ctx.textBaseline = 'middle';
  u.ctx.font = 11 * devicePixelRatio + 'px system-ui';
  ids.forEach((id, lane) => {
    const y = u.bbox.top + u.bbox.height * (PLOT + 0.04 + (lane + 0.4) * each);
    u.ctx.fillText('node ' + id, u.bbox.left - 6 * devicePixelRatio, y);
  });
}

function labels(u) {
  u.ctx.fillStyle = colour('text');
  u.ctx.textAlign = 'left';
  u.ctx.textBaseline = 'top';
  u.ctx.font = 11 * devicePixelRatio + 'px system-ui';
  let freeFrom = -Infinity;
  for (const { atMs, untilMs, node, what } of events) {
    const x = u.valToPos(atMs / 1000, 'x', true);
    const text = what + ' ' + node;
    if (untilMs === undefined || x < Math.max(u.bbox.left, freeFrom) || x > u.bbox.left + u.bbox.width) continue;
    u.ctx.fillText(text, x + 3, u.bbox.top + 3);
    freeFrom = x + 3 + u.ctx.measureText(text).width + 6;
  }
}

function chart(into, data, look) {
  const axis = { stroke: () => colour('soft'), grid: { stroke: () => colour('edge'), width: 1 }, ticks: { show: false } };
  const share = look.share ?? 1;
  return new uPlot({
    width: into.clientWidth,
    height: look.height,
    cursor: { sync: { key: 'time' }, drag: { x: true, y: false } },
    scales: {
      x: { time: false },
      // The line takes the upper share; lanes lie below zero.
      y: { range: (u, low, high) => [-(high || 1) * 1.15 * (1 - share) / share, (high || 1) * 1.15] },
    },
    axes: [
      { ...axis, values: (u, values) => values.map((value) => value + ' s') },
      { ...axis, size: 60, splits: (u) => [0, (u.scales.y.max ?? 1) / 1.15], values: (u, values) => values.map((value) => value.toFixed(0)) },
    ],
    series: [
      { label: 'time', value: (u, value) => (value == null ? '-' : value.toFixed(1) + ' s') },
      { label: 'acknowledged', stroke: () => colour('line'), fill: () => colour('area'), width: 1.5, fillTo: 0, points: { show: false },
        value: (u, value) => (value == null ? '-' : value.toFixed(0) + '/s') },
      ...look.told.map(({ label, at }) => ({ label, paths: () => null, points: { show: false }, scale: 'none',
        value: (u, value, series, index) => (index == null ? '-' : at(times[index] * 1000)) })),
    ],
    hooks: { drawClear: [look.under], draw: [look.over] },
  }, [times, data, ...look.told.map(() => times)], into);
}

const charts = [];
const add = (into, data, look) => {
  const place = document.createElement('div');
  into.append(place);
  charts.push([chart(place, data, look), place, look.height]);
};
add(document.getElementById('all'), total, {
  height: 220,
  told: [{ label: 'active controller', at: (ms) => String(lastAt(controllers, ms)?.controller ?? '-') }],
  under: faults,
  over: labels,
});
for (const { partition, pauses, changes } of partitions) {
  const into = document.getElementById('partitions');
  const heading = document.createElement('h3');
  heading.textContent = 'Partition ' + partition;
  into.append(heading);
  add(into, rates[partition], {
    height: 190,
    share: PLOT,
    told: [
      { label: 'leader', at: (ms) => { const seen = lastAt(changes, ms); return seen === undefined ? '-' : seen.leader < 0 ? 'nobody' : seen.leader + ' in epoch ' + seen.leaderEpoch; } },
      { label: 'in sync', at: (ms) => lastAt(changes, ms)?.isr.join(', ') ?? '-' },
    ],
    under: (u) => { faults(u); gaps(u, pauses); },
    over: (u) => lanes(u, changes),
  });
}
addEventListener('resize', () => charts.forEach(([u, place, height]) => u.setSize({ width: place.clientWidth, height })));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach(([u]) => u.redraw()));
`;
