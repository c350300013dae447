import { MetricsRegistry, type Logger } from '@odradek/base';
import { expect, test } from 'vitest';
import { Harness } from '../testing/harness.ts';
import { sampleImage } from './image-metrics.ts';
import { tell } from './tell.ts';
import type { Elected } from './tell.ts';

/** A machine that tells of each operation, as the runtime does. */
function telling(): { readonly harness: Harness; readonly lines: string[]; readonly elected: Elected[] } {
  const lines: string[] = [];
  const elected: Elected[] = [];
  const harness = new Harness({ brokers: [1, 2] });
  const note = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
  const log: Logger = {
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    child: () => log,
  };
  const { controller } = harness;
  const handle = controller.handle.bind(controller);
  controller.handle = (op, nowMs) => {
    const handled = handle(op, nowMs);
    const { delta, reply } = handled;
    if (delta !== undefined) elected.push(tell(log, { delta, reply }, controller.image));
    return handled;
  };
  return { harness, lines, elected };
}

test('tell: partitions that nobody leads, and those whose leader may lack records, are told by name', () => {
  const { harness, lines } = telling();
  harness.create({ name: 'orders', replicas: [[1, 2]], configs: { 'unclean.leader.election.enable': 'true' } });
  harness.create({ name: 'safe', replicas: [[1]] });
  harness.beat(2, { wantFence: true });
  harness.beat(1, { wantFence: true });
  expect(lines).toContain('warn without a leader: orders-0, safe-0');
  harness.lose(2);
  harness.register(2);
  harness.beat(2);
  expect(lines).toContain('warn led by a replica that may lack acknowledged records (unclean election): orders-0');
});

test('tell: a leader out of those that are eligible, and one that may lack records, are counted apart', () => {
  const { harness, elected } = telling();
  const sums = (): Elected => ({
    unclean: elected.reduce((sum, { unclean }) => sum + unclean, 0),
    eligible: elected.reduce((sum, { eligible }) => sum + eligible, 0),
  });
  harness.create({ name: 'orders', replicas: [[1, 2]], configs: { 'unclean.leader.election.enable': 'true' } });
  harness.create({ name: 'safe', replicas: [[2]] });
  harness.beat(1, { wantFence: true });
  expect(sums()).toEqual({ unclean: 0, eligible: 0 });
  harness.beat(2, { wantFence: true });
  expect(harness.partition('safe')).toMatchObject({ leader: -1, isr: [], elr: [2] });
  harness.beat(2);
  // Of both topics broker 2 is the one that was in sync last.
  expect(sums()).toEqual({ unclean: 0, eligible: 2 });
  harness.beat(2, { wantFence: true });
  harness.lose(2);
  harness.register(2);
  harness.beat(2);
  expect(sums().unclean).toBeGreaterThan(0);
  expect(sums().eligible).toBe(2);
});

test('metrics: brokers and partitions by state, as the controller knows them', () => {
  const { harness } = telling();
  const metrics = new MetricsRegistry();
  sampleImage(metrics, () => harness.image);
  harness.create({ name: 'orders', replicas: [[1, 2]] }, { name: 'others', replicas: [[2], [2]] });
  harness.beat(2, { wantFence: true });
  const byState = (name: 'odradek_controller_brokers' | 'odradek_controller_partitions') =>
    Object.fromEntries(Array.from(metrics.samples(name), ({ labels, value }) => [labels['state'], value]));
  expect(byState('odradek_controller_brokers')).toEqual({ active: 1, stopping: 0, fenced: 1 });
  expect(byState('odradek_controller_partitions')).toEqual({ all: 3, leaderless: 2, not_preferred: 2, reassigning: 0 });
});
