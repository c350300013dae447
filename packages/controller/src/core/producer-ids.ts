/**
 * Blocks of producer ids: each is given out once, over every restart and failover, because the next one is committed
 * first.
 */
import { refuse, type Refusal } from '@odradek/base';
import { record } from '@odradek/metadata';
import { ErrorCode, type AllocateProducerIdsRequest, type AllocateProducerIdsResponse } from '@odradek/protocol';
import { staleBroker } from './brokers.ts';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';

export const PRODUCER_ID_BLOCK_SIZE = 1_000;

export function allocateProducerIds(
  context: ControllerContext,
  { brokerId, brokerEpoch }: AllocateProducerIdsRequest,
): Decision<AllocateProducerIdsResponse> {
  const { image } = context;
  const start = image.nextProducerId;
  const refusal = staleBroker(context, brokerId, brokerEpoch) ?? exhausted(start);
  if (refusal !== undefined) {
    const reply = { throttleTimeMs: 0, errorCode: refusal.code, producerIdStart: 0, producerIdLen: 0 };
    return { records: NO_RECORDS, reply };
  }
  const nextProducerId = start + PRODUCER_ID_BLOCK_SIZE;
  return {
    records: [record('ProducerIdsRecord', { brokerId, brokerEpoch, nextProducerId })],
    reply: {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      producerIdStart: start,
      producerIdLen: PRODUCER_ID_BLOCK_SIZE,
    },
  };
}

function exhausted(start: number): Refusal | undefined {
  if (start <= Number.MAX_SAFE_INTEGER - PRODUCER_ID_BLOCK_SIZE) return undefined;
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, `No producer ids are left after ${start}.`);
}
