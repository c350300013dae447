/** Tables as Kafka's tools about the cluster print them: cells as wide as the widest of their column, and a tab behind each. */
import { tame } from '../tame.ts';
import type { Cell, Painter } from '../groups/table.ts';

export function renderTabbed(titles: readonly string[], rows: readonly (readonly Cell[])[], paint: Painter): string[] {
  const textOf = (cell: Cell): string => tame(typeof cell === 'string' ? cell : cell.text);
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map((row) => textOf(row[at] ?? '').length)));
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, at) => {
        const text = textOf(cell);
        const blanks = ' '.repeat((widths[at] ?? 0) - text.length);
        return `${typeof cell === 'string' ? text : paint(cell.style, text)}${blanks}\t`;
      })
      .join('');
  return [titles.map((text): Cell => ({ text, style: 'bold' })), ...rows].map(line);
}
