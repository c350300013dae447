import { ok, refuse } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { record } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { registered, registration, serving, session, topic } from '../session/testing/hand-link.ts';
import type { MetadataFollower } from './controller-link.ts';

/** A room that takes as long as the test wants. */
function slowRoom() {
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  const take = (what: string): Promise<void> => {
    seen.push(what);
    return new Promise((resolve) => waiting.push(resolve));
  };
  const room: MetadataFollower = {
    snapshot: (image) => take(`snapshot of ${image.topics.size}`),
    changed: (delta) => take([...delta.topicsCreated.values()].map(({ name }) => name).join()),
  };
  return { room, seen, goOn: () => waiting.shift()?.() };
}

const create = { kind: 'createTopics', request: { topics: [], timeoutMs: 0, validateOnly: false } } as const;

test('controller session: joining resolves once every room has taken in all that was committed before', async () => {
  const { room, seen, goOn } = slowRoom();
  const { at, controller } = session([room]);
  const joined: unknown[] = [];
  void at.join(registration).then((outcome) => joined.push(outcome.ok));
  await drain();
  controller.snapshot([registered, topic('a', 0)]);
  await drain();
  expect([seen, joined]).toEqual([['snapshot of 1'], []]);
  goOn();
  await drain();
  expect(joined).toEqual([true]);
});

test('controller session: a controller that does not want this broker is told to who starts it', async () => {
  const { at, controller } = session();
  const duplicate = refuse(ErrorCode.DUPLICATE_BROKER_REGISTRATION, 'another broker has this id');
  controller.registers = () => duplicate;
  expect(await at.join(registration)).toEqual(duplicate);
});

test('controller session: changes reach each room one after another, in order, and a write is answered only when all have it', async () => {
  const { room, seen, goOn } = slowRoom();
  const { at, controller } = session([room]);
  const joining = at.join(registration);
  await drain();
  controller.snapshot([registered]);
  await drain();
  goOn();
  await joining;
  controller.committedOffset = 3;
  const answers: unknown[] = [];
  void at.admin(create, 'User:ANONYMOUS').then((outcome) => answers.push(outcome.ok));
  controller.commit(topic('a', 0));
  controller.commit(topic('b', 1));
  await drain();
  expect([seen, answers]).toEqual([['snapshot of 0', 'a'], []]);
  goOn();
  await drain();
  expect([seen, answers]).toEqual([['snapshot of 0', 'a', 'b'], []]);
  goOn();
  await drain();
  expect(answers).toEqual([true]);
});

test('controller session: a write whose effect does not show in time is answered REQUEST_TIMED_OUT', async () => {
  const { at, controller, clock } = session();
  const joining = at.join(registration);
  await drain();
  controller.snapshot([registered]);
  await joining;
  controller.committedOffset = 9;
  const answer = at.admin(create, 'User:ANONYMOUS');
  await drain();
  await clock.advance(30_000);
  expect(await answer).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
  expect(clock.timerCount).toBe(0);
});

test('controller session: waiting for metadata ends when it holds what was asked, or when the time is over', async () => {
  const { at, controller, clock } = session();
  const joining = at.join(registration);
  await drain();
  controller.snapshot([registered]);
  await joining;
  const held: string[] = [];
  const wait = (name: string, timeoutMs: number): void =>
    void at
      .awaitImage((image) => image.topics.byName(name) !== undefined, timeoutMs)
      .then((holds) => held.push(`${name} ${holds}`));
  wait('soon', 1_000);
  wait('never', 1_000);
  await drain();
  controller.commit(topic('soon', 0));
  await drain();
  expect(held).toEqual(['soon true']);
  await clock.advance(1_000);
  expect(held).toEqual(['soon true', 'never false']);
  expect(clock.timerCount).toBe(0);
});

test('controller session: it asks until it is unfenced, then its heart beats on and tells how far it has applied', async () => {
  const { at, controller, clock, lines } = session();
  const joining = at.join(registration);
  await drain();
  controller.snapshot([registered]);
  await joining;
  let fenced = true;
  controller.beatReply = () => ok({ fenced, shouldShutDown: false });
  const unfenced = at.unfence(5_000);
  await clock.advance(100);
  fenced = false;
  controller.commit(record('UnfenceBrokerRecord', { id: 1, epoch: 0 }));
  await clock.advance(100);
  expect(await unfenced).toEqual({ ok: true, value: undefined });
  const before = controller.beats.length;
  await clock.advance(2_000);
  expect(controller.beats.length - before).toBe(4);
  expect(controller.beats.at(-1)?.metadataOffset).toBe(2);
  controller.beatReply = () => refuse(ErrorCode.REQUEST_TIMED_OUT, 'the controller has too much to do');
  await clock.advance(2_000);
  expect(lines.map(({ message }) => message)).toEqual(['heartbeat refused: the controller has too much to do']);
  controller.beatReply = () => ok({ fenced: false, shouldShutDown: false });
  await clock.advance(1_000);
  expect(lines.slice(1).map(({ message }) => message)).toEqual(['heartbeats are taken again']);
});

test('controller session: a heartbeat that is never answered does not keep the next session waiting for one', async () => {
  const { at, controller } = await serving();
  const before = controller.beats.length;
  controller.heartbeat = (beat) => {
    controller.beats.push(beat);
    return new Promise(() => undefined);
  };
  at.beatNow();
  at.beatNow();
  expect(controller.beats.length - before).toBe(1);
  controller.observer?.opened();
  expect(controller.beats.length - before).toBe(2);
});

test('controller session: unfencing that never comes is given up at the deadline', async () => {
  const { at, controller, clock } = session();
  const joining = at.join(registration);
  await drain();
  controller.snapshot([registered]);
  await joining;
  controller.beatReply = () => ok({ fenced: true, shouldShutDown: false });
  const unfenced = at.unfence(1_000);
  await clock.advance(1_100);
  expect(await unfenced).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
});

test('controller session: leaving waits for the word of the controller, at most its time, and the heart stops', async () => {
  const { at, controller, clock } = session();
  const joining = at.join(registration);
  await drain();
  controller.snapshot([registered]);
  await joining;
  let mayGo = false;
  controller.beatReply = ({ wantShutDown }) => ok({ fenced: false, shouldShutDown: wantShutDown && mayGo });
  controller.commit(record('UnfenceBrokerRecord', { id: 1, epoch: 0 }));
  await at.unfence(1_000);
  const left = at.leave(1_000);
  await clock.advance(100);
  mayGo = true;
  await clock.advance(100);
  expect(await left).toBe(true);
  const beats = controller.beats.length;
  await clock.advance(5_000);
  expect(controller.beats.length).toBe(beats);
});

test('controller session: metadata that cannot be applied stops the process', async () => {
  const { at, controller, bugs } = session();
  void at.join(registration);
  await drain();
  controller.snapshot([registered]);
  await drain();
  controller.commit(record('RemoveTopicRecord', { topicId: 'AQEBAQEBAQEBAQEBAQEBAQ' }));
  await drain();
  expect(bugs.map(String).join()).toContain('a removed topic exists');
});

test('controller session: how long no active controller has answered counts from its last answer, a refusal included', async () => {
  const { at, controller, clock } = session();
  await clock.advance(700);
  expect(at.silentMs).toBe(700);
  const joining = at.join(registration);
  await drain();
  expect(at.silentMs).toBe(0);
  controller.snapshot([registered, record('UnfenceBrokerRecord', { id: 1, epoch: 0 })]);
  await joining;
  controller.beatReply = () => refuse(ErrorCode.INVALID_REQUEST, 'said by somebody who decides');
  await at.unfence(5_000);
  await clock.advance(1_900);
  expect(at.silentMs).toBeLessThan(1_000);
  for (const code of [ErrorCode.NOT_CONTROLLER, ErrorCode.REQUEST_TIMED_OUT]) {
    const before = at.silentMs;
    controller.beatReply = () => refuse(code, 'nobody answers');
    await clock.advance(3_000);
    expect(at.silentMs).toBe(before + 3_000);
  }
  controller.beatReply = () => ok({ fenced: false, shouldShutDown: false });
  await clock.advance(1_000);
  expect(at.silentMs).toBeLessThan(1_000);
  at.close();
});

test('controller session: a broker that has moved registers its new addresses under its epoch, without directories that failed since', async () => {
  const { at, controller, offline, epochs } = await serving([], { ...registration, logDirs: ['kept', 'failed'] });
  const endpoints = [{ name: 'PLAINTEXT', host: '10.0.0.9', port: 9092, securityProtocol: 0, auto: null }];
  const registeredBefore = controller.registrations.length;
  controller.registers = () => refuse(ErrorCode.NOT_CONTROLLER, 'there is no session');
  expect(await at.moved(endpoints)).toBe(false);
  controller.registers = () => ok({ brokerEpoch: at.brokerEpoch });
  offline.push('failed');
  expect(await at.moved(endpoints)).toBe(true);
  const [, last] = controller.registrations.slice(registeredBefore);
  expect(last).toMatchObject({ endpoints, logDirs: ['kept'], incarnationId: registration.incarnationId });
  expect(epochs).toEqual([]);
});

test('controller session: whoever was forgotten when it moved lives on under the epoch that it gets', async () => {
  const { at, controller, epochs } = await serving();
  controller.registers = () => ok({ brokerEpoch: 77 });
  expect(await at.moved([])).toBe(true);
  expect([at.brokerEpoch, epochs]).toEqual([77, [77]]);
});

test('controller session: who leaves does not register anew', async () => {
  const { at, controller } = await serving();
  const before = controller.registrations.length;
  void at.leave(1_000);
  expect(await at.moved([])).toBe(false);
  expect(controller.registrations).toHaveLength(before);
});
