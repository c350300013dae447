/**
 * UnregisterBroker (KIP-631): a broker that will not come back leaves the cluster. It leads nothing, is in sync with
 * nothing and stays eligible for nothing; the replicas that it held stay assigned to it until somebody reassigns them,
 * as with Kafka, so that nothing is moved unasked.
 */
import { record } from '@odradek/metadata';
import { ErrorCode, type UnregisterBrokerRequest, type UnregisterBrokerResponse } from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';
import { leaveWhole } from './moves.ts';
import { isElrEnabled } from './partitions.ts';

export function unregisterBroker(
  context: ControllerContext,
  { brokerId }: UnregisterBrokerRequest,
): Decision<UnregisterBrokerResponse> {
  const broker = context.image.cluster.broker(brokerId);
  if (broker === undefined) {
    const errorMessage = `Broker ID ${brokerId} is not currently registered`;
    const reply = { throttleTimeMs: 0, errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED, errorMessage };
    return { records: NO_RECORDS, reply };
  }
  const records = leaveWhole(context, { brokerId, isUnclean: isElrEnabled(context), keeps: undefined });
  records.push(record('UnregisterBrokerRecord', { brokerId, brokerEpoch: broker.epoch }));
  context.sessions.close(brokerId);
  return { records, reply: { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: '' } };
}
