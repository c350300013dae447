/** Where ours decides otherwise than Apache Kafka 4.3.1, on purpose: from which step of which scenario on, and why. */

export type Choice = { readonly at: number; readonly why: string };

const EARLY = 'Kafka looks at what a request says of values where its brokers take it in, ours in the controller too';
const LEFT_OVER = 'Kafka does not take back what the reassignment before was removing when the new one removes nothing';
const STUCK = 'Kafka goes on adding what the new reassignment removes, and waits for it to come in sync';
const KEPT = 'Kafka keeps who was unregistered or reassigned away among the eligible leaders';

const choose = (why: string, chosen: Readonly<Record<string, number>>): [string, Choice][] =>
  Object.entries(chosen).map(([name, at]) => [name, { at, why }]);

export const choices: ReadonlyMap<string, Choice> = new Map([
  ...choose(EARLY, {
    'configs: of topics': 11,
    'configs: of topics, as a whole': 7,
    'configs: of brokers': 4,
    'configs: of groups, client metrics and what is not kept': 12,
  }),
  ...choose(LEFT_OVER, {
    'reassign: fewer replicas, and back before that is done': 9,
    'reassign: fewer replicas, and back before that is done (ELR)': 9,
  }),
  ...choose(STUCK, {
    'reassign: over a reassignment': 14,
    'reassign: over a reassignment (ELR)': 14,
    'reassign: over a reassignment that adds one, with one less': 11,
    'reassign: over a reassignment that adds one, with one less (ELR)': 11,
    'life 4 (ELR)': 18,
    'life 25': 28,
    'life 39': 29,
    'life 71': 21,
  }),
  ...choose(KEPT, {
    'unregister: a broker that is fenced, and comes back (ELR)': 10,
    'unregister: a broker that lives (ELR)': 8,
    'life 10 (ELR)': 14,
    'life 56 (ELR)': 27,
  }),
]);
