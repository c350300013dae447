import { ok, refuse } from '@odradek/base';
import { drain, SimClock } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { ProducerIds } from './producer-ids.ts';

const LENGTH = 10;

function idsFrom(allocate: (call: number) => Promise<Awaited<ReturnType<Allocate>>>): {
  readonly ids: ProducerIds;
  readonly clock: SimClock;
  readonly calls: () => number;
} {
  const clock = new SimClock();
  let calls = 0;
  const ids = new ProducerIds({ clock, allocate: () => allocate(calls++) });
  return { ids, clock, calls: () => calls };
}

type Allocate = ConstructorParameters<typeof ProducerIds>[0]['allocate'];
const block = (call: number): Awaited<ReturnType<Allocate>> =>
  ok({ errorCode: ErrorCode.NONE, producerIdStart: call * LENGTH, producerIdLen: LENGTH });

test('producer ids: producers that come at once share one request to the controller', async () => {
  const { ids, calls } = idsFrom(async (call) => block(call));
  const given = await Promise.all(Array.from({ length: 5 }, () => ids.next()));
  expect(given).toEqual([0, 1, 2, 3, 4].map((id) => ok(id)));
  expect(calls()).toBe(1);
});

test('producer ids: the next block is asked for before the present one is used up', async () => {
  const { ids, calls } = idsFrom(async (call) => block(call));
  for (let count = 0; count < 8; count += 1) await ids.next();
  expect(calls()).toBe(1);
  await ids.next();
  await drain();
  expect(calls()).toBe(2);
  for (let id = 9; id < 18; id += 1) expect(await ids.next()).toEqual(ok(id));
});

test('producer ids: a controller that does not answer in time makes the producer come again', async () => {
  const { ids, clock } = idsFrom(() => new Promise(() => undefined));
  const asked = ids.next();
  await clock.advance(1_000);
  expect(await asked).toMatchObject({ ok: false, code: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS });
});

test('producer ids: a controller that refuses or fails makes the producer come again, and is asked anew then', async () => {
  const { ids } = idsFrom(async (call) => {
    if (call === 0) return refuse(ErrorCode.NOT_CONTROLLER, 'there is no controller');
    if (call === 1) throw new Error('the stream broke');
    if (call === 2) return ok({ errorCode: ErrorCode.STALE_BROKER_EPOCH, producerIdStart: 0, producerIdLen: 0 });
    return block(call);
  });
  const codes = [];
  for (let count = 0; count < 3; count += 1) {
    const outcome = await ids.next();
    codes.push(outcome.ok ? 0 : outcome.code);
  }
  expect(codes).toEqual(Array(3).fill(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS));
  expect(await ids.next()).toEqual(ok(3 * LENGTH));
});
