import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ErrorCode } from './errors.ts';
import { FrameSplitter } from './frame.ts';

function framed(body: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

test('frames: however a stream is cut into chunks, the same frames come out', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });
  fc.assert(
    fc.property(bodies, cuts, (given, cutsAt) => {
      const frames = given.map((body) => Buffer.from(body));
      const stream = Buffer.concat(frames.map(framed));
      const splitter = new FrameSplitter(100);
      const got: Buffer[] = [];
      let from = 0;
      for (const at of [...cutsAt.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b)) {
        expect(splitter.push(stream.subarray(from, at), (frame) => got.push(frame)).ok).toBe(true);
        from = at;
      }
      expect(got).toEqual(frames);
    }),
    { numRuns: 2_000 },
  );
});

test('frames: one that lies within a chunk is a slice of it', () => {
  const chunk = framed(Buffer.from('whole'));
  const got: Buffer[] = [];
  new FrameSplitter(100).push(chunk, (frame) => got.push(frame));
  expect(got[0]?.buffer).toBe(chunk.buffer);
});

test('frames: a gathered frame is not touched by what comes after it', () => {
  const splitter = new FrameSplitter(100);
  const got: Buffer[] = [];
  const stream = Buffer.concat([framed(Buffer.from('first')), framed(Buffer.from('other'))]);
  for (const byte of stream) splitter.push(Buffer.from([byte]), (frame) => got.push(frame));
  expect(got.map(String)).toEqual(['first', 'other']);
});

test.for([[-1], [101], [0x7fffffff]])(
  'frames: a size of %i is refused where 100 is the limit, and so is all after it',
  ([size]) => {
    const splitter = new FrameSplitter(100);
    const head = Buffer.alloc(4);
    head.writeInt32BE(size ?? 0);
    const got: Buffer[] = [];
    expect(splitter.push(head, (frame) => got.push(frame))).toMatchObject({
      ok: false,
      code: ErrorCode.INVALID_REQUEST,
    });
    expect(splitter.push(framed(Buffer.from('x')), (frame) => got.push(frame)).ok).toBe(false);
    expect(got).toEqual([]);
  },
);

test('frames: announcing 100 MB holds no more than four times what arrived, and gathering it does not copy over and over', () => {
  const announced = 100 * 1_024 * 1_024;
  const splitter = new FrameSplitter(announced);
  const head = Buffer.alloc(4);
  head.writeInt32BE(announced);
  splitter.push(head, () => expect.unreachable());
  expect(splitter.heldBytes).toBe(0);
  splitter.push(Buffer.alloc(100), () => expect.unreachable());
  expect(splitter.heldBytes).toBeLessThanOrEqual(16 * 1_024);
  const chunk = Buffer.alloc(64 * 1_024);
  let arrived = 100;
  let grown = 0;
  let held = splitter.heldBytes;
  let whole = 0;
  while (arrived < announced) {
    const part = chunk.subarray(0, Math.min(chunk.length, announced - arrived));
    arrived += part.length;
    splitter.push(part, (frame) => (whole = frame.length));
    if (whole > 0) break;
    expect(splitter.heldBytes).toBeLessThanOrEqual(4 * arrived);
    if (splitter.heldBytes !== held) grown += 1;
    held = splitter.heldBytes;
  }
  expect(whole).toBe(announced);
  expect(grown).toBeLessThan(20);
});

test('frames: one of which a quarter came first is gathered without moving what came', () => {
  const splitter = new FrameSplitter(1_000_000);
  const stream = framed(Buffer.alloc(128 * 1_024, 7));
  splitter.push(stream.subarray(0, 40_000), () => expect.unreachable());
  expect(splitter.heldBytes).toBe(128 * 1_024);
  let whole: Buffer | undefined;
  splitter.push(stream.subarray(40_000), (frame) => (whole = frame));
  expect(whole).toEqual(stream.subarray(4));
});
