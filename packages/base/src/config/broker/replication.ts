/** Followers, leaders and the traffic between them. */
import { key, LONG_MAX } from '../declare.ts';

export const replicationKeys = {
  'alter.log.dirs.replication.quota.window.num': key({ type: 'int', default: 11, min: 1, importance: 'low', doc: '' }),
  'alter.log.dirs.replication.quota.window.size.seconds': key({
    type: 'int',
    default: 1,
    min: 1,
    importance: 'low',
    doc: '',
  }),
  'auto.leader.rebalance.enable': key({ type: 'boolean', default: true, importance: 'high', doc: '' }),
  'num.replica.alter.log.dirs.threads': key({ type: 'int', default: null, importance: 'high', doc: '' }),
  'num.replica.fetchers': key({ type: 'int', default: 1, min: 1, importance: 'high', reload: 'cluster-wide', doc: '' }),
  'replica.fetch.backoff.ms': key({ type: 'int', default: 1000, min: 0, doc: '' }),
  'replica.fetch.max.bytes': key({ type: 'int', default: 1_048_576, min: 0, doc: '' }),
  'replica.fetch.min.bytes': key({ type: 'int', default: 1, importance: 'high', doc: '' }),
  'replica.fetch.response.max.bytes': key({ type: 'int', default: 10_485_760, min: 0, doc: '' }),
  'replica.fetch.wait.max.ms': key({ type: 'int', default: 500, importance: 'high', doc: '' }),
  'replica.high.watermark.checkpoint.interval.ms': key({ type: 'long', default: 5000, importance: 'high', doc: '' }),
  'replica.lag.time.max.ms': key({ type: 'long', default: 30_000, importance: 'high', doc: '' }),
  'replica.selector.class': key({ type: 'string', default: null, doc: '' }),
  'replica.socket.receive.buffer.bytes': key({ type: 'int', default: 65_536, importance: 'high', doc: '' }),
  'replica.socket.timeout.ms': key({ type: 'int', default: 30_000, importance: 'high', doc: '' }),
  'replication.quota.window.num': key({ type: 'int', default: 11, min: 1, importance: 'low', doc: '' }),
  'replication.quota.window.size.seconds': key({ type: 'int', default: 1, min: 1, importance: 'low', doc: '' }),
  'follower.replication.throttled.rate': key({
    type: 'long',
    default: LONG_MAX,
    min: 0,
    reload: 'cluster-wide',
    doc: '',
  }),
  'leader.replication.throttled.rate': key({
    type: 'long',
    default: LONG_MAX,
    min: 0,
    reload: 'cluster-wide',
    doc: '',
  }),
  'replica.alter.log.dirs.io.max.bytes.per.second': key({
    type: 'long',
    default: LONG_MAX,
    min: 0,
    reload: 'cluster-wide',
    doc: '',
  }),
} as const;
