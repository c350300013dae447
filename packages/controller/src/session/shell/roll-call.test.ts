import { limits } from '@odradek/base';
import { expect, test } from 'vitest';
import { rigOf } from '../testing/host-rig.ts';

const { sessionRollCallMs } = limits.production;
const gone = { brokerId: 7, brokerEpoch: 0, isNodeDown: true };

test('roll call: a broker whose controller is gone and that has not come is lost, once and not before it had time to come', async () => {
  const { cluster, controller, expected, pass, clock } = rigOf();
  expected.push(gone, { brokerId: 8, brokerEpoch: 3, isNodeDown: false });
  cluster.elect(1);
  await pass(sessionRollCallMs - 10);
  expect(controller.lost).toEqual([]);
  await pass(20);
  expect(controller.lost).toEqual([{ brokerId: 7, brokerEpoch: 0 }]);
  await pass(2_000);
  expect(controller.lost, 'the other one has its whole session timeout').toHaveLength(1);
  // Both are fenced by now.
  expected.length = 0;
  await pass(sessionRollCallMs);
  expect(clock.timerCount).toBe(0);
});

test('roll call: who has a session is here, whatever is connected', async () => {
  const { cluster, controller, expected, dial, pass, clock } = rigOf();
  expected.push(gone);
  cluster.elect(1);
  const broker = await dial(7);
  broker.register(7);
  await pass(1_000);
  expect([controller.lost, clock.timerCount]).toEqual([[], 0]);
});

test('roll call: a node that goes while its broker is still awaited is noticed', async () => {
  const { cluster, controller, expected, pass } = rigOf();
  expected.push({ ...gone, isNodeDown: false });
  cluster.elect(1);
  await pass(3 * sessionRollCallMs);
  expect(controller.lost).toEqual([]);
  expected[0] = gone;
  await pass(sessionRollCallMs + 10);
  expect(controller.lost).toEqual([{ brokerId: 7, brokerEpoch: 0 }]);
});

test('roll call: it is called by who is active, and ends when that is another, or when this controller stops', async () => {
  const { cluster, controller, expected, host, pass, clock } = rigOf();
  expected.push(gone);
  cluster.elect(2);
  await pass(1_000);
  cluster.elect(1);
  await pass(sessionRollCallMs / 2);
  cluster.elect(2);
  await pass(1_000);
  expect([controller.lost, clock.timerCount]).toEqual([[], 0]);
  cluster.elect(1);
  await pass(10);
  host.close();
  await pass(1_000);
  expect([controller.lost, clock.timerCount]).toEqual([[], 0]);
});

test('roll call: a broker whose stream breaks is not waited for when its host says that nobody is there', async () => {
  const { cluster, controller, gone: absent, dial, pass } = rigOf();
  cluster.elect(1);
  for (const brokerId of [7, 8]) {
    const broker = await dial(brokerId);
    broker.register(brokerId);
    await pass();
    if (brokerId === 7) absent.add(7);
    broker.stream.destroy('it dies');
    await pass();
  }
  const [seven, eight] = [7, 8].map((id) => controller.lost.filter(({ brokerId }) => brokerId === id));
  expect(seven).toMatchObject([{ brokerId: 7 }, { brokerId: 7, isNodeDown: true }]);
  expect(eight, 'it may come back within the grace').toHaveLength(1);
});

test('roll call: a node that died with the controller before is not waited for either', async () => {
  const { cluster, controller, expected, gone: absent, pass } = rigOf();
  expected.push(gone);
  absent.add(7);
  cluster.elect(1);
  await pass(sessionRollCallMs + 10);
  expect(controller.lost).toEqual([
    { brokerId: 7, brokerEpoch: 0 },
    { brokerId: 7, brokerEpoch: 0, isNodeDown: true },
  ]);
});
