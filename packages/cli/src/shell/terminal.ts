/** What people see: colours and progress only where a terminal is, results on stdout, everything else on stderr. */
import { writeSync } from 'node:fs';
import { tame, tameJson } from '../core/tame.ts';

/** Colours honour NO_COLOR and FORCE_COLOR (no-color.org). */
function coloured(stream: { isTTY?: boolean }): boolean {
  if (process.env['NO_COLOR'] !== undefined && process.env['NO_COLOR'] !== '') return false;
  if (process.env['FORCE_COLOR'] !== undefined && process.env['FORCE_COLOR'] !== '0') return true;
  return stream.isTTY === true;
}

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;
export type Style = keyof typeof codes;

export function paint(style: Style, text: string, stream: { isTTY?: boolean } = process.stdout): string {
  if (!coloured(stream)) return text;
  const [on, off] = codes[style];
  return `\x1b[${on}m${text}\x1b[${off}m`;
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** One line on stderr, whatever names are in it. */
export function note(text: string): void {
  process.stderr.write(`${tame(text)}\n`);
}

export function printJson(value: unknown): void {
  printJsonText(value, 2);
}

/** One document a line, for whoever reads them as they come. */
export function printJsonLine(value: unknown): void {
  printJsonText(value, undefined);
}

function printJsonText(value: unknown, indent: number | undefined): void {
  const plain = (_key: string, inner: unknown): unknown => (typeof inner === 'bigint' ? Number(inner) : inner);
  process.stdout.write(`${tameJson(JSON.stringify(value, plain, indent))}\n`);
}

/** Writes to stdout and waits while the reader is slow: what is not yet taken never piles up. @returns false when the reader is gone */
export async function writeOut(bytes: Buffer): Promise<void> {
  if (process.stdout.write(bytes)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}

const PROGRESS_EVERY_MS = 250;

/** One line on stderr that is written over while work goes on; nothing at all when stderr is not a terminal. */
export class Progress {
  private readonly verb: string;
  private readonly live: boolean;
  private readonly startedMs = performance.now();
  private shownMs = 0;
  records = 0;
  bytes = 0;

  constructor(verb: string, wanted = true) {
    this.verb = verb;
    this.live = wanted && process.stderr.isTTY;
  }

  add(records: number, bytes: number): void {
    this.records += records;
    this.bytes += bytes;
    if (!this.live) return;
    const nowMs = performance.now();
    if (nowMs - this.shownMs < PROGRESS_EVERY_MS) return;
    this.shownMs = nowMs;
    writeSync(2, `\r\x1b[K${this.summary()}`);
  }

  seconds(): number {
    return (performance.now() - this.startedMs) / 1000;
  }

  summary(): string {
    const seconds = Math.max(this.seconds(), 0.001);
    const rate = (this.bytes / 1e6 / seconds).toFixed(1);
    return `${this.verb} ${this.records} records, ${(this.bytes / 1e6).toFixed(1)} MB, ${rate} MB/s`;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.live && this.shownMs > 0) writeSync(2, '\r\x1b[K');
  }
}

/** The same for things that are counted up to a known number: `described 400 of 10000 groups`. */
export class Counted {
  private readonly told: (done: number) => string;
  private shownMs = performance.now();
  private shown = false;
  private done = 0;

  constructor(verb: string, total: number, noun: string) {
    this.told = (done) => `${verb} ${done} of ${total} ${noun}`;
  }

  add(count: number): void {
    this.done += count;
    const nowMs = performance.now();
    if (process.stderr.isTTY !== true || nowMs - this.shownMs < PROGRESS_EVERY_MS) return;
    this.shownMs = nowMs;
    this.shown = true;
    writeSync(2, `\r\x1b[K${this.told(this.done)}`);
  }

  clear(): void {
    if (this.shown) writeSync(2, '\r\x1b[K');
    this.shown = false;
  }
}

/** A line about work that goes on, written over by the next one; nothing at all when stderr is not a terminal. */
export class StatusLine {
  private readonly live: boolean;
  private shownMs = 0;
  private shown = false;

  constructor(wanted: boolean) {
    this.live = wanted && process.stderr.isTTY === true;
  }

  show(text: string): void {
    const nowMs = performance.now();
    if (!this.live || nowMs - this.shownMs < PROGRESS_EVERY_MS) return;
    this.shownMs = nowMs;
    this.shown = true;
    const columns = process.stderr.columns ?? 80;
    writeSync(2, `\r\x1b[K${tame(text).slice(0, columns - 1)}`);
  }

  clear(): void {
    if (this.shown) writeSync(2, '\r\x1b[K');
    this.shown = false;
  }
}
