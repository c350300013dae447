/**
 * ExplainGroups, key 10001 (Odradek's own): the last rebalances of groups: who caused each, why, and how long its phases took. Sent to
 * the coordinator of the groups, which keeps them in memory only. Times are the coordinator's wall clock; -1 stands for what is not known.
 */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const ExplainGroupsRequest = message({
  name: 'ExplainGroupsRequest',
  kind: 'request',
  id: 10001,
  versions: '0',
  flexible: '0+',
  fields: {
    groupIds: f.array('string', '0+'),
    /** Rebalances told of each group, newest first; -1: all that are kept. */
    limit: f.int32('0+', { default: -1 }),
  },
});
export type ExplainGroupsRequest = Infer<typeof ExplainGroupsRequest>;

/** Null: nobody in particular, or not known any more. */
const who = {
  memberId: f.string('0+', { nullable: '0+' }),
  clientId: f.string('0+', { nullable: '0+' }),
  clientHost: f.string('0+', { nullable: '0+' }),
  groupInstanceId: f.string('0+', { nullable: '0+' }),
};

export const ExplainGroupsResponse = message({
  name: 'ExplainGroupsResponse',
  kind: 'response',
  id: 10001,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+', { default: 0 }),
    groups: f.array(
      {
        /** As in DescribeGroupLag. */
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+', default: null }),
        groupId: f.string('0+'),
        groupState: f.string('0+'),
        groupType: f.string('0+'),
        /** Nothing older than this is known: this node coordinates the group since then. -1 with an error. */
        sinceMs: f.int64('0+'),
        /** Rebalances since then, with those that are not kept any more. */
        rebalanceCount: f.int64('0+'),
        /** What stands out over all that is kept, as sentences for a person. */
        findings: f.array('string', '0+'),
        rebalances: f.array(
          {
            startedMs: f.int64('0+'),
            /** -1: still going on. */
            endedMs: f.int64('0+'),
            /** Up to now for one that is still going on. */
            tookMs: f.int64('0+'),
            /** `classic`, `consumer`. */
            groupType: f.string('0+'),
            /** Generation of a classic group, group epoch of a consumer group, that came of it; -1: none yet. */
            epoch: f.int32('0+'),
            /** Assignment protocol or assignor; null: not chosen. */
            assignor: f.string('0+', { nullable: '0+' }),
            /** `ongoing`, `stable`, `empty` (nobody was left), `restarted` (another began before it was done), `converted`, `deleted`. */
            outcome: f.string('0+'),
            membersBefore: f.int32('0+'),
            membersAfter: f.int32('0+'),
            /** Partitions that changed their owner; -1: not known to the coordinator. */
            movedPartitions: f.int32('0+'),
            /** The first is what set it off; the others came while it went on. */
            causes: f.array(
              {
                atMs: f.int64('0+'),
                ...who,
                why: f.string('0+'),
                /** What to do about it; null: nothing. */
                hint: f.string('0+', { nullable: '0+' }),
              },
              '0+',
            ),
            /** Causes beyond those that are kept. */
            furtherCauses: f.int32('0+'),
            phases: f.array(
              {
                /** `waiting for members`, `waiting for the leader's assignment`, `computing the assignment`, `moving partitions`. */
                name: f.string('0+'),
                tookMs: f.int64('0+'),
                done: f.bool('0+'),
                /** Whom it waited for longest or is waiting for. */
                ...who,
                /** More for a person; null: nothing. */
                detail: f.string('0+', { nullable: '0+' }),
              },
              '0+',
            ),
            /** Members that were put out while it went on. */
            lost: f.array({ ...who, why: f.string('0+') }, '0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type ExplainGroupsResponse = Infer<typeof ExplainGroupsResponse>;
