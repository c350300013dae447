/** What controllers are asked of topics and configurations, written by hand: each API, good and bad. */
import type { Scenario } from './scenario.ts';
import { scenariosOfPartitions } from './scenarios-of-partitions.ts';
import {
  admin,
  beat,
  configure,
  configureWhole,
  create,
  fence,
  grow,
  place,
  plain,
  register,
  remove,
  up,
} from './steps.ts';

const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];
const [TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP] = [2, 4, 8, 16, 32];

const topics: readonly Scenario[] = [
  ...plain('create: one broker places by itself, and defaults count', [
    ...up(1),
    create([
      { name: 'a', partitions: 2 },
      { name: 'b', partitions: -1, factor: -1 },
    ]),
    create([{ name: 'c', configs: { 'retention.ms': '1000', 'cleanup.policy': 'compact' } }]),
    create([{ name: 'd' }], true),
    create([{ name: 'a' }, { name: 'd' }]),
  ]),
  ...plain('create: names', [
    ...up(1),
    create([{ name: '' }, { name: '.' }, { name: '..' }, { name: 'a b' }, { name: 'ä' }, { name: 'x'.repeat(250) }]),
    create([{ name: 'x'.repeat(249) }, { name: '__cluster_metadata' }, { name: '__consumer_offsets' }]),
    create([{ name: 'twice' }, { name: 'twice' }, { name: 'once' }]),
    create([]),
  ]),
  ...plain('create: collisions of . and _', [
    ...up(1),
    create([{ name: 'a.b' }, { name: 'a_b' }]),
    create([{ name: 'a.b' }, { name: 'a_b' }]),
    create([{ name: 'c.d' }]),
    create([{ name: 'c_d' }, { name: 'c.d' }, { name: 'c-d' }]),
    remove('c.d'),
    create([{ name: 'c_d' }]),
  ]),
  ...plain('create: counts and factors', [
    ...up(1, 2),
    create([
      { name: 'a', partitions: 0 },
      { name: 'b', partitions: -2 },
      { name: 'c', factor: 0 },
    ]),
    create([
      { name: 'a', factor: -2 },
      { name: 'b', factor: 3 },
      { name: 'c', partitions: 0, factor: 0 },
    ]),
    create([{ name: 'a', partitions: 10_001 }, { name: 'b' }]),
    create([
      { name: 'a', partitions: 6_000 },
      { name: 'b', partitions: 4_001 },
    ]),
  ]),
  ...plain('create: no broker lives', [
    create([{ name: 'a' }, { name: 'b', replicas: [[1]] }]),
    register(1),
    create([{ name: 'a' }, { name: 'b', replicas: [[1]] }]),
    beat(1),
    register(2),
    create([
      { name: 'c', replicas: [[1, 2]] },
      { name: 'd', replicas: [[2, 1]] },
      { name: 'e', factor: 2 },
    ]),
  ]),
  ...plain('create: given replicas', [
    ...up(1, 2, 3),
    create([
      {
        name: 'a',
        replicas: [
          [1, 2],
          [2, 3],
          [3, 1],
        ],
      },
    ]),
    create([
      { name: 'b', replicas: [[7]] },
      { name: 'c', replicas: [[1, 1]] },
      { name: 'd', replicas: [[]] },
    ]),
    create([
      { name: 'b', replicas: [[1, 2], [1]] },
      { name: 'c', replicas: [[1]], factor: 1 },
    ]),
    create([
      { name: 'b', replicas: [[1]], partitions: 1 },
      { name: 'c', replicas: [[3, 1, 7, 1]] },
    ]),
    create([{ name: 'b', assignments: [{ partitionIndex: 1, brokerIds: [1] }] }]),
    create([
      {
        name: 'b',
        assignments: [
          { partitionIndex: 1, brokerIds: [2] },
          { partitionIndex: 0, brokerIds: [1] },
        ],
      },
    ]),
    create([
      {
        name: 'c',
        assignments: [
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 0, brokerIds: [2] },
        ],
      },
    ]),
    create([{ name: 'c', assignments: [{ partitionIndex: -1, brokerIds: [1] }] }]),
    create([{ name: 'c', replicas: [[1]] }], true),
  ]),
  ...plain('create: configs', [
    ...up(1),
    create([
      { name: 'a', configs: { 'retention.ms': null, 'segment.ms': null } },
      { name: 'b', configs: { foo: 'bar' } },
    ]),
    create([
      { name: 'a', configs: { 'retention.ms': 'abc' } },
      { name: 'b', configs: { 'cleanup.policy': 'nope' } },
    ]),
    create([
      { name: 'a', configs: { 'min.insync.replicas': '0' } },
      { name: 'b', configs: { 'compression.type': 'x' } },
    ]),
    create([{ name: 'a', configs: { 'segment.bytes': '1048576', 'max.message.bytes': '5' } }]),
  ]),
  ...plain('delete: by name and by id', [
    ...up(1),
    create([{ name: 'a' }, { name: 'b', configs: { 'retention.ms': '5' } }, { name: 'c' }]),
    remove('a', '<b>', 'nope'),
    remove('c', 'c'),
    admin('deleteTopics', {
      topics: [
        { name: 'c', topicId: '<c>' },
        { name: null, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
        { name: null, topicId: 'AAAAAAAAAAAAAAAAAAAAZQ' },
      ],
      topicNames: [],
      timeoutMs: 1_000,
    }),
    admin('deleteTopics', {
      topics: [
        { name: 'c', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
        { name: null, topicId: '<c>' },
      ],
      topicNames: [],
      timeoutMs: 1_000,
    }),
    remove('c'),
  ]),
  ...plain('grow: counts', [
    ...up(1, 2),
    place('a', [1, 2]),
    grow([
      { name: 'a', count: 1 },
      { name: 'nope', count: 3 },
    ]),
    grow([{ name: 'a', count: 0 }]),
    grow([{ name: 'a', count: -1 }]),
    grow([
      { name: 'a', count: 2 },
      { name: 'a', count: 3 },
    ]),
    grow(
      [
        {
          name: 'a',
          count: 3,
          replicas: [
            [1, 2],
            [2, 1],
          ],
        },
      ],
      true,
    ),
    grow([
      {
        name: 'a',
        count: 3,
        replicas: [
          [1, 2],
          [2, 1],
        ],
      },
    ]),
  ]),
  ...plain('grow: given replicas', [
    ...up(1, 2),
    register(3),
    place('a', [1, 2]),
    grow([{ name: 'a', count: 3, replicas: [[1, 2]] }]),
    grow([{ name: 'a', count: 2, replicas: [[1]] }]),
    grow([{ name: 'a', count: 2, replicas: [[1, 1]] }]),
    grow([{ name: 'a', count: 2, replicas: [[1, 9]] }]),
    grow([{ name: 'a', count: 2, replicas: [[]] }]),
    grow([{ name: 'a', count: 2, replicas: [[3, 1]] }]),
    fence(1),
    grow([{ name: 'a', count: 3, replicas: [[3, 1]] }]),
    fence(2),
    grow([{ name: 'a', count: 3 }]),
  ]),
];

const configs: readonly Scenario[] = [
  ...plain('configs: of topics', [
    ...up(1),
    place('a', [1]),
    configure([[TOPIC, 'a', ['retention.ms', SET, '1000'], ['cleanup.policy', APPEND, 'compact']]]),
    configure([[TOPIC, 'a', ['cleanup.policy', SUBTRACT, 'delete'], ['retention.ms', DELETE, null]]]),
    configure([[TOPIC, 'a', ['retention.ms', APPEND, '5']]]),
    configure([[TOPIC, 'a', ['foo', SET, 'bar']]]),
    configure([[TOPIC, 'a', ['foo', DELETE, null]]]),
    configure([[TOPIC, 'a', ['retention.ms', SET, 'x']]]),
    configure([
      [TOPIC, 'nope', ['retention.ms', SET, '5']],
      [TOPIC, '', ['retention.ms', SET, '5']],
    ]),
    configure([[TOPIC, 'b d', ['retention.ms', SET, '5']]]),
    configure([
      [TOPIC, 'a', ['retention.ms', SET, '5']],
      [TOPIC, 'a', ['retention.ms', SET, '6']],
    ]),
    configure([[TOPIC, 'a', ['retention.ms', SET, '5']]], true),
    configure([[TOPIC, 'a', ['retention.ms', SET, '7']]]),
    configure([[TOPIC, 'a', ['retention.ms', SET, '7']]]),
  ]),
  ...plain('configs: of topics, as a whole', [
    ...up(1),
    place('a', [1]),
    configureWhole([[TOPIC, 'a', { 'retention.ms': '1000', 'segment.ms': '500' }]]),
    configureWhole([[TOPIC, 'a', { 'retention.ms': '1000' }]]),
    configureWhole([
      [TOPIC, 'a', {}],
      [TOPIC, 'nope', { 'retention.ms': '5' }],
    ]),
    configureWhole([[TOPIC, 'a', { foo: 'bar' }]]),
    configureWhole([[TOPIC, 'a', { 'retention.ms': null }]]),
    configureWhole([[TOPIC, 'a', { 'retention.ms': 'x' }]], true),
  ]),
  ...plain('configs: of brokers', [
    ...up(1),
    configure([
      [BROKER, '1', ['log.cleaner.threads', SET, '2']],
      [BROKER, '', ['log.cleaner.threads', SET, '3']],
    ]),
    configure([[BROKER, '7', ['log.cleaner.threads', SET, '2']]]),
    configure([[BROKER, 'x', ['log.cleaner.threads', SET, '2']]]),
    configure([[BROKER, '-1', ['log.cleaner.threads', SET, '2']]]),
    configure([[BROKER, '1', ['log.cleaner.threads', SET, 'abc']]]),
    configure([
      [BROKER, '1', ['log.cleaner.threads', DELETE, null]],
      [BROKER, '', ['log.cleaner.threads', DELETE, null]],
    ]),
    configureWhole([[BROKER, '1', { 'log.cleaner.threads': '2' }]]),
    configureWhole([[BROKER, '1', {}]]),
  ]),
  ...plain('configs: of groups, client metrics and what is not kept', [
    ...up(1),
    configure([[GROUP, 'g', ['consumer.session.timeout.ms', SET, '50000']]]),
    configure([[GROUP, 'g', ['consumer.session.timeout.ms', SET, '1']]]),
    configure([[GROUP, '', ['consumer.session.timeout.ms', SET, '50000']]]),
    configure([[GROUP, 'g', ['foo', SET, '1']]]),
    configure([[GROUP, 'g', ['consumer.session.timeout.ms', DELETE, null]]]),
    configure([
      [CLIENT_METRICS, 'm', ['interval.ms', SET, '1000'], ['metrics', SET, 'a,b'], ['match', SET, 'client_id=x.*']],
    ]),
    configure([[CLIENT_METRICS, 'm', ['interval.ms', SET, '1']]]),
    configure([[CLIENT_METRICS, 'm', ['match', SET, 'nope=x']]]),
    configure([[CLIENT_METRICS, 'm', ['foo', SET, 'x']]]),
    configure([[CLIENT_METRICS, '', ['interval.ms', SET, '1000']]]),
    configure([[LOGGER, '1', ['root', SET, 'INFO']]]),
    configure([[99, '1', ['root', SET, 'INFO']]]),
    configureWhole([[CLIENT_METRICS, 'm', {}]]),
  ]),
];

/** Topics and brokers of one are gone before the next begins. */
export const scenarios: readonly Scenario[] = [...topics, ...scenariosOfPartitions, ...configs];
