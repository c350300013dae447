import { limits as allLimits } from '@odradek/base';
import { record } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { BROKER, Heard, createTopics, drain, outcomeOf, registrationOf, rigOf } from '../testing/rig.ts';
import type { Rig } from '../testing/rig.ts';

const beatOf = (brokerEpoch: number) => ({
  brokerId: BROKER,
  brokerEpoch,
  metadataOffset: 1,
  wantFence: false,
  wantShutDown: false,
  offlineLogDirs: [],
});

const opensOf = ({ metrics }: Rig): number => metrics.value('odradek_controller_session_opens_total', {}) ?? 0;
const isOpen = ({ metrics }: Rig): boolean => metrics.value('odradek_controller_session_open', {}) === 1;

test('link: it registers with whoever is active, follows the metadata, asks and is answered', async () => {
  const rig = rigOf();
  rig.cluster.elect(2);
  const link = rig.link();
  const heard = new Heard();
  const registered = outcomeOf(link.register(registrationOf(rig), 5_000));
  await rig.clock.advance(100);
  expect(registered.value).toEqual({ ok: true, value: { brokerEpoch: 0 } });
  link.subscribe(heard);
  const beaten = outcomeOf(link.heartbeat({ ...beatOf(0), offlineLogDirs: ['AQEBAQEBAQEBAQEBAQEBAQ'] }));
  const answered = outcomeOf(link.submit(createTopics('a', 'b'), 'User:alice'));
  await rig.clock.advance(100);
  expect(beaten.value).toEqual({ ok: true, value: { fenced: false, shouldShutDown: false } });
  expect(answered.value).toMatchObject({ ok: true, value: { committedOffset: 3, reply: { topics: [] } } });
  expect(heard.names).toEqual(['a', 'b']);
  expect(rig.controllers[1]?.beats).toEqual([{ ...beatOf(0), offlineLogDirs: ['AQEBAQEBAQEBAQEBAQEBAQ'] }]);
  expect(rig.controllers[1]?.asked).toEqual([{ request: createTopics('a', 'b'), principal: 'User:alice' }]);
});
