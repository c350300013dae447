/** A screen that is written over, on a terminal; elsewhere one after another, each followed by an empty line. */
import { stripVTControlCharacters } from 'node:util';

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const CLEAR_ALL = '\x1b[2J';
const ROWS = 24;
const COLUMNS = 80;

export class Screen implements Disposable {
  private readonly isLive = process.stdout.isTTY === true;
  private isFirst = true;
  private readonly restore = (): void => void process.stdout.write(SHOW_CURSOR);

  constructor() {
    if (this.isLive) process.once('exit', this.restore).once('SIGINT', this.end).once('SIGTERM', this.end);
  }

  /** Lines that are too long or too many for the terminal are cut: a line that wraps would move all others. */
  show(lines: readonly string[]): void {
    if (!this.isLive) {
      process.stdout.write(`${lines.join('\n')}\n\n`);
      return;
    }
    // A terminal that was never told its size says 0.
    const rows = process.stdout.rows > 0 ? process.stdout.rows : ROWS;
    const columns = process.stdout.columns > 0 ? process.stdout.columns : COLUMNS;
    const shown = lines.slice(0, rows - 1).map((line) => `${cut(line, columns)}${CLEAR_LINE}\n`);
    const begin = this.isFirst ? `${HIDE_CURSOR}${CLEAR_ALL}` : '';
    this.isFirst = false;
    process.stdout.write(`${begin}${HOME}${shown.join('')}${CLEAR_BELOW}`);
  }

  [Symbol.dispose](): void {
    if (!this.isLive) return;
    process.off('exit', this.restore).off('SIGINT', this.end).off('SIGTERM', this.end);
    this.restore();
  }

  private readonly end = (signal: NodeJS.Signals): void => {
    this.restore();
    process.exit(signal === 'SIGINT' ? INTERRUPTED : TERMINATED);
  };
}

const INTERRUPTED = 130;
const TERMINATED = 143;

function cut(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  // Colours of a line that is cut are lost with it.
  return plain.length <= columns ? line : plain.slice(0, columns);
}
