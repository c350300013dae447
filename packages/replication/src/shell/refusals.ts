/** What a partition answers when it does not do what was asked. */
import type { RecordError } from '@odradek/log';
import type { FetchResult, ProduceResult } from '../types.ts';

type Of = { readonly topic: string; readonly partition: number };

export const NO_RECORD_ERRORS: readonly RecordError[] = [];
export const NO_CHUNKS: readonly Buffer[] = [];

export function refusedProduce(of: Of, code: number, why: string): ProduceResult {
  return {
    topic: of.topic,
    partition: of.partition,
    code,
    why,
    baseOffset: -1,
    lastOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: NO_RECORD_ERRORS,
  };
}

export function refusedFetch(of: Of, code: number): FetchResult {
  return {
    topic: of.topic,
    partition: of.partition,
    code,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: null,
    chunks: NO_CHUNKS,
    sizeBytes: 0,
  };
}
