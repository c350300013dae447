/** Asks for the metadata quorum, and dates the answer. */
import { type RequestInput, type ResponseOf, TopicName } from '@odradek/protocol';
import { quorumTold, withoutLeader, type QuorumTold } from '../../core/doctor/quorum-answer.ts';
import { CommandError, exitCode } from '../../core/refusal.ts';

export type { QuorumTold } from '../../core/doctor/quorum-answer.ts';

/** DescribeQuorum. */
type Ask = (request: RequestInput<55>) => Promise<ResponseOf<55>>;

/** An answer that does not come is one too: nobody leads whom the broker could ask. */
export async function describeQuorum(ask: Ask): Promise<QuorumTold> {
  const topics = [{ topicName: TopicName.CLUSTER_METADATA, partitions: [{ partitionIndex: 0 }] }];
  const sentMs = Date.now();
  try {
    const answer = await ask({ topics });
    return quorumTold(answer, { sentMs, receivedMs: Date.now() });
  } catch (error) {
    const isLate =
      error instanceof CommandError &&
      [exitCode.unreachable, exitCode.timedOut].some((code) => code === error.exitCode);
    if (!isLate) throw error;
    return withoutLeader(error.message);
  }
}
