/** Control records: ends of transactions, and what the metadata quorum writes into its own log. */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const ControlRecordTypeSchema = message({
  name: 'ControlRecordTypeSchema',
  kind: 'data',
  versions: '0',
  flexible: 'none',
  fields: {
    type: f.int16('0+'),
  },
});
export type ControlRecordTypeSchema = Infer<typeof ControlRecordTypeSchema>;

export const EndTxnMarker = message({
  name: 'EndTxnMarker',
  kind: 'data',
  versions: '0',
  flexible: 'none',
  fields: {
    coordinatorEpoch: f.int32('0+'),
  },
});
export type EndTxnMarker = Infer<typeof EndTxnMarker>;

const voter = {
  voterId: f.int32('0+'),
  voterDirectoryId: f.uuid('1+'),
};

export const LeaderChangeMessage = message({
  name: 'LeaderChangeMessage',
  kind: 'data',
  id: 2,
  versions: '0-1',
  flexible: '0+',
  fields: {
    version: f.int16('0+'),
    leaderId: f.int32('0+'),
    voters: f.array(voter, '0+'),
    grantingVoters: f.array(voter, '0+'),
  },
});
export type LeaderChangeMessage = Infer<typeof LeaderChangeMessage>;

export const SnapshotHeaderRecord = message({
  name: 'SnapshotHeaderRecord',
  kind: 'data',
  id: 3,
  versions: '0',
  flexible: '0+',
  fields: {
    version: f.int16('0+'),
    lastContainedLogTimestamp: f.int64('0+'),
  },
});
export type SnapshotHeaderRecord = Infer<typeof SnapshotHeaderRecord>;

export const SnapshotFooterRecord = message({
  name: 'SnapshotFooterRecord',
  kind: 'data',
  id: 4,
  versions: '0',
  flexible: '0+',
  fields: {
    version: f.int16('0+'),
  },
});
export type SnapshotFooterRecord = Infer<typeof SnapshotFooterRecord>;

export const KRaftVersionRecord = message({
  name: 'KRaftVersionRecord',
  kind: 'data',
  id: 5,
  versions: '0',
  flexible: '0+',
  fields: {
    version: f.int16('0+'),
    kRaftVersion: f.int16('0+'),
  },
});
export type KRaftVersionRecord = Infer<typeof KRaftVersionRecord>;

export const VotersRecord = message({
  name: 'VotersRecord',
  kind: 'data',
  id: 6,
  versions: '0',
  flexible: '0+',
  fields: {
    version: f.int16('0+'),
    voters: f.array(
      {
        voterId: f.int32('0+'),
        voterDirectoryId: f.uuid('0+'),
        endpoints: f.array(
          {
            name: f.string('0+'),
            host: f.string('0+'),
            port: f.uint16('0+'),
          },
          '0+',
        ),
        kRaftVersionFeature: f.struct(
          {
            minSupportedVersion: f.int16('0+'),
            maxSupportedVersion: f.int16('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type VotersRecord = Infer<typeof VotersRecord>;
