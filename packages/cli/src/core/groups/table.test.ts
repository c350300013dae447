import { expect, test } from 'vitest';
import { renderTable } from './table.ts';

test('table: what a name does to a terminal is shown, not done, and a name is one row', () => {
  const columns = [
    { title: 'GROUP', minWidth: 8 },
    { title: 'STATE', minWidth: 5 },
  ];
  const rows = [
    ['\u001b[31mred\u0007', 'Stable'],
    [{ text: 'two\nrows', style: 'bold' as const }, 'Empty'],
    ['\u00e4\u20ac\ud83d\ude00', 'Empty'],
  ];
  expect(renderTable(columns, rows, (_style, text) => text)).toEqual([
    'GROUP               STATE',
    '\\u001b[31mred\\u0007 Stable',
    'two\\u000arows       Empty',
    '\u00e4\u20ac\ud83d\ude00                Empty',
  ]);
});
