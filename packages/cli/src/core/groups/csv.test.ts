import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatOffsetRow, parseOffsetFile, type OffsetRow } from './csv.ts';

const parse = (text: string, only?: string): OffsetRow[] => parseOffsetFile('f.csv', text, only);

test('files: lines that kafka-consumer-groups wrote are written the same, its quotes included', () => {
  const line = (group: string, topic = 'h5-b'): string =>
    formatOffsetRow({ group, topic, partition: 0, offset: 50 }, true);
  expect(line('zz')).toBe('zz,h5-b,0,50');
  for (const plain of ['a/b', 'a;b', 'a:b', '{a', 'é', 'abcdefghijklmnopqrstuvwx'])
    expect(line(plain)).toBe(`${plain},h5-b,0,50`);
  for (const special of ['a b', 'a,b', "a'b", 'a#b', ' x', 'a%b', 'a+b', 'x\\y', 'a\tb', 'abcdefghijklmnopqrstuvwxy']) {
    expect(line(special)).toBe(`"${special}",h5-b,0,50`);
  }
  expect(line('a"b')).toBe('"a""b",h5-b,0,50');
  const topic = 'h5-a-topic-name-longer-than-24-chars';
  expect(formatOffsetRow({ group: 'g', topic, partition: 1, offset: 50 }, false)).toBe(`"${topic}",1,50`);
});

test('files: with one group asked for, rows need not name it', () => {
  expect(parse('t,0,3\n"u",1,0\n\n', 'g')).toEqual([
    { group: 'g', topic: 't', partition: 0, offset: 3 },
    { group: 'g', topic: 'u', partition: 1, offset: 0 },
  ]);
});

test('files: with a column of groups each row keeps its own, whoever is asked for', () => {
  const rows = [
    { group: 'g', topic: 't', partition: 0, offset: 3 },
    { group: 'h', topic: 't', partition: 0, offset: 4 },
  ];
  expect(parse('g,t,0,3\nh,t,0,4')).toEqual(rows);
  expect(parse('g,t,0,3\nh,t,0,4', 'g')).toEqual(rows);
});

test('files: the byte order mark, carriage returns and blanks around numbers of a spreadsheet do no harm', () => {
  expect(parse('\ufefft, 0 ,3\r\nu,1,7 \r\n', 'g')).toEqual([
    { group: 'g', topic: 't', partition: 0, offset: 3 },
    { group: 'g', topic: 'u', partition: 1, offset: 7 },
  ]);
});

test.each([
  ['', 'has no rows'],
  ['t,0', 'line 1 (t,0): 2 columns; a row is topic,partition,offset'],
  ['t,0,3\nt,1', 'line 2 (t,1): 2 columns'],
  ['t,0,3\ng,t,1,4', 'line 2 (g,t,1,4): 4 columns, but the first row has 3'],
  ['t,x,3', "the partition 'x' is not a whole number"],
  ['t,0,-3', "the offset '-3' is not a whole number"],
  ['t,2147483648,3', "the partition '2147483648'"],
  [',0,3', 'the topic is empty'],
  ['t,0,3\nt,0,4', 'line 2 (t,0,4): the partition was given before, in line 1'],
  ['"t,0,3', 'a quote is not closed'],
  ['"t"x,0,3', 'a quote is not closed'],
])('files: %j is refused with the line and what it should be', (text, why) => {
  expect(() => parse(text, 'g')).toThrow(`--from-file: f.csv`);
  expect(() => parse(text, 'g')).toThrow(why);
});

test('files: rows without a group are refused when several groups are meant', () => {
  expect(() => parse('t,0,3')).toThrow('with several groups a row is group,topic,partition,offset');
});

const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\r\n\ufeff]/.test(text));
const row = fc.record({
  group: name,
  topic: fc.stringMatching(/^[a-zA-Z0-9._-]{1,60}$/),
  partition: fc.nat(),
  offset: fc.maxSafeNat(),
});
const rows = fc.uniqueArray(row, {
  minLength: 1,
  selector: ({ group, topic, partition }) => `${partition} ${topic} ${group}`,
});

test('files: whatever is written is read back, with and without groups', () => {
  fc.assert(
    fc.property(rows, (written) => {
      expect(parse(written.map((each) => formatOffsetRow(each, true)).join('\n'))).toEqual(written);
      const [first] = written;
      if (first === undefined) return;
      const alone = formatOffsetRow(first, false);
      expect(parse(alone, first.group)).toEqual([first]);
    }),
  );
});

test('files: no text is a crash, it is rows or a sentence', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', ',', '"', '1', '\n', ' ') }), (text) => {
      try {
        for (const { partition, offset } of parse(text, 'g')) {
          expect(Number.isSafeInteger(partition) && Number.isSafeInteger(offset)).toBe(true);
        }
      } catch (error) {
        expect(String(error)).toMatch(/--from-file: f\.csv/);
      }
    }),
  );
});
