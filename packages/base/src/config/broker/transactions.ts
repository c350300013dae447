/** Transactions and their coordinator. */
import { key } from '../declare.ts';

export const transactionsKeys = {
  'add.partitions.to.txn.retry.backoff.max.ms': key({ type: 'int', default: 100, min: 0, importance: 'high', doc: '' }),
  'add.partitions.to.txn.retry.backoff.ms': key({ type: 'int', default: 20, min: 1, importance: 'high', doc: '' }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': key({
    type: 'int',
    default: 10_000,
    min: 1,
    importance: 'low',
    doc: '',
  }),
  'transaction.max.timeout.ms': key({ type: 'int', default: 900_000, min: 1, importance: 'high', doc: '' }),
  'transaction.partition.verification.enable': key({
    type: 'boolean',
    default: true,
    importance: 'low',
    reload: 'cluster-wide',
    doc: '',
  }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': key({
    type: 'int',
    default: 3_600_000,
    min: 1,
    importance: 'low',
    doc: '',
  }),
  'transaction.state.log.load.buffer.size': key({
    type: 'int',
    default: 5_242_880,
    min: 1,
    importance: 'high',
    doc: '',
  }),
  'transaction.state.log.min.isr': key({ type: 'int', default: 2, min: 1, importance: 'high', doc: '' }),
  'transaction.state.log.num.partitions': key({ type: 'int', default: 50, min: 1, importance: 'high', doc: '' }),
  'transaction.state.log.replication.factor': key({ type: 'short', default: 3, min: 1, importance: 'high', doc: '' }),
  'transaction.state.log.segment.bytes': key({
    type: 'int',
    default: 104_857_600,
    min: 1,
    importance: 'high',
    doc: '',
  }),
  'transaction.two.phase.commit.enable': key({ type: 'boolean', default: false, importance: 'low', doc: '' }),
  'transactional.id.expiration.ms': key({ type: 'int', default: 604_800_000, min: 1, importance: 'high', doc: '' }),
} as const;
