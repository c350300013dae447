/** Who is to own what: the assignors of the consumer protocol, and topics that come, grow and go. */
import { ApiKey } from '@odradek/protocol';
import {
  assigns,
  commit,
  describeConsumers,
  enter,
  fetch,
  getId,
  join,
  offset,
  owns,
  scenario,
  simpleCommit,
  sync,
  tell,
  tellUntil,
  untilConsumers,
  GROUP,
  ORDERS,
  PAIR,
  PAYMENTS,
} from './words.ts';
import { call, quietly, until, type Scenario, type Step } from './scenario.ts';

const all = [ORDERS, PAIR, PAYMENTS];

/** Three members come one by one, and the whole target is told each time. */
const growing = (assignor: string, [ofA, ofB, ofC]: readonly [string[], string[], string[]]): Step[] => {
  const wants = (subscribedTopicNames: readonly string[]) => ({ serverAssignor: assignor, subscribedTopicNames });
  return [
    enter('a', wants(ofA)),
    enter('b', wants(ofB)),
    describeConsumers(),
    enter('c', wants(ofC)),
    describeConsumers(),
  ];
};

/** Then one goes, and another subscribes to more. */
const shrinking = [
  tell('a', -1),
  tell('b', 3, { subscribedTopicNames: [ORDERS, PAIR, 'diff-absent'] }),
  describeConsumers(),
];

/** Which of several equally good targets the uniform assignor makes depends on topic ids in Kafka, so only what it must make is asked for. */
const assignors: Scenario[] = [
  scenario('uniform: members of one topic', growing('uniform', [[ORDERS], [ORDERS], [ORDERS]])),
  scenario('range: members of the same topics', growing('range', [all, all, all]), shrinking),
  scenario('range: members of one topic', growing('range', [[ORDERS], [ORDERS], [ORDERS]]), shrinking),
  scenario(
    'range: members of different topics',
    growing('range', [[ORDERS], [ORDERS, PAIR], [PAIR, PAYMENTS]]),
    shrinking,
  ),
];

const racks: Scenario[] = [
  scenario(
    'a rack is kept, and no topic has one',
    enter('a', { rackId: 'r1' }),
    describeConsumers(),
    tell('a', 2, { rackId: 'r2', topicPartitions: owns(PAIR, 0, 1) }),
    describeConsumers(),
  ),
];

const TOPIC = 'diff-<group>';

const create = call('admin', [ApiKey.CreateTopics, 7], {
  topics: [{ name: TOPIC, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] }],
  timeoutMs: 10_000,
  validateOnly: false,
});
const grow = call('admin', [ApiKey.CreatePartitions, 3], {
  topics: [{ name: TOPIC, count: 2, assignments: null }],
  timeoutMs: 10_000,
  validateOnly: false,
});
const remove = call('admin', [ApiKey.DeleteTopics, 6], {
  topics: [{ name: TOPIC, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
  timeoutMs: 10_000,
});
const untilLed = until([ApiKey.Metadata, 12], { topics: [{ name: TOPIC }] }, ['topics.0.partitions.length', 1]);
const commitThere = { topics: [{ name: TOPIC, partitions: [offset(0, 5)] }] };

const members = { groupId: '<group.members>' } as const;

const changing: Scenario[] = [
  scenario(
    'a topic that members subscribe to comes, grows and goes',
    enter('a', { subscribedTopicNames: [TOPIC] }),
    ...quietly(create),
    tellUntil('a', 2, ['memberEpoch', 3]),
    describeConsumers(),
    ...quietly(grow),
    tellUntil('a', 3, ['memberEpoch', 4]),
    describeConsumers(),
    ...quietly(remove),
    untilConsumers('members.0.targetAssignment.topicPartitions.length', 0),
  ),
  scenario(
    'committed offsets go with their topic',
    ...quietly(create),
    untilLed,
    simpleCommit([], commitThere),
    simpleCommit([offset(0, 6)]),
    getId('a', members),
    join('a', { memberId: '<a>', ...members }),
    sync('a', 1, { assignments: assigns('a'), ...members }),
    commit('a', 1, [], { ...members, ...commitThere }),
    fetch(),
    ...quietly(remove),
    until([ApiKey.OffsetFetch, 9], { groups: [{ groupId: GROUP, topics: null }] }, ['groups.0.topics.length', 1]),
    until([ApiKey.OffsetFetch, 9], { groups: [{ groupId: '<group.members>', topics: null }] }, [
      'groups.0.topics.length',
      0,
    ]),
    fetch(),
  ),
];

export const assignment: readonly Scenario[] = [...assignors, ...racks, ...changing];
