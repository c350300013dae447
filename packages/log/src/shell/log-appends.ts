/** An append to one log, from the request to the bytes on file: all of it or nothing. */
import { ok, refuse } from '@odradek/base';
import type { Limits, Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { AppendPlan, planAppend, sealPlan } from '../core/append.ts';
import { judgeProducer } from '../core/producer-batches.ts';
import type { KeptBatch } from '../core/producers.ts';
import type { AppendOutcome, AppendRequest } from '../types.ts';
import type { LogState } from './load.ts';
import type { LogBody } from './log-body.ts';
import type { LogFlushing } from './log-flushing.ts';
import type { LogHealth } from './log-health.ts';

export type AppendedLog = {
  readonly body: LogBody;
  readonly health: LogHealth;
  readonly flushing: LogFlushing;
  readonly limits: Limits;
};

export class LogAppends {
  readonly #log: AppendedLog;
  readonly #plan = new AppendPlan();

  constructor(log: AppendedLog) {
    this.#log = log;
  }

  append(request: AppendRequest): AppendOutcome {
    try {
      return this.#append(request, this.#log.body.state);
    } catch (cause) {
      return this.#log.health.refusalOf(cause);
    }
  }

  #append(request: AppendRequest, state: LogState): AppendOutcome {
    const plan = this.#plan;
    const { body, limits } = this.#log;
    const { config, logEndOffset, logStartOffset } = body;
    const unpackedBytesMax = limits.decompressedBatchBytesMax;
    const refusal = planAppend(request, { config, logEndOffset, unpackedBytesMax }, plan);
    if (refusal !== undefined) return refusal;
    if (plan.records.length > config.segmentBytes && request.origin !== 'replication') return this.#tooLarge();
    const verdict = judgeProducer(state.producers, plan.records, request.origin);
    if (verdict.kind === 'refused') return verdict.refusal;
    if (verdict.kind === 'duplicate') return this.#duplicate(verdict.of);
    const rolled = body.makeRoomFor(plan, request.nowMs);
    sealPlan(request, plan);
    body.write(plan);
    this.#appended(plan, rolled);
    return ok({
      firstOffset: plan.firstOffset,
      lastOffset: plan.lastOffset,
      logAppendTimeMs: plan.logAppendTimeMs,
      logStartOffset,
      sizeBytes: plan.records.length,
      recordCount: plan.recordCount,
      duplicate: false,
    });
  }

  /** The append has succeeded: nothing that follows may undo that. */
  #appended(plan: AppendPlan, rolled: boolean): void {
    const { body, health, flushing } = this.#log;
    const { active } = body;
    if (active.indexes.waiting) {
      try {
        active.saveIndexes();
      } catch (cause) {
        health.note(cause); // on a full disk the rows wait in memory
      }
    }
    flushing.appended(plan.records.length, plan.recordCount, rolled);
  }

  #tooLarge(): Refusal {
    const { segmentBytes } = this.#log.body.config;
    return refuse(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `an append of ${this.#plan.records.length} bytes does not fit into a segment: segment.bytes is ${segmentBytes}`,
    );
  }

  #duplicate(of: KeptBatch): AppendOutcome {
    const { config, logStartOffset } = this.#log.body;
    return ok({
      firstOffset: of.firstOffset,
      lastOffset: of.lastOffset,
      logAppendTimeMs: config.messageTimestampType === 'LogAppendTime' ? of.timestampMs : -1,
      logStartOffset,
      sizeBytes: 0,
      recordCount: of.lastOffset - of.firstOffset + 1,
      duplicate: true,
    });
  }
}
