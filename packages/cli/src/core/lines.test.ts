import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from './lines.ts';

function split(chunks: readonly Buffer[]): string[] {
  const splitter = new LineSplitter();
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return [...lines, ...(last === undefined ? [] : [last])].map((line) => line.toString('latin1'));
}

test('lines: however a stream is cut into chunks, its lines are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }), (parts) => {
      const chunks = parts.map((part) => Buffer.from(part.map((byte) => (byte % 4 === 0 ? 0x0a : byte))));
      const whole = Buffer.concat(chunks).toString('latin1');
      const expected = whole === '' ? [] : whole.split('\n');
      if (whole.endsWith('\n')) expected.pop();
      expect(split(chunks)).toEqual(expected);
    }),
  );
});

test('lines: empty lines and carriage returns are kept, and a stream that ends in a newline has no line after it', () => {
  expect(split([Buffer.from('a\r\n\n b\n')])).toEqual(['a\r', '', ' b']);
});
