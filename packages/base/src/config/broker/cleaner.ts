/** The log cleaner (compaction). */
import { key, LONG_MAX } from '../declare.ts';

export const cleanerKeys = {
  'log.cleaner.backoff.ms': key({
    type: 'long',
    default: 15_000,
    min: 0,
    reload: 'cluster-wide',
    doc: 'How long the cleaner rests when nothing is to be cleaned.',
  }),
  'log.cleaner.dedupe.buffer.size': key({
    type: 'long',
    default: 134_217_728,
    reload: 'cluster-wide',
    doc: 'Memory of all cleaners for finding superseded keys. More: fewer passes over large logs.',
  }),
  'log.cleaner.delete.retention.ms': key({
    type: 'long',
    default: 86_400_000,
    min: 0,
    reload: 'cluster-wide',
    doc: 'How long compacted topics keep tombstones.',
  }),
  'log.cleaner.enable': key({
    type: 'boolean',
    default: true,
    doc: 'Whether compacted topics are compacted at all.',
  }),
  'log.cleaner.io.buffer.load.factor': key({
    type: 'double',
    default: 0.9,
    reload: 'cluster-wide',
    doc: "How full the cleaner's table of keys may get. Higher: fewer passes, more collisions.",
  }),
  'log.cleaner.io.buffer.size': key({
    type: 'int',
    default: 524_288,
    min: 0,
    reload: 'cluster-wide',
    doc: 'Memory of all cleaners for reading and writing.',
  }),
  'log.cleaner.io.max.bytes.per.second': key({
    type: 'double',
    default: Number.MAX_VALUE,
    reload: 'cluster-wide',
    doc: 'Bytes a second that cleaning may read and write, so that it leaves the disk to clients.',
  }),
  'log.cleaner.max.compaction.lag.ms': key({
    type: 'long',
    default: LONG_MAX,
    min: 1,
    reload: 'cluster-wide',
    source: 'KIP-354',
    doc: 'The longest that a record may wait for compaction.',
  }),
  'log.cleaner.min.cleanable.ratio': key({
    type: 'double',
    default: 0.5,
    min: 0,
    max: 1,
    reload: 'cluster-wide',
    doc: 'Share of a log that must be uncleaned before it is compacted.',
  }),
  'log.cleaner.min.compaction.lag.ms': key({
    type: 'long',
    default: 0,
    min: 0,
    reload: 'cluster-wide',
    source: 'KIP-58',
    doc: 'How long a record is safe from compaction.',
  }),
  'log.cleaner.threads': key({
    type: 'int',
    default: 1,
    min: 0,
    reload: 'cluster-wide',
    doc: 'Logs that are compacted at the same time.',
  }),
} as const;
