/** Every check: a cluster that is well has no finding, and for each kind there is a cluster that has it, and what it then reads. */
import { describe, expect, test } from 'vitest';
import type { BrokerFacts, Facts, LogDir, PartitionFacts, Place } from './facts.ts';
import {
  GIB,
  CLUSTER,
  met,
  place,
  dir,
  broker,
  withConfigs,
  partition,
  topic,
  NOW_MS,
  voter,
  quorum,
  clock,
  read,
  group,
  sound,
} from '../../testing/doctor-facts.ts';
import { checks, examine, reportLines } from './report.ts';

const plain = (_style: string, text: string): string => text;

const at = (...dialled: Place['dialled'][number][]): Place => ({
  host: 'kafka',
  port: 9092,
  unresolved: undefined,
  dialled,
});
const others = [broker(2), broker(3)];
const refused = { ip: '10.0.0.9', met: { kind: 'unreached', cause: 'ECONNREFUSED' } } as const;
const nameless: Place = { host: 'kafka-x', port: 9092, unresolved: 'ENOTFOUND', dialled: [] };
const first = (change: Partial<BrokerFacts>): Partial<Facts> => ({ brokers: [broker(1, change), ...others] });
const one = (change: Partial<PartitionFacts>): Partial<Facts> => ({
  topics: [topic({ partitions: [partition(change)] })],
});
const disk = (change: Partial<LogDir>): Partial<Facts> => first({ logDirs: [{ ...dir, ...change }] });
const configured = (...configs: [string, string][]): Partial<Facts> => ({
  brokers: [1, 2, 3].map((id) => withConfigs(id, ...configs)),
});
const topical = (...configs: [string, string][]): Partial<Facts> => ({ topics: [topic({}, ...configs)] });

/** What is wrong with the cluster, and words that the finding must have. */
type Case = readonly [kind: string, change: Partial<Facts>, ...words: string[]];

const cases: readonly Case[] = [
  ['bootstrap-name-unknown', { bootstrap: [nameless, place('kafka-1', 1)] }, 'kafka-x:9092', 'ENOTFOUND'],
  ['bootstrap-unreached', { bootstrap: [at(refused)] }, 'kafka:9092', '10.0.0.9', 'nothing listens there'],
  ['advertised-name-unknown', first({ place: nameless }), 'broker 1', 'kafka-x:9092', 'ENOTFOUND'],
  ['advertised-unreached', first({ place: at(refused) }), 'broker 1', 'kafka:9092', 'advertised.listeners of broker 1'],
  [
    'one-address-of-several',
    { bootstrap: [at({ ip: '::1', met: refused.met }, { ip: '127.0.0.1', met: met(1) })] },
    'answers at 127.0.0.1',
    '::1 does not (ECONNREFUSED',
  ],
  ['tls-there', first({ place: at({ ip: '10.0.0.9', met: { kind: 'tls' } }) }), 'speaks TLS', 'security.protocol=SSL'],
  ['http-there', { bootstrap: [at({ ip: '10.0.0.9', met: { kind: 'http' } })] }, 'HTTP server', 'kafka:9092'],
  [
    'sasl-there',
    { bootstrap: [at({ ip: '10.0.0.9', met: { kind: 'sasl', mechanisms: ['PLAIN', 'SCRAM-SHA-256'] } })] },
    'SASL PLAIN, SCRAM-SHA-256',
  ],
  ['controller-there', { bootstrap: [at({ ip: '10.0.0.9', met: { kind: 'controller' } })] }, "controller's listener"],
  ['silence-there', { bootstrap: [at({ ip: '10.0.0.9', met: { kind: 'silent' } })] }, 'does not answer'],
  ['stranger-there', { bootstrap: [at({ ip: '10.0.0.9', met: { kind: 'foreign', firstBytes: '"-ERR"' } })] }, '"-ERR"'],
  [
    'bootstrap-other-cluster',
    { bootstrap: [place('kafka-1', 1), at({ ip: '10.0.0.9', met: met(1, 'of-that') })] },
    'of-that',
    CLUSTER,
  ],
  ['advertised-other-cluster', first({ place: at({ ip: '10.0.0.9', met: met(1, 'of-that') }) }), 'broker 1', 'of-that'],
  ['advertised-other-broker', first({ place: place('kafka', 3) }), 'broker 1', 'where broker 3 answers'],
  [
    'advertised-shared',
    { brokers: [broker(1), broker(2, { place: { ...place('kafka-1', 1) } }), broker(3)] },
    'brokers 1, 2',
    'kafka-1:9092',
  ],
  ['advertised-loopback', first({ place: place('localhost', 1) }), 'localhost:9092', "client's own machine"],
  ['advertised-wildcard', first({ place: place('0.0.0.0', 1) }), '0.0.0.0:9092'],
  [
    'advertised-doubted',
    first({
      addressProblems: [
        {
          what: 'HOST://kafka-x:9094: this machine knows no address of kafka-x',
          advice: 'check the name that is advertised',
        },
      ],
    }),
    'broker 1',
    'kafka-x',
    'check the name',
  ],
  ['broker-fenced', first({ isFenced: true }), 'broker 1', 'fenced', 'unregister --id 1'],

  ['quorum-without-leader', { quorum: { ...quorum(voter(1)), leaderId: -1 } }, 'epoch 4 has no leader'],
  [
    'controller-silent',
    { quorum: quorum(voter(1), voter(2), voter(3, { fetchedAgoMs: 20_000 })) },
    'controller 3',
    '20 s',
  ],
  ['broker-out-of-touch', first({ controllerSilentMs: 45_000 }), 'broker 1', '45 s'],
  ['quorum-at-risk', { quorum: quorum(voter(1), voter(2), voter(3, { fetchedAgoMs: 20_000 })) }, '2 of 3', 'one more'],
  [
    'controller-behind',
    { quorum: quorum(voter(1), voter(2), voter(3, { lag: 70, caughtUpAgoMs: 60_000 })) },
    'controller 3',
    '70 records',
    '1 min',
  ],
  [
    'broker-metadata-behind',
    { quorum: quorum(voter(1), voter(2), voter(3), voter(4, { isVoter: false, lag: 1, caughtUpAgoMs: 15_000 })) },
    'broker 4',
    '1 record of',
  ],
  ['quorum-even', { quorum: quorum(voter(1), voter(2)) }, '2 controllers vote', 'none of them may fail'],
  ['quorum-of-one', { quorum: quorum(voter(1)) }, '3 brokers'],

  ['partition-without-leader', one({ leader: undefined, isr: [3] }), '1 partition can', 'orders-0'],
  ['partition-under-min-isr', one({ isr: [1] }), 'orders-0', 'acks=all are refused'],
  ['partition-under-replicated', one({ isr: [1, 2] }), 'orders-0', 'not in sync'],
  ['replica-on-unknown-broker', one({ replicas: [1, 2, 7], isr: [1, 2] }), 'broker 7', '1 replica is assigned'],
  ['replica-offline', one({ offline: [3], isr: [1, 2] }), 'orders-0', 'cannot open'],
  ['leader-not-preferred', one({ leader: 2 }), 'orders-0', 'first replica'],
  ['topic-single-copy', one({ replicas: [1], isr: [1] }), 'one copy', 'orders'],
  [
    'internal-topic-single-copy',
    {
      topics: [
        topic({ name: '__consumer_offsets', isInternal: true, partitions: [partition({ replicas: [1], isr: [1] })] }),
      ],
    },
    '__consumer_offsets',
  ],

  ['log-dir-offline', disk({ wrong: 'KAFKA_STORAGE_ERROR' }), '/data of broker 1', 'KAFKA_STORAGE_ERROR'],
  ['disk-full', disk({ usableBytes: 4 * GIB }), '/data of broker 1', '4.0 GiB of 100 GiB', '4 %'],
  ['disk-low', disk({ usableBytes: 10 * GIB }), '10 GiB of 100 GiB', '10 %'],
  [
    'retention-beyond-disk',
    topical(['retention.bytes', String(200 * GIB)]),
    'broker 1',
    '201 GiB',
    '100 GiB',
    'orders',
  ],
  ['log-dir-cordoned', disk({ isCordoned: true }), '/data of broker 1', 'cordoned'],
  ['replica-moving', disk({ future: [{ name: 'orders-0', lag: 40 }] }), 'orders-0 (40 records to go)'],

  [
    'clocks-far-apart',
    { clocks: [clock('broker 1', 0), clock('broker 2', 120_000)] },
    'broker 2',
    'of broker 1',
    '2 min',
  ],
  [
    'clocks-apart',
    { clocks: [clock('broker 1', 0), clock('broker 2', -3_010)] },
    'broker 1 is at least 3 s ahead',
    'broker 2',
  ],
  ['clock-other-than-here', { clocks: [clock('broker 1', -5_005)] }, 'broker 1 is at least 5 s behind'],
  ['records-from-the-future', { topics: [topic({ newestRecordMs: NOW_MS + 7_200_000 })] }, 'orders (2 h ahead)'],

  ['min-isr-beyond-copies', topical(['min.insync.replicas', '4']), 'orders (4 of 3)'],
  ['min-isr-all-copies', topical(['min.insync.replicas', '3']), 'orders (3 of 3)'],
  ['min-isr-of-one', topical(['min.insync.replicas', '1']), 'orders (1 of 3)'],
  [
    'offsets-copies-beyond-brokers',
    configured(['offsets.topic.replication.factor', '5']),
    'is 5, and 3 brokers are registered',
  ],
  [
    'internal-copies-beyond-brokers',
    configured(['transaction.state.log.replication.factor', '5']),
    'is 5, and 3 brokers are registered',
  ],
  [
    'default-copies-beyond-brokers',
    configured(['default.replication.factor', '4']),
    'is 4, and 3 brokers are registered',
  ],
  [
    'config-differs',
    { brokers: [broker(1), withConfigs(2, ['num.partitions', '3']), withConfigs(3, ['num.partitions', '6'])] },
    "num.partitions is '3' on broker 2, '6' on broker 3",
  ],
  ['request-below-message', configured(['socket.request.max.bytes', '1000']), 'broker 1', '1000 bytes', '1.0 MiB'],
  ['topic-message-beyond-request', topical(['max.message.bytes', '209715200']), 'orders (200 MiB)', '100 MiB'],
  ['replica-fetch-below-message', configured(['replica.fetch.max.bytes', '1024']), 'replica.fetch.max.bytes (1.0 KiB)'],
  ['unclean-election-allowed', topical(['unclean.leader.election.enable', 'true']), 'orders'],
  ['segment-beyond-retention', topical(['retention.bytes', '1048576']), 'orders', 'segment.bytes'],
  ['offsets-kept-shorter-than-records', topical(['retention.ms', '-1']), 'orders', '7 d'],
  ['heartbeat-beyond-session', configured(['broker.heartbeat.interval.ms', '5000']), '5000', '9000'],

  ['versions-differ', first({ apis: new Map([['Produce', '0-12']]) }), '1 and 2, 3', 'Fetch, Produce'],
  [
    'feature-levels-differ',
    first({ finalized: new Map([['metadata.version', 29]]) }),
    '29 on broker 1',
    '30 on broker 2',
  ],
  ['feature-beyond-broker', first({ features: new Map([['metadata.version', 28]]) }), 'broker 1 knows levels up to 28'],
  [
    'feature-may-be-raised',
    { brokers: [1, 2].map((id) => broker(id, { finalized: new Map([['metadata.version', 25]]) })) },
    'level 25',
    'knows 30',
  ],

  ['group-lost-records', { groups: [group('Stable', read({ logStart: 95 }))] }, "'billing'", '5 records', 'orders-0'],
  ['group-beyond-log', { groups: [group('Stable', read({ committed: 140 }))] }, "'billing'", 'beyond the end'],
  ['group-unread', { groups: [group('Empty', read())] }, 'no members', '10 records behind'],
  ['group-stalled', { groups: [group('Stable', read({ committedAgoMs: 600_000 }))] }, '10 min', 'orders-0'],
  ['group-partition-unowned', { groups: [group('Stable', read({ isOwned: false }))] }, 'none reads orders-0'],
  ['group-rebalancing', { groups: [group('PreparingRebalance')] }, 'PreparingRebalance', 'groups explain billing'],
];

const kindsOf = (facts: Facts): string[] => examine(facts).findings.map(({ kind }) => kind);

describe('checks', () => {
  test('a cluster that is well has no finding, and says what was looked at', () => {
    const report = examine(sound);
    expect(report).toMatchObject({ verdict: 'sound', findings: [], counts: { error: 0, warning: 0, note: 0 } });
    const lines = reportLines(report, plain);
    expect(lines.filter((line) => line.startsWith('ok'))).toHaveLength(8);
    expect(lines.at(-1)).toBe(`cluster ${CLUSTER} is sound: 0 errors, 0 warnings, 0 notes`);
  });

  test('each kind has a case here, and one row', () => {
    expect(cases.map(([kind]) => kind)).toEqual(checks.map(({ kind }) => kind));
    expect(new Set(checks.map(({ kind }) => kind)).size).toBe(checks.length);
  });

  const rows = cases.map(([kind, change, ...words]) => ({ kind, change, words }));
  test.each(rows)('$kind is found, with its values and what to do', ({ kind, change, words }) => {
    const { findings } = examine({ ...sound, ...change });
    const found = findings.filter((finding) => finding.kind === kind);
    expect(found.length, JSON.stringify(findings)).toBeGreaterThan(0);
    const text = found.map(({ what, advice }) => `${what}\n${advice}`).join('\n');
    for (const word of words) expect(text).toContain(word);
    for (const { advice } of found) expect(advice.length).toBeGreaterThan(20);
  });

  test('each row says what it is about, whichever cluster it is of', () => {
    for (const { about } of checks) expect(about).toMatch(/^.{20,}\.$/);
  });

  test('what is wrong in one way is not told in two', () => {
    expect(kindsOf({ ...sound, ...one({ leader: undefined, isr: [3] }) })).toEqual(['partition-without-leader']);
    expect(kindsOf({ ...sound, ...one({ isr: [1] }) })).toEqual(['partition-under-min-isr']);
    expect(kindsOf({ ...sound, ...disk({ usableBytes: 0 }) })).toEqual(['disk-full']);
    const twins = [broker(1, { isFenced: true, place: at(refused) }), ...others];
    expect(kindsOf({ ...sound, brokers: twins })).toEqual(['broker-fenced']);
  });

  test('the worst comes first, and decides the verdict', () => {
    const { findings, verdict } = examine({
      ...sound,
      ...one({ leader: 2, isr: [2, 1] }),
      ...disk({ usableBytes: 0 }),
    });
    expect(findings.map(({ severity }) => severity)).toEqual(['error', 'warning', 'note']);
    expect(verdict).toBe('ill');
    expect(examine({ ...sound, ...one({ leader: 2 }) }).verdict).toBe('sound');
    expect(examine({ ...sound, ...one({ isr: [1, 2] }) }).verdict).toBe('worth a look');
  });

  test('where no broker was reached nothing is called well', () => {
    const alone = {
      ...sound,
      clusterId: undefined,
      brokers: [],
      quorum: undefined,
      topics: [],
      clocks: [],
      groups: [],
    };
    const lines = reportLines(examine({ ...alone, bootstrap: [at(refused)] }), plain);
    expect(lines.some((line) => line.startsWith('ok'))).toBe(false);
    expect(lines.at(-1)).toBe('no cluster was reached: 1 error, 0 warnings, 0 notes');
  });

  test('what was not told is said to be unknown, not well', () => {
    const untold = [{ area: 'disks', what: 'the disks of broker 2', why: 'it is too old' }] as const;
    const lines = reportLines(examine({ ...sound, untold }), plain);
    expect(lines).toContain('?     disks: nothing is known of the disks of broker 2: it is too old');
    expect(lines.some((line) => line.startsWith('ok') && line.includes('disks'))).toBe(false);
  });

  test('names of others do nothing to the terminal', () => {
    const lines = reportLines(
      examine({ ...sound, groups: [{ ...group('Empty', read()), name: 'a\x1b[31mb' }] }),
      plain,
    );
    expect(lines.join('\n')).not.toContain('\x1b');
    expect(lines.join('\n')).toContain('a\\u001b[31mb');
  });

  test('clocks: only what both bounds of two readings say is said', () => {
    const wide = [
      { node: 'broker 1', aheadMinMs: -4_000, aheadMaxMs: 4_000 },
      { node: 'broker 2', aheadMinMs: -1_000, aheadMaxMs: 9_000 },
    ];
    expect(kindsOf({ ...sound, clocks: wide })).toEqual([]);
  });

  test('groups: progress is judged by two looks where nobody tells when it was committed', () => {
    const looked = (before: { committed: number; logEnd: number; agoMs: number }): string[] =>
      kindsOf({ ...sound, groups: [group('Stable', read({ committedAgoMs: undefined, before }))] });
    expect(looked({ committed: 90, logEnd: 95, agoMs: 5_000 })).toEqual(['group-stalled']);
    expect(looked({ committed: 90, logEnd: 100, agoMs: 5_000 })).toEqual([]); // nobody writes: nothing to read was added
    expect(looked({ committed: 80, logEnd: 95, agoMs: 5_000 })).toEqual([]);
    expect(looked({ committed: 90, logEnd: 95, agoMs: 500 })).toEqual([]);
  });

  test('a quorum of three of which all take part is not at risk, and a broker that is up to date is not behind', () => {
    expect(kindsOf({ ...sound, quorum: quorum(voter(1), voter(2), voter(3), voter(9, { isVoter: false })) })).toEqual(
      [],
    );
  });

  test('of an internal topic that is there already its key says nothing', () => {
    const offsets = topic({ name: '__consumer_offsets', isInternal: true });
    const few = configured(['offsets.topic.replication.factor', '5']);
    expect(kindsOf({ ...sound, ...few, topics: [topic(), offsets] })).toEqual([]);
  });

  test('what brokers have for themselves, or for a move, may differ', () => {
    const own = (id: number): BrokerFacts =>
      withConfigs(id, ['log.dirs', `/data-${id}`], ['listener.name.x.ssl.keystore.location', `/keys-${id}`]);
    const moving = withConfigs(3, ['leader.replication.throttled.rate', '1000']);
    const still = withConfigs(2, ['leader.replication.throttled.rate', '9000']);
    expect(kindsOf({ ...sound, brokers: [own(1), still, moving] })).toEqual([]);
  });

  test('an address that a broker doubts and that leads to it from here is not told of', () => {
    const doubts = (address: string) => ({
      what: `HOST://${address}: cannot be reached`,
      advice: 'advertise another one',
    });
    const addressProblems = [doubts('kafka-1:9092'), doubts('kafka-1:90')];
    const { findings } = examine({ ...sound, brokers: [broker(1, { addressProblems }), broker(2), broker(3)] });
    expect(findings.map(({ what }) => what)).toEqual(['broker 1 says of its HOST://kafka-1:90: cannot be reached']);
    const elsewhere = broker(1, { addressProblems, place: at(refused) });
    expect(kindsOf({ ...sound, brokers: [elsewhere, broker(2), broker(3)] })).toContain('advertised-doubted');
  });

  test("Kafka's own defaults are no contradiction", () => {
    expect(kindsOf({ ...sound, ...configured(['replica.fetch.max.bytes', '1048576']) })).toEqual([]);
  });

  test('Odradek makes internal topics with the copies that there are brokers for', () => {
    const few = [1, 2, 3].map((id) => ({
      ...withConfigs(id, ['offsets.topic.replication.factor', '5']),
      isOdradek: true,
    }));
    expect(kindsOf({ ...sound, brokers: few })).toEqual([]);
  });
});
