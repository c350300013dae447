/**
 * InitProducerId, key 22, v0-6: a fresh producer id for an idempotent producer. A transactional one is refused until transactions are
 * built, with a code that clients take as final, so that they say so at once instead of trying until they time out.
 * Sources: KIP-98, KIP-360 (v3), KIP-588 (v4).
 */
import { ErrorCode } from '@odradek/protocol';
import type { ResponseInput } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';

type Response = ResponseInput<22>;

const NO_PRODUCER_ID = -1;
const NO_EPOCH = -1;

export const initProducerId: HandlerOf<22> = {
  async handle(request, services, caller) {
    const { transactionalId, producerId, producerEpoch } = request;
    const code = judge(transactionalId, services, caller);
    if (code !== ErrorCode.NONE) return refusedWith(code);
    // One without the other says nothing: a producer has both or neither.
    if ((producerId === NO_PRODUCER_ID) !== (producerEpoch === NO_EPOCH)) return refusedWith(ErrorCode.INVALID_REQUEST);
    if (transactionalId !== null) return refuseTransactional(transactionalId, services, caller);
    // An idempotent producer that has an id is given another all the same: without a transactional id, ids are not continued.
    const id = await services.data.producerIds.next();
    return id.ok
      ? { throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId: id.value, producerEpoch: 0 }
      : refusedWith(id.code);
  },

  refused: (_request, code) => refusedWith(code),
};

function judge(transactionalId: string | null, services: Services, caller: Caller): number {
  if (transactionalId === null) {
    const needs = { resource: 'cluster', name: 'kafka-cluster', operation: 'idempotentWrite' } as const;
    const allowed = services.authorizer.allows(caller.principal, caller.clientHost, needs);
    return allowed ? ErrorCode.NONE : ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
  }
  const needs = { resource: 'transactionalId', name: transactionalId, operation: 'write' } as const;
  const allowed = services.authorizer.allows(caller.principal, caller.clientHost, needs);
  return allowed ? ErrorCode.NONE : ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

function refuseTransactional(transactionalId: string, services: Services, caller: Caller): Response {
  if (transactionalId === '') return refusedWith(ErrorCode.INVALID_REQUEST);
  const { requestId: request, clientId: client, clientHost: host } = caller;
  const fields = { request, transactionalId, client, host };
  services.log.warn(fields, 'a producer asks for transactions, which are not built in this broker yet: it is refused');
  return refusedWith(ErrorCode.UNSUPPORTED_VERSION);
}

function refusedWith(errorCode: number): Response {
  return { throttleTimeMs: 0, errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH };
}
