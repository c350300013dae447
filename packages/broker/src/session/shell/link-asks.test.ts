import { limits as allLimits } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { ControllerLink } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { BROKER, Heard, beatOf, createTopics, following, isOpen, never, outcomeOf } from '../testing/rig.ts';
import { registrationOf, rigOf } from '../testing/rig.ts';
import { drain } from '@odradek/base/testing';

test('link: it registers with whoever is active, follows the metadata, asks and is answered', async () => {
  const rig = rigOf();
  rig.cluster.elect(2);
  const link = rig.link();
  const heard = new Heard();
  const registered = outcomeOf(link.register(registrationOf(rig), 5_000));
  await rig.pass(100);
  expect(registered.value).toEqual({ ok: true, value: { brokerEpoch: 0 } });
  link.subscribe(heard);
  const beaten = outcomeOf(link.heartbeat(beatOf(0)));
  const answered = outcomeOf(link.submit(createTopics('a', 'b'), 'User:alice'));
  await rig.pass(100);
  expect(beaten.value).toEqual({ ok: true, value: { fenced: false, shouldShutDown: false } });
  expect(answered.value).toMatchObject({ ok: true, value: { committedOffset: 3, reply: { topics: [] } } });
  expect(heard.names).toEqual(['a', 'b']);
  const active = rig.controllers[1];
  expect(active?.beats).toEqual([beatOf(0)]);
  expect(active?.asked).toEqual([{ request: createTopics('a', 'b'), principal: 'User:alice' }]);
});

describe('what is asked', () => {
  const asking = (link: ControllerLink) => outcomeOf(link.submit(createTopics('a'), 'User:a'));

  test('for a request of a client says which', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const link = rig.link();
    const answered = outcomeOf(link.submit(createTopics('a'), 'User:a', 'PLAINTEXT-3-17'));
    await rig.pass(100);
    expect(answered.value).toMatchObject({ ok: true });
    const [asked] = rig.controllers.flatMap(({ asked: all }) => all);
    expect(asked?.of).toEqual({ request: 'PLAINTEXT-3-17', broker: BROKER });
  });

  test('before there is a session is asked in the first one', async () => {
    const rig = rigOf();
    const link = rig.link();
    const answered = asking(link);
    await rig.pass(3_000);
    expect(answered.value).toBeUndefined();
    rig.cluster.elect(1);
    await rig.pass(1_200);
    expect(answered.value).toMatchObject({ ok: true });
  });

  test('when no controller is found is refused at its deadline, with what is wrong with each', async () => {
    const rig = rigOf();
    const link = rig.link();
    rig.nodes.get(1)?.kill();
    const answered = asking(link);
    await rig.pass(5_000);
    expect(answered.value).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
    const { why } = answered.value as Extract<Outcome<never>, { ok: false }>;
    expect(why).toMatch(/^no active controller was found in time: node 1 \(c1:9093\) cannot be reached/);
    expect(why).toContain('node 2 (c2:9093) does not know which controller is active');
    expect(rig.controllers.flatMap(({ asked }) => asked)).toEqual([]);
  });

  test('and was refused by a controller that is not active any more goes to the next, once', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link } = await following(rig);
    // It resigns while the request is on its way.
    const answered = asking(link);
    rig.cluster.elect(2);
    await rig.pass(200);
    expect(answered.value).toMatchObject({ ok: true });
    expect(rig.controllers.map(({ asked }) => asked.length)).toEqual([0, 1, 0]);
  });

  test('and may have been decided when the controller was killed is not asked again', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link, heard } = await following(rig);
    const [one] = rig.controllers;
    if (one === undefined) throw never();
    const decide = one.answers;
    one.answers = (request) => decide(request).then(() => new Promise(() => undefined));
    const answered = asking(link);
    await rig.pass(5);
    expect(one.asked).toHaveLength(1);
    rig.nodes.get(1)?.kill();
    rig.cluster.elect(2, [1]);
    await rig.pass(200);
    expect(answered.value).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
    expect((answered.value as { why: string }).why).toMatch(/may or may not have been made$/);
    expect(heard.names).toEqual(['a']);
    expect(rig.controllers[1]?.asked).toEqual([]);
  });

  test('and changes nothing is asked again', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link } = await following(rig);
    const [one, two] = rig.controllers;
    if (one === undefined || two === undefined) throw never();
    one.answers = () => new Promise(() => undefined);
    two.answers = () =>
      Promise.resolve({
        ok: true,
        value: { reply: { throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: [] }, committedOffset: 0 },
      });
    const request = { kind: 'listPartitionReassignments', request: { timeoutMs: 60_000, topics: null } } as const;
    const answered = outcomeOf(link.submit(request, 'User:a'));
    await rig.pass(10);
    rig.nodes.get(1)?.kill();
    rig.cluster.elect(2, [1]);
    await rig.pass(200);
    expect(answered.value).toMatchObject({ ok: true, value: { reply: { topics: [] } } });
  });

  test('and decided under a controller that resigns meanwhile is answered by it', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link } = await following(rig);
    const [one] = rig.controllers;
    if (one === undefined) throw never();
    const decided = Promise.withResolvers<Awaited<ReturnType<typeof one.answers>>>();
    one.answers = () => decided.promise;
    const answered = asking(link);
    await rig.pass(10);
    rig.cluster.elect(2);
    await rig.pass(10);
    expect(isOpen(rig), 'with the new one').toBe(true);
    decided.resolve({ ok: true, value: { reply: { throttleTimeMs: 0, topics: [] }, committedOffset: 4 } });
    await rig.pass(10);
    expect(answered.value).toMatchObject({ ok: true, value: { committedOffset: 4 } });
    expect(rig.streams.streamCount).toBe(1);
  });

  test('and the controller refuses, is refused with its code and words', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link } = await following(rig);
    const [one] = rig.controllers;
    if (one === undefined) throw never();
    one.answers = () => Promise.resolve({ ok: false, code: ErrorCode.POLICY_VIOLATION, why: 'not on a Sunday' });
    const answered = asking(link);
    await rig.pass(10);
    expect(answered.value).toEqual({ ok: false, code: ErrorCode.POLICY_VIOLATION, why: 'not on a Sunday' });
  });

  test('beyond what may wait is refused at once', async () => {
    const rig = rigOf({ limits: allLimits.tiny });
    const link = rig.link();
    const waiting = Array.from({ length: allLimits.tiny.sessionRequestsMax }, () => asking(link));
    const more = asking(link);
    await drain();
    expect(more.value).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
    expect((more.value as { why: string }).why).toMatch(/nothing was done/);
    rig.cluster.elect(1);
    await rig.pass(1_000);
    expect(waiting.every(({ value }) => value?.ok === true)).toBe(true);
  });

  test('and not answered by a controller that decides nothing is given up at its deadline', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const { link } = await following(rig);
    const [one] = rig.controllers;
    if (one === undefined) throw never();
    one.answers = () => new Promise(() => undefined);
    const answered = asking(link);
    await rig.pass(5_000);
    expect(answered.value).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
    expect(isOpen(rig)).toBe(true);
  });
});

describe('a registration', () => {
  test('is tried again while another process has the id, and then passed on in words', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const [one] = rig.controllers;
    if (one === undefined) throw never();
    const duplicate = {
      ok: false,
      code: ErrorCode.DUPLICATE_BROKER_REGISTRATION,
      why: 'another broker 7 lives',
    } as const;
    const take = one.registers;
    one.registers = () => duplicate;
    const first = outcomeOf(rig.link().register(registrationOf(rig), 60_000));
    await rig.pass(2_000);
    expect(first.value).toBeUndefined();
    one.registers = take;
    await rig.pass(1_000);
    expect(first.value).toMatchObject({ ok: true });
    one.registers = () => duplicate;
    const second = outcomeOf(rig.link().register(registrationOf(rig), 60_000));
    await rig.pass(5_000);
    expect(second.value).toEqual(duplicate);
  });

  const open = { name: 'OPEN', host: '10.0.0.7', port: 9094, securityProtocol: 0 };
  const auto = { machine: 'm', networks: ['10.0.0.7/24', 'fd00::7/64'], outside: { host: null, port: 9094 } };
  test.each([
    {},
    { previousBrokerEpoch: 0 },
    { previousBrokerEpoch: 41, rack: null },
    { endpoints: [{ ...open, auto }] },
    { endpoints: [{ ...open, auto: { ...auto, networks: [], outside: { host: 'o', port: 65_535 } } }] },
  ])('comes to the controller as it was said: %o', async (more) => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const [one] = rig.controllers;
    if (one === undefined) throw never();
    const said = { ...registrationOf(rig), ...more };
    let came: unknown;
    one.registers = (registration) => {
      came = registration;
      return { ok: true, value: { brokerEpoch: 3 } };
    };
    const outcome = outcomeOf(rig.link().register(said, 60_000));
    await rig.pass(100);
    expect(came).toEqual(said);
    expect(outcome.value).toEqual({ ok: true, value: { brokerEpoch: 3 } });
  });

  test('of a wrong kind is passed on at once', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const [one] = rig.controllers;
    if (one === undefined) throw never();
    const refused = { ok: false, code: ErrorCode.UNSUPPORTED_VERSION, why: 'too old' } as const;
    one.registers = () => refused;
    const outcome = outcomeOf(rig.link().register(registrationOf(rig), 60_000));
    await rig.pass(100);
    expect(outcome.value).toEqual(refused);
  });

  test('of a broker of another cluster is refused when all have said so', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const outcome = outcomeOf(rig.link({ clusterId: 'another-one' }).register(registrationOf(rig), 60_000));
    await rig.pass(100);
    expect(outcome.value).toMatchObject({ ok: false, code: ErrorCode.INVALID_REGISTRATION });
    expect((outcome.value as { why: string }).why).toContain('belongs to cluster another-one');
  });

  test('that finds no controller is refused at its deadline', async () => {
    const rig = rigOf({ controllers: 1 });
    rig.nodes.get(1)?.kill();
    const outcome = outcomeOf(rig.link().register(registrationOf(rig), 2_000));
    await rig.pass(2_000);
    expect(outcome.value).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
    expect((outcome.value as { why: string }).why).toContain('node 1 (c1:9093) cannot be reached');
  });

  test('whose answer was lost is asked for again, and is the same', async () => {
    const rig = rigOf();
    rig.cluster.elect(1);
    const link = rig.link();
    const outcome = outcomeOf(link.register(registrationOf(rig), 5_000));
    while (rig.cluster.registered.size === 0) await rig.pass(1);
    rig.streams.reset(BROKER, 1);
    await rig.pass(100);
    expect(outcome.value).toEqual({ ok: true, value: { brokerEpoch: 0 } });
    expect(rig.cluster.endOffset).toBe(1);
  });
});
