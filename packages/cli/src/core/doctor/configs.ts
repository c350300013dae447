/** Configuration that contradicts itself, the cluster it is of, or the same key on another broker. */
import type { Check, Seen } from './check.ts';
import { counted, showBytes, showSpan, some, together } from './check.ts';
import type { BrokerFacts, Facts, TopicFacts } from './facts.ts';

const MINUTE_MS = 60_000;
/** What min.insync.replicas is meant for: with fewer copies there is nothing to choose. */
const COPIES_FOR_MIN_ISR = 3;

/** Of a batch in a log: what Kafka's own defaults of message.max.bytes and replica.fetch.max.bytes differ by. */
const HEADER_BYTES = 12;

/** What each broker has for itself. */
const ownKeys: ReadonlySet<string> = new Set([
  'node.id',
  'broker.id',
  'broker.rack',
  'process.roles',
  'listeners',
  'advertised.listeners',
  'controller.listener.names',
  'log.dir',
  'log.dirs',
  'cordoned.log.dirs',
  'metadata.log.dir',
  'host.name',
  'port',
  'controller.quorum.voters',
  'controller.quorum.bootstrap.servers',
  // Of moves that go on: only brokers that take part have them.
  'leader.replication.throttled.rate',
  'follower.replication.throttled.rate',
  'replica.alter.log.dirs.io.max.bytes.per.second',
]);
const ownPrefixes = ['listener.name.', 'odradek.http.', 'odradek.advertised.', 'ssl.keystore.', 'ssl.key.'] as const;

/** The key of each internal topic's copies. */
const internalTopics: Readonly<Record<string, string>> = {
  'offsets.topic.replication.factor': '__consumer_offsets',
  'transaction.state.log.replication.factor': '__transaction_state',
  'share.coordinator.state.topic.replication.factor': '__share_group_state',
};

function running({ brokers }: Facts): BrokerFacts[] {
  return brokers.filter(({ isFenced }) => !isFenced);
}

function numberOf(configs: ReadonlyMap<string, string> | undefined, key: string): number | undefined {
  const text = configs?.get(key);
  return text === undefined || text === '' ? undefined : Number(text);
}

function copiesOf({ partitions }: TopicFacts): number {
  return partitions.reduce((least, { replicas }) => Math.min(least, replicas.length), Number.POSITIVE_INFINITY);
}

/** Topics by how min.insync.replicas stands to the number of their copies. */
function minIsr(holds: (minIsr: number, copies: number) => boolean, tell: (named: string) => Omit<Seen, 'of'>) {
  return ({ topics }: Facts): Seen[] => {
    const found = topics.filter((topic) => {
      const value = numberOf(topic.configs, 'min.insync.replicas');
      return value !== undefined && topic.partitions.length > 0 && holds(value, copiesOf(topic));
    });
    return together(
      found.map((topic) => `${topic.name} (${topic.configs?.get('min.insync.replicas')} of ${copiesOf(topic)})`),
      tell,
    );
  };
}

/** @param isWanted brokers that go by the key */
function copiesBeyondBrokers(keys: readonly string[], isWanted: (broker: BrokerFacts) => boolean, advice: string) {
  return (facts: Facts): Seen[] => {
    // Replicas are placed on fenced brokers too, when there are no others.
    const count = facts.brokers.length;
    return keys.flatMap((key): Seen[] => {
      // Of a topic that is there already the key says nothing any more.
      if (facts.topics.some(({ name }) => name === internalTopics[key])) return [];
      const of = running(facts).find((broker) => isWanted(broker) && (numberOf(broker.configs, key) ?? 0) > count);
      if (of === undefined) return [];
      const what = `${key} is ${of.configs?.get(key) ?? ''}, and ${counted(count, 'broker')} ${count === 1 ? 'is' : 'are'} registered`;
      return [{ what, advice: `${advice} (${key}=${count})` }];
    });
  };
}

// Odradek makes such a topic with a copy on each broker, and adds copies as brokers join.
const isKafka = ({ isOdradek }: BrokerFacts): boolean => !isOdradek;

function differing(facts: Facts): Seen[] {
  const told = running(facts).filter(({ configs }) => configs !== undefined);
  const keys = new Set(told.flatMap(({ configs }) => [...(configs?.keys() ?? [])]));
  return [...keys]
    .filter((key) => !ownKeys.has(key) && !ownPrefixes.some((prefix) => key.startsWith(prefix)))
    .toSorted()
    .flatMap((key): Seen[] => {
      const byValue = new Map<string, number[]>();
      for (const { id, configs } of told) {
        const value = configs?.get(key);
        // A broker of another version does not have every key.
        if (value !== undefined) byValue.set(value, [...(byValue.get(value) ?? []), id]);
      }
      if (byValue.size < 2) return [];
      const values = [...byValue].map(
        ([value, ids]) => `'${value}' on ${ids.length === 1 ? 'broker' : 'brokers'} ${ids.join(', ')}`,
      );
      return [
        {
          what: `${key} is ${some(values)}`,
          advice: `give every broker the same ${key}: which one counts depends on who leads or coordinates just then`,
        },
      ];
    });
}

/** Two sizes of every broker, of which the first may not be below the second. */
function below(smaller: string, larger: string, advice: string): Check['find'] {
  return (facts) =>
    running(facts).flatMap(({ id, configs }): Seen[] => {
      const few = numberOf(configs, smaller);
      const many = numberOf(configs, larger);
      if (few === undefined || many === undefined || few + HEADER_BYTES >= many) return [];
      return [{ what: `broker ${id}: ${smaller} (${showBytes(few)}) is below ${larger} (${showBytes(many)})`, advice }];
    });
}

function messageBeyondRequest(facts: Facts): Seen[] {
  const limits = running(facts).map(({ configs }) => numberOf(configs, 'socket.request.max.bytes'));
  const least = limits.filter((limit) => limit !== undefined).toSorted((left, right) => left - right)[0];
  if (least === undefined) return [];
  const beyond = facts.topics.filter(({ configs }) => (numberOf(configs, 'max.message.bytes') ?? 0) > least);
  return together(
    beyond.map(({ name, configs }) => `${name} (${showBytes(numberOf(configs, 'max.message.bytes') ?? 0)})`),
    (named) => ({
      what: `max.message.bytes allows records that no request can carry (socket.request.max.bytes is ${showBytes(least)}): ${named}`,
      advice:
        'raise socket.request.max.bytes above the largest max.message.bytes, or lower that: such a write closes the connection',
    }),
  );
}

function unclean({ topics }: Facts): Seen[] {
  const of = topics.filter(({ configs }) => configs?.get('unclean.leader.election.enable') === 'true');
  return together(
    of.map(({ name }) => name),
    (named) => ({
      what: `a replica that lags may become leader (unclean.leader.election.enable=true): ${named}`,
      advice:
        'set it to false, unless being writable matters more than what was acknowledged: records are lost by such an election',
    }),
  );
}

function deletes({ configs }: TopicFacts): boolean {
  return (configs?.get('cleanup.policy') ?? '').split(',').some((policy) => policy.trim() === 'delete');
}

function segmentBeyondRetention({ topics }: Facts): Seen[] {
  const of = topics.filter((topic) => {
    const retention = numberOf(topic.configs, 'retention.bytes') ?? -1;
    return deletes(topic) && retention >= 0 && (numberOf(topic.configs, 'segment.bytes') ?? 0) > retention;
  });
  return together(
    of.map(({ name }) => name),
    (named) => ({
      what: `segment.bytes is above retention.bytes: ${named}`,
      advice:
        'lower segment.bytes to a part of retention.bytes: logs are cut by whole segments, and hold up to one more than they may keep',
    }),
  );
}

/** A group that nobody is in forgets where it was, while what it has not read is still there. */
function offsetsBeforeRecords(facts: Facts): Seen[] {
  const kept = running(facts).map(({ configs }) => numberOf(configs, 'offsets.retention.minutes'));
  const minutes = kept.filter((each) => each !== undefined).toSorted((left, right) => left - right)[0];
  if (minutes === undefined) return [];
  const longer = facts.topics.filter((topic) => {
    const retentionMs = numberOf(topic.configs, 'retention.ms');
    if (topic.isInternal || retentionMs === undefined || !deletes(topic)) return false;
    return retentionMs < 0 || retentionMs > minutes * MINUTE_MS;
  });
  return together(
    longer.map(({ name }) => name),
    (named) => ({
      what: `records are kept longer than the offsets of groups without members (${showSpan(minutes * MINUTE_MS)}): ${named}`,
      advice:
        'raise offsets.retention.minutes to the longest retention: a consumer that is away for longer begins at auto.offset.reset again',
    }),
  );
}

function heartbeats(facts: Facts): Seen[] {
  return running(facts).flatMap(({ id, configs }): Seen[] => {
    const interval = numberOf(configs, 'broker.heartbeat.interval.ms');
    const session = numberOf(configs, 'broker.session.timeout.ms');
    if (interval === undefined || session === undefined || interval * 2 <= session) return [];
    return [
      {
        what: `broker ${id}: broker.heartbeat.interval.ms (${interval}) leaves no second heartbeat within broker.session.timeout.ms (${session})`,
        advice:
          'set the session timeout to several heartbeats: one that is late fences the broker, and all its partitions move',
      },
    ];
  });
}

const area = 'configs';

export const configChecks: readonly Check[] = [
  {
    kind: 'min-isr-beyond-copies',
    about: 'min.insync.replicas is above the number of replicas.',
    area,
    severity: 'warning',
    find: minIsr(
      (value, copies) => copies > 1 && value > copies,
      (named) => ({
        what: `min.insync.replicas is above the number of copies: ${named}`,
        advice:
          'lower it below the number of copies, or add replicas: every copy has to be in sync for acks=all (in Kafka before 3.9 such ' +
          'writes are refused always)',
      }),
    ),
  },
  {
    kind: 'min-isr-all-copies',
    about: 'min.insync.replicas is the number of replicas: no broker may be restarted without stopping writes.',
    area,
    severity: 'warning',
    find: minIsr(
      (value, copies) => copies > 1 && value === copies,
      (named) => ({
        what: `min.insync.replicas is as high as the number of copies: ${named}`,
        advice:
          'lower it by one, or add a replica: as it is, writes with acks=all stop as soon as one broker is restarted',
      }),
    ),
  },
  {
    kind: 'min-isr-of-one',
    about: 'min.insync.replicas is 1 with three replicas or more.',
    area,
    severity: 'note',
    find: minIsr(
      (value, copies) => value === 1 && copies >= COPIES_FOR_MIN_ISR,
      (named) => ({
        what: `min.insync.replicas is 1 with three copies or more: ${named}`,
        advice: 'set it to 2 where records matter: acks=all is then never satisfied by a single disk',
      }),
    ),
  },
  {
    kind: 'offsets-copies-beyond-brokers',
    about:
      'The topic of offsets is not there, and cannot be made with as many replicas as its key wants (Kafka; Odradek makes it with fewer).',
    area,
    severity: 'error',
    find: copiesBeyondBrokers(
      ['offsets.topic.replication.factor'],
      isKafka,
      'start more brokers, or lower it: no consumer group works, because the topic of their offsets cannot be made',
    ),
  },
  {
    kind: 'internal-copies-beyond-brokers',
    about: 'The same of the topics of transactions and of share groups.',
    area,
    severity: 'warning',
    find: copiesBeyondBrokers(
      ['transaction.state.log.replication.factor', 'share.coordinator.state.topic.replication.factor'],
      isKafka,
      'start more brokers, or lower it, before transactions or share groups are needed: their topic cannot be made',
    ),
  },
  {
    kind: 'default-copies-beyond-brokers',
    about: 'default.replication.factor is above the number of brokers.',
    area,
    severity: 'error',
    find: copiesBeyondBrokers(
      ['default.replication.factor'],
      () => true,
      'start more brokers or lower it: topics that are created without a replication factor are refused',
    ),
  },
  {
    kind: 'config-differs',
    about: 'A key that all brokers should have alike has several values.',
    area,
    severity: 'warning',
    find: differing,
  },
  {
    kind: 'request-below-message',
    about: 'socket.request.max.bytes is below message.max.bytes.',
    area,
    severity: 'error',
    find: below(
      'socket.request.max.bytes',
      'message.max.bytes',
      'raise socket.request.max.bytes: a record of the size that is allowed closes the connection',
    ),
  },
  {
    kind: 'topic-message-beyond-request',
    about: "A topic's max.message.bytes is above socket.request.max.bytes.",
    area,
    severity: 'error',
    find: messageBeyondRequest,
  },
  {
    kind: 'replica-fetch-below-message',
    about: 'replica.fetch.max.bytes is below message.max.bytes.',
    area,
    severity: 'note',
    find: below(
      'replica.fetch.max.bytes',
      'message.max.bytes',
      'raise replica.fetch.max.bytes to message.max.bytes: followers get such batches one at a time (and before Kafka 0.10.1 never)',
    ),
  },
  {
    kind: 'unclean-election-allowed',
    about: 'unclean.leader.election.enable is true.',
    area,
    severity: 'warning',
    find: unclean,
  },
  {
    kind: 'segment-beyond-retention',
    about: 'segment.bytes is above retention.bytes.',
    area,
    severity: 'note',
    find: segmentBeyondRetention,
  },
  {
    kind: 'offsets-kept-shorter-than-records',
    about: 'Records are kept longer than the offsets of groups without members.',
    area,
    severity: 'note',
    find: offsetsBeforeRecords,
  },
  {
    kind: 'heartbeat-beyond-session',
    about: 'broker.session.timeout.ms leaves no room for a second heartbeat.',
    area,
    severity: 'warning',
    find: heartbeats,
  },
];
