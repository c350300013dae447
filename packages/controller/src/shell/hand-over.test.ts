import { afterEach, expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { Controllers, ReadImage, create, joined } from '../testing/controllers.ts';

let open: Controllers | undefined;
afterEach(() => open?.close());

test('hand-over: of what is asked meanwhile nobody has to guess what came of it', async () => {
  const controllers = await new Controllers(5).start();
  open = controllers;
  let counts = { made: 0, refused: 0 };
  for (let round = 0; round < 5; round += 1) {
    const active = await controllers.active();
    await joined(controllers, active, 1);
    const asked: ReturnType<typeof create>[] = [];
    const ask = (): number => asked.push(create(active, { name: `t-${round}-${asked.length}` }));
    ask();
    await controllers.pass(1);
    let isOver = false;
    const handing = active.running.handOver(2_000).then(() => (isOver = true));
    while (!isOver) {
      ask();
      await controllers.pass(1);
    }
    await controllers.got(handing);
    const outcomes = await controllers.got(Promise.all(asked));
    const next = await controllers.active();
    expect(next.id).not.toBe(active.id);
    const reader = new ReadImage(next);
    await controllers.pass(50);
    for (const [at, outcome] of outcomes.entries()) {
      if (!outcome.ok) expect(outcome.code, outcome.why).toBe(ErrorCode.NOT_CONTROLLER);
      expect(reader.image.topics.byName(`t-${round}-${at}`) !== undefined).toBe(outcome.ok);
    }
    const made = outcomes.filter(({ ok }) => ok).length;
    counts = { made: counts.made + made, refused: counts.refused + outcomes.length - made };
    await controllers.pass(300);
  }
  expect(counts.made).toBeGreaterThan(0);
  expect(counts.refused).toBeGreaterThan(0);
});

test('hand-over: to nobody who can take it, it ends at its deadline, and what waited is decided', async () => {
  const controllers = await new Controllers(3).start();
  open = controllers;
  const active = await controllers.active();
  await joined(controllers, active, 1);
  for (const other of controllers.others(active)) controllers.streams.cut(active.id, other.id);
  const handing = active.running.handOver(30);
  await controllers.pass(10);
  const asked = create(active, { name: 'meanwhile' });
  await controllers.pass(30);
  controllers.streams.healAll();
  await controllers.got(handing);
  const outcome = await controllers.got(asked);
  expect(outcome.ok || outcome.code === ErrorCode.NOT_CONTROLLER).toBe(true);
});
