/** Tables as Kafka's tools print them: columns as wide as their longest text and at least a minimum, one space between, the last one open. */
import { tame } from '../tame.ts';

export type CellStyle = 'bold' | 'dim' | 'red' | 'green' | 'yellow';
/** Gives a text its colour; the same text where colours are off. */
export type Painter = (style: CellStyle, text: string) => string;

export type Column = { readonly title: string; readonly minWidth: number };
export type Cell = string | { readonly text: string; readonly style: CellStyle };

/** What a table shows where nothing is known. */
export const MISSING = '-';

/** @returns the header and a line a row; blanks at the ends of lines are cut */
export function renderTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], paint: Painter): string[] {
  const widths = columns.map(({ title, minWidth }) => Math.max(title.length, minWidth));
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, textOf(cell).length);
  }
  const line = (cells: readonly Cell[]): string => {
    const last = cells.length - 1;
    return cells
      .map((cell, at) => {
        const text = textOf(cell);
        const blanks = at === last ? '' : ' '.repeat((widths[at] ?? 0) - text.length + 1);
        return (typeof cell === 'string' ? text : paint(cell.style, text)) + blanks;
      })
      .join('');
  };
  return [columns.map(({ title }): Cell => ({ text: title, style: 'bold' })), ...rows].map(line);
}

function textOf(cell: Cell): string {
  return tame(typeof cell === 'string' ? cell : cell.text);
}

export function orMissing(value: string | number | undefined): string {
  return value === undefined || value === '' ? MISSING : String(value);
}
