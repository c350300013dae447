/** DescribeNode, key 10002, v0 (Odradek's own): who this node is, and what its clock says. */
import { ErrorCode } from '@odradek/protocol';
import type { AdminHandlerOf } from './context.ts';

export const describeNode: AdminHandlerOf<10002> = {
  handle: (_request, { nodeId, clusterId, config, nowMs }) => ({
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    nodeId,
    clusterId,
    roles: [...config().get('process.roles')],
    wallClockMs: nowMs(),
  }),
  refused: (_request, errorCode, errorMessage) => ({
    errorCode,
    errorMessage,
    nodeId: -1,
    clusterId: '',
    roles: [],
    wallClockMs: -1,
  }),
};
