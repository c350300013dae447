/** Committed offsets (`__consumer_offsets`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const LegacyOffsetCommitKey = message({
  name: 'LegacyOffsetCommitKey',
  kind: 'key',
  id: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    group: f.string('0+'),
    topic: f.string('0+'),
    partition: f.int32('0+'),
  },
});
export type LegacyOffsetCommitKey = Infer<typeof LegacyOffsetCommitKey>;

export const LegacyOffsetCommitValue = message({
  name: 'LegacyOffsetCommitValue',
  kind: 'value',
  id: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    offset: f.int64('0+'),
    metadata: f.string('0+'),
    commitTimestamp: f.int64('0+'),
  },
});
export type LegacyOffsetCommitValue = Infer<typeof LegacyOffsetCommitValue>;

export const OffsetCommitKey = message({
  name: 'OffsetCommitKey',
  kind: 'key',
  id: 1,
  versions: '0',
  flexible: 'none',
  fields: {
    group: f.string('0+'),
    topic: f.string('0+'),
    partition: f.int32('0+'),
  },
});
export type OffsetCommitKey = Infer<typeof OffsetCommitKey>;

export const OffsetCommitValue = message({
  name: 'OffsetCommitValue',
  kind: 'value',
  id: 1,
  versions: '0-4',
  flexible: '4+',
  fields: {
    offset: f.int64('0+'),
    leaderEpoch: f.int32('3+', { default: -1, ignorable: true }),
    metadata: f.string('0+'),
    commitTimestamp: f.int64('0+'),
    expireTimestamp: f.int64('1', { default: -1, ignorable: true }),
    topicId: f.uuid('4+', { tag: 0, tagged: '4+', ignorable: true }),
  },
});
export type OffsetCommitValue = Infer<typeof OffsetCommitValue>;
