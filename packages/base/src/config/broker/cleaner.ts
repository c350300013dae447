/** The log cleaner (compaction). */
import { key, LONG_MAX } from '../declare.ts';

export const cleanerKeys = {
  'log.cleaner.backoff.ms': key({ type: 'long', default: 15_000, min: 0, reload: 'cluster-wide', doc: '' }),
  'log.cleaner.dedupe.buffer.size': key({ type: 'long', default: 134_217_728, reload: 'cluster-wide', doc: '' }),
  'log.cleaner.delete.retention.ms': key({
    type: 'long',
    default: 86_400_000,
    min: 0,
    reload: 'cluster-wide',
    doc: '',
  }),
  'log.cleaner.enable': key({ type: 'boolean', default: true, doc: '' }),
  'log.cleaner.io.buffer.load.factor': key({ type: 'double', default: 0.9, reload: 'cluster-wide', doc: '' }),
  'log.cleaner.io.buffer.size': key({ type: 'int', default: 524_288, min: 0, reload: 'cluster-wide', doc: '' }),
  'log.cleaner.io.max.bytes.per.second': key({
    type: 'double',
    default: Number.MAX_VALUE,
    reload: 'cluster-wide',
    doc: '',
  }),
  'log.cleaner.max.compaction.lag.ms': key({
    type: 'long',
    default: LONG_MAX,
    min: 1,
    reload: 'cluster-wide',
    doc: '',
  }),
  'log.cleaner.min.cleanable.ratio': key({
    type: 'double',
    default: 0.5,
    min: 0,
    max: 1,
    reload: 'cluster-wide',
    doc: '',
  }),
  'log.cleaner.min.compaction.lag.ms': key({ type: 'long', default: 0, min: 0, reload: 'cluster-wide', doc: '' }),
  'log.cleaner.threads': key({ type: 'int', default: 1, min: 0, reload: 'cluster-wide', doc: '' }),
} as const;
