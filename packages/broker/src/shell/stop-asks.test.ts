import type { Limits } from '@odradek/base';
import { drain, SimClock } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { StopAsks } from './stop-asks.ts';

const bounds = { stopWaitMsMax: 1_000, stopWaitersMax: 2, stopLookMs: 100 } satisfies Partial<Limits>;
const nobody = (): void => undefined;

function asks(whyNotStop: () => string | undefined) {
  const clock = new SimClock();
  return { clock, at: new StopAsks({ whyNotStop, clock, limits: bounds }) };
}

test('stop asks: without a wait the answer comes at once, with one when the node may stop or the time is over', async () => {
  let why: string | undefined = 'a copy is missing';
  const { at, clock } = asks(() => why);
  expect(await at.ask(undefined, nobody)).toEqual({ ok: true, value: { mayStop: false, why } });
  const answers: (boolean | undefined)[] = [];
  const ask = (waitMs: string): void =>
    void at.ask(waitMs, nobody).then((answer) => answers.push(answer.ok ? answer.value.mayStop : undefined));
  ask('250');
  ask('1000');
  await clock.advance(249);
  expect(answers).toEqual([]);
  await clock.advance(1);
  expect(answers).toEqual([false]);
  why = undefined;
  await clock.advance(100);
  expect([answers, clock.timerCount]).toEqual([[false, true], 0]);
});

test('stop asks: who went away is not looked for any more, and no more wait than may', async () => {
  let looks = 0;
  const { at, clock } = asks(() => `look ${(looks += 1)}`);
  const gone: (() => void)[] = [];
  const waiting = [at.ask('1000', (go) => gone.push(go)), at.ask('1000', (go) => gone.push(go))];
  const third = await at.ask('1000', nobody);
  expect(third).toEqual({ ok: true, value: { mayStop: false, why: 'look 3 (2 others wait for it already)' } });
  for (const go of gone) go();
  await clock.advance(100);
  await Promise.all(waiting);
  expect([looks, clock.timerCount]).toEqual([5, 0]);
  void at.ask('1000', (go) => gone.push(go));
  await drain();
  expect(clock.timerCount).toBe(1);
});

test('stop asks: a wait that is no number, or too long, is refused with what is allowed', async () => {
  const { at } = asks(() => undefined);
  for (const wrong of ['', '-1', '1.5', 'soon', '1001', '9999999999', ['1', '2']]) {
    const answer = await at.ask(wrong, nobody);
    expect([wrong, answer]).toMatchObject([wrong, { ok: false, code: ErrorCode.INVALID_REQUEST }]);
    expect(answer.ok ? '' : answer.why).toContain('from 0 to 1000');
  }
  expect(await at.ask('1000', nobody)).toMatchObject({ ok: true, value: { mayStop: true } });
});
