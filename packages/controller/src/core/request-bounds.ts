/** What one request may make, in the words of Kafka's own controllers. */
import { refuse, type Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

/** The refusal of a request that would write more records than a batch of the metadata log should hold. */
export function excessiveBatch(recordCount: number, recordCountMax: number): Refusal {
  const bound = `it would change ${recordCount} partitions, at most ${recordCountMax} are changed by one request`;
  return refuse(
    ErrorCode.POLICY_VIOLATION,
    `Unable to perform excessively large batch operation: ${bound}. Ask in smaller parts.`,
  );
}
