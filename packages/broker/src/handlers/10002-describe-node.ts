/** DescribeNode, key 10002, v0 (Odradek's own): who this broker is, what its clock says, and when it last heard of a controller. */
import { ErrorCode } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';

export const describeNode: HandlerOf<10002> = {
  handle: (_request, { nodeId, clusterId, config, nowMs, controllerSilentMs, addressProblems }) => ({
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    nodeId,
    clusterId,
    roles: [...config().get('process.roles')],
    wallClockMs: nowMs(),
    controllerSilentMs: Math.round(controllerSilentMs()),
    addressProblems: addressProblems(),
  }),
  refused: (_request, errorCode, errorMessage) => ({
    errorCode,
    errorMessage,
    nodeId: -1,
    clusterId: '',
    roles: [],
    wallClockMs: -1,
    controllerSilentMs: -1,
    addressProblems: [],
  }),
};
