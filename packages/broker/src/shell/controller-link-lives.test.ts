/** What a broker does when its controller changes, forgets it, or tells it the whole state anew. */
import { limits, ok, refuse } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { record } from '@odradek/metadata';
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { registered, registration, serving, session, topic } from '../session/testing/hand-link.ts';
import type { MetadataFollower } from './controller-link.ts';

const unfence = record('UnfenceBrokerRecord', { id: 1, epoch: 0 });
const stale = () => refuse(ErrorCode.STALE_BROKER_EPOCH, 'Expected broker epoch 9, but got broker epoch 0');

/** A room that notes what it is told. */
function room() {
  const told: string[] = [];
  const images: MetadataImage[] = [];
  const names = (delta: MetadataDelta): string =>
    [
      ...[...delta.topicsDeleted.values()].map(({ name }) => `-${name}`),
      ...[...delta.topicsCreated.values()].map(({ name }) => `+${name}`),
      ...[...delta.configs.values()].flatMap((each) => [...each].map((name) => `*${name}`)),
    ].join(' ');
  const follower: MetadataFollower = {
    snapshot: (image) => void told.push(`all of ${image.topics.size}`),
    changed: (delta, image) => {
      told.push(names(delta));
      images.push(image);
    },
  };
  return { follower, told, images };
}

describe('a broker that the controller does not know any more', () => {
  test.each([
    ['another epoch', ErrorCode.STALE_BROKER_EPOCH],
    ['none', ErrorCode.BROKER_ID_NOT_REGISTERED],
  ])('registers again, as the same life, and its heart beats on with its new epoch: %s', async (_, code) => {
    const { at, clock, controller, lines, epochs } = await serving();
    controller.beatReply = ({ brokerEpoch }) =>
      brokerEpoch === 0 ? refuse(code, 'who are you') : ok({ fenced: false, shouldShutDown: false });
    controller.registers = () => ok({ brokerEpoch: 9 });
    await clock.advance(600);
    expect(controller.registrations).toEqual([registration, registration]);
    expect(at.brokerEpoch).toBe(9);
    expect(epochs).toEqual([9]);
    expect(controller.beats.at(-1)?.brokerEpoch).toBe(9);
    expect(lines.map(({ message }) => message)).toContain('this broker has registered again');
  });

  test('and takes another process for it, stops in order', async () => {
    const { clock, controller, faults } = await serving();
    controller.beatReply = stale;
    controller.registers = () => refuse(ErrorCode.DUPLICATE_BROKER_REGISTRATION, 'Another broker is registered');
    await clock.advance(600);
    expect(faults.map(({ message }) => message)).toEqual([
      'the cluster does not take broker 1 any more: Another broker is registered',
    ]);
  });

  test('and cannot be asked, is asked again later', async () => {
    const { at, clock, controller, faults } = await serving();
    controller.beatReply = ({ brokerEpoch }) =>
      brokerEpoch === 0 ? stale() : ok({ fenced: false, shouldShutDown: false });
    controller.registers = () => refuse(ErrorCode.REQUEST_TIMED_OUT, 'no active controller was found in time');
    await clock.advance(600);
    expect([at.brokerEpoch, faults]).toEqual([0, []]);
    controller.registers = () => ok({ brokerEpoch: 4 });
    await clock.advance(600);
    expect(at.brokerEpoch).toBe(4);
  });
});

describe('the heart of a broker beats at once', () => {
  test('when there is a session with another controller', async () => {
    const { controller } = await serving();
    const before = controller.beats.length;
    controller.observer?.opened();
    await drain();
    expect(controller.beats.length).toBe(before + 1);
  });

  test('when it was fenced without asking, and soon again until it is not', async () => {
    const { clock, controller, lines } = await serving();
    const before = controller.beats.length;
    let isFenced = true;
    controller.beatReply = () => ok({ fenced: isFenced, shouldShutDown: false });
    controller.observer?.fenced(0, 'it was silent for 3000 ms');
    await drain();
    await clock.advance(100);
    expect(controller.beats.length - before).toBeGreaterThan(4);
    isFenced = false;
    await clock.advance(40);
    const after = controller.beats.length;
    await clock.advance(400);
    expect(controller.beats.length).toBe(after);
    expect(lines.at(-1)?.message).toBe('the controller has fenced this broker: it was silent for 3000 ms');
    controller.observer?.fenced(77, 'another life');
    await drain();
    expect(controller.beats.length, 'it was another life').toBe(after);
  });

  test('when another broker asks to stop, once it knows who leads instead', async () => {
    const { follower } = room();
    const { controller, bugs } = await serving([follower]);
    const other = {
      ...registered.value,
      brokerId: 2,
      brokerEpoch: 2,
      fenced: false,
      logDirs: ['AgICAgICAgICAgICAgICAg'],
    };
    controller.commit(record('RegisterBrokerRecord', other));
    await drain();
    const before = controller.beats.length;
    const change = {
      brokerId: 2,
      brokerEpoch: 2,
      fenced: 0,
      inControlledShutdown: 1,
      logDirs: [],
      cordonedLogDirs: null,
    };
    controller.commit(record('BrokerRegistrationChangeRecord', change));
    await drain();
    expect(bugs).toEqual([]);
    expect(controller.beats.length).toBe(before + 1);
    expect(controller.beats.at(-1)?.metadataOffset).toBe(controller.endOffset);
  });

  test('when something has happened during a beat, after it', async () => {
    const { at, controller } = await serving();
    const answer = Promise.withResolvers<ReturnType<typeof controller.beatReply>>();
    const heartbeat = controller.heartbeat.bind(controller);
    controller.heartbeat = (beat) => {
      controller.beats.push(beat);
      return answer.promise;
    };
    const before = controller.beats.length;
    at.beatNow();
    at.beatNow();
    at.beatNow();
    await drain();
    expect(controller.beats.length).toBe(before + 1);
    controller.heartbeat = heartbeat;
    answer.resolve(ok({ fenced: false, shouldShutDown: false }));
    await drain();
    expect(controller.beats.length).toBe(before + 2);
  });

  test('with the directories that have failed', async () => {
    const { at, controller, offline } = await serving();
    offline.push('AQEBAQEBAQEBAQEBAQEBAQ');
    at.beatNow();
    await drain();
    expect(controller.beats.at(-1)?.offlineLogDirs).toEqual(['AQEBAQEBAQEBAQEBAQEBAQ']);
  });
});

describe('a directory that fails', () => {
  const failed = async (isHeard: boolean, offlineForMs: number): Promise<string[]> => {
    const { at, clock, controller, offline, faults } = await serving();
    if (!isHeard) controller.beatReply = () => refuse(ErrorCode.NOT_CONTROLLER, 'no session');
    offline.push('AQEBAQEBAQEBAQEBAQEBAQ');
    at.beatNow();
    await drain();
    await clock.advance(offlineForMs);
    return faults.map(({ message }) => message);
  };

  test('and cannot be told to the controller in time, stops the broker in order', async () => {
    expect(await failed(false, 29_000)).toEqual([]);
    expect(await failed(false, 31_000)).toEqual([expect.stringMatching(/log.dir.failure.timeout.ms=30000/)]);
  });

  test('and is told, does not', async () => {
    expect(await failed(true, 31_000)).toEqual([]);
  });
});

describe('a whole state that comes again', () => {
  const state = [registered, unfence];

  test('is told to every room as what it changes, and is what is read from then on', async () => {
    const { follower, told, images } = room();
    const { at, controller, bugs } = await serving([follower]);
    controller.commit(topic('kept', 0), topic('gone', 1));
    await drain();
    const { TOPIC } = ConfigResourceType;
    const set = { resourceType: TOPIC, resourceName: 'kept', name: 'retention.ms', value: '5' };
    controller.snapshot([...state, topic('kept', 0), topic('new', 2), record('ConfigRecord', set)], 20);
    await drain();
    expect(told).toEqual(['all of 0', '', '+kept +gone', '-gone +new *kept']);
    expect(images.at(-1)).toBe(at.image);
    expect(at.image.topics.byName('new')).toBeDefined();
    controller.commit(topic('later', 3));
    await drain();
    expect([told.at(-1), at.image.endOffset, bugs]).toEqual(['+later', 21, []]);
  });

  test('answers who waits for what it holds', async () => {
    const { at, controller } = await serving();
    const held: boolean[] = [];
    void at.awaitImage((image) => image.topics.byName('new') !== undefined, 1_000).then((holds) => held.push(holds));
    controller.snapshot([...state, topic('new', 2)], 20);
    await drain();
    expect(held).toEqual([true]);
  });

  test('and changes nothing is told to nobody', async () => {
    const { follower, told } = room();
    const { at, controller } = await serving([follower]);
    const before = [...told];
    controller.snapshot(state, 20);
    await drain();
    expect([told, at.image.endOffset]).toEqual([before, 20]);
  });

  test.each([
    ['offset', 1, 2],
    ['epoch', 20, 0],
  ])('and goes back stops the broker, in words: its %s is lower', async (_, endOffset, epoch) => {
    const { follower, told } = room();
    const { controller, bugs } = await serving([follower]);
    const before = [...told];
    controller.epoch = epoch;
    controller.snapshot([registered], endOffset);
    await drain();
    expect(bugs.map(String).join()).toMatch(
      /^Error: The metadata goes back: .* this broker has applied it up to offset 2 of epoch 1, the controller has it up to offset/,
    );
    expect(told).toEqual(before);
  });

  test('is taken in pieces, between which others have their turn', async () => {
    const { at, clock, controller } = session();
    void at.join(registration);
    await drain();
    let turns = 0;
    const after = clock.after.bind(clock);
    clock.after = (delayMs, fire) => {
      if (delayMs === 0) turns += 1;
      return after(delayMs, fire);
    };
    const topics = Array.from({ length: 9_000 }, (_, nth) =>
      record('TopicRecord', {
        name: `t${nth}`,
        topicId: Buffer.from(`topic-id-${nth}-------`.slice(0, 16)).toString('base64url'),
      }),
    );
    controller.snapshot([registered, ...topics]);
    await drain();
    expect(at.image.topics.size).toBe(9_000);
    expect(turns).toBe(4);
  });
});

test('controller session: what a broker has not applied is bounded: it says when it has room, and when again', async () => {
  const goOn: (() => void)[] = [];
  const slow: MetadataFollower = {
    snapshot: () => undefined,
    changed: (delta) => (delta.topicsCreated.size === 0 ? undefined : new Promise((resolve) => goOn.push(resolve))),
  };
  const { at, controller } = await serving([slow]);
  const { sessionUnappliedBatchesMax: most } = limits.tiny;
  let told = 0;
  while (controller.observer?.hasRoom() === true) controller.commit(topic(`t${(told += 1)}`, told));
  // One is being applied, beside those that wait.
  expect(told).toBe(most + 1);
  for (let applied = 1; applied <= told; applied += 1) {
    const isHalfDone = applied - 1 > most / 2;
    expect([controller.mores, controller.observer?.hasRoom()]).toEqual([isHalfDone ? 1 : 0, isHalfDone]);
    goOn.shift()?.();
    await drain();
  }
  expect(at.image.topics.size).toBe(told);
});

describe('a broker that leaves', () => {
  test('asks the next controller when the first goes, and goes when that one agrees', async () => {
    const { at, clock, controller } = await serving();
    controller.beatReply = () => refuse(ErrorCode.NOT_CONTROLLER, 'there is no session');
    let left: boolean | undefined;
    void at.leave(1_000).then((agreed) => (left = agreed));
    await clock.advance(100);
    expect(left).toBeUndefined();
    controller.beatReply = ({ wantShutDown }) => ok({ fenced: false, shouldShutDown: wantShutDown });
    controller.observer?.opened();
    await drain();
    expect(left).toBe(true);
    const { length } = controller.beats;
    await clock.advance(2_000);
    expect([controller.beats.length, clock.timerCount]).toEqual([length, 0]);
  });

  test('goes at its deadline when nobody agrees', async () => {
    const { at, clock, controller } = await serving();
    controller.beatReply = () => ok({ fenced: false, shouldShutDown: false });
    let left: boolean | undefined;
    void at.leave(500).then((agreed) => (left = agreed));
    await clock.advance(510);
    expect([left, clock.timerCount]).toEqual([false, 0]);
  });
});
