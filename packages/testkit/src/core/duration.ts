/** Spans of time as tests write them. */

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** @returns milliseconds of a number (taken as milliseconds) or of a text such as '7d'. @throws when it is neither */
export function durationMs(duration: number | string): number {
  const ms = typeof duration === 'number' ? duration : parsed(duration);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new Error(`'${duration}' is no span of time: give milliseconds, or a number with ms, s, m, h, d or w ('7d')`);
}

function parsed(text: string): number {
  const [, count = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/.exec(text) ?? [];
  return unit in unitMs ? Number(count) * unitMs[unit as keyof typeof unitMs] : Number.NaN;
}
