/**
 * UpdateFeatures, key 57, v0-2: finalizes feature levels, all that are asked for or none. The controller decides.
 * Sources: KIP-584, KIP-778 (upgrade types, v1), KIP-1022 (one code for all, v2).
 */
import { CLUSTER_RESOURCE_NAME, ErrorCode, type ResponseInput } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';

/** Up to this version each feature has a code of its own; that of one that was set reads so. */
const RESULTS_VERSION_MAX = 1;
const SET = { errorCode: ErrorCode.NONE, errorMessage: 'NONE' };

export const updateFeatures: AdminHandlerOf<57> = {
  needs: () => [{ resource: 'cluster', name: CLUSTER_RESOURCE_NAME, operation: 'alter' }],
  async handle(request, services, { principal, requestId, apiVersion }) {
    const outcome = await services.admin({ kind: 'updateFeatures', request }, principal, requestId);
    if (!outcome.ok) return refused(outcome.code, outcome.why);
    const { errorCode, errorMessage } = outcome.value;
    if (errorCode !== ErrorCode.NONE || apiVersion > RESULTS_VERSION_MAX) return outcome.value;
    const results = request.featureUpdates.map(({ feature }) => ({ feature, ...SET }));
    return { throttleTimeMs: 0, errorCode, errorMessage, results };
  },
  refused: (_request, code, why) => refused(code, why),
};

function refused(errorCode: number, errorMessage: string): ResponseInput<57> {
  return { throttleTimeMs: 0, errorCode, errorMessage, results: [] };
}
