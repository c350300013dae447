/** Lives that chance wrote: what nobody thinks of asking. The same seed writes the same lives. */
import { Prng } from '@odradek/base';
import type { Scenario, Step } from './scenario.ts';
import { beat, configure, elect, fence, grow, isr, list, place } from './steps.ts';
import { reassign, register, remove, unregister, up } from './steps.ts';

const SEED = 455;
const LIVES = 80;
const STEPS = 30;
const BROKERS = [1, 2, 3, 4, 5];
const TOPICS = ['a', 'b'];
const TOPIC_TYPE = 2;
const SET = 0;

export function randomScenarios(): readonly Scenario[] {
  const random = new Prng(SEED);
  return Array.from({ length: LIVES }, (_, at) => {
    const steps: Step[] = [...up(1, 2, 3), ...up(4)];
    steps.push(place('a', some(random, [1, 2, 3, 4], 3), some(random, [1, 2, 3, 4], 3)));
    steps.push(place('b', some(random, [1, 2, 3, 4], 2), some(random, [1, 2, 3, 4], 2)));
    const elr = at % 2 === 1;
    while (steps.length < STEPS) {
      const step = stepOf(random, registered(steps));
      // With ELR Kafka 4.3.1 stumbles over eligible replicas of topics that are gone.
      if (!(elr && step.do === 'admin' && step.kind === 'deleteTopics')) steps.push(step);
    }
    return { name: `life ${at + 1}${elr ? ' (ELR)' : ''}`, elr, steps };
  });
}

/**
 * Brokers that have registered and not been unregistered. They do not register again: Kafka refuses that as long as it
 * hears of the broker at all, ours only while it may lead.
 */
function registered(steps: readonly Step[]): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const step of steps) {
    if (step.do === 'register') ids.add(step.broker);
    if (step.do === 'admin' && step.kind === 'unregisterBroker')
      ids.delete((step.request as { readonly brokerId: number }).brokerId);
  }
  return ids;
}

type Maker = readonly [weight: number, make: (random: Prng) => Step];

const broker = (random: Prng): number => oneOf(random, BROKERS);
const topic = (random: Prng): string => oneOf(random, TOPICS);
const replicas = (random: Prng): number[] => some(random, BROKERS, 1 + random.below(4));

const makers: readonly Maker[] = [
  [10, (random) => beat(broker(random))],
  [5, (random) => fence(broker(random))],
  [1, (random) => unregister(broker(random))],
  [2, (random) => place(topic(random), some(random, BROKERS, 2), some(random, BROKERS, 2))],
  [1, (random) => remove(topic(random))],
  [1, (random) => grow([{ name: topic(random), count: 3, replicas: [some(random, BROKERS, 2)] }])],
  [12, (random) => reassign(topic(random), { [random.below(2)]: replicas(random) }, random.below(5) > 0)],
  [3, (random) => reassign(topic(random), { [random.below(2)]: null })],
  [3, () => list()],
  [26, (random) => isr(topic(random), replicas(random), random.below(2))],
  [4, (random) => elect(random.below(2), { [topic(random)]: [0, 1] })],
  [2, (random) => elect(random.below(2), null)],
  [2, (random) => setting(topic(random), 'unclean.leader.election.enable', oneOf(random, ['true', 'false']))],
  [2, (random) => setting(topic(random), 'min.insync.replicas', oneOf(random, ['1', '2', '3']))],
];

function setting(name: string, key: string, value: string): Step {
  return configure([[TOPIC_TYPE, name, [key, SET, value]]]);
}

function stepOf(random: Prng, known: ReadonlySet<number>): Step {
  const absent = BROKERS.filter((id) => !known.has(id));
  if (absent.length > 0 && random.below(8) === 0) return register(oneOf(random, absent));
  let drawn = random.below(makers.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, make] of makers) {
    if (drawn < weight) return make(random);
    drawn -= weight;
  }
  throw new Error('a weight was drawn that is none');
}

function oneOf<T>(random: Prng, items: readonly T[]): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error('there is nothing to draw');
  return item;
}

/** Different ones, in an order of their own. */
function some(random: Prng, items: readonly number[], count: number): number[] {
  const left = [...items];
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)[0] ?? -1);
}
