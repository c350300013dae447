/** A compaction in a thread of its own: the event loop of the node never waits for it. The thread lives as long as the compaction does. */
import { Worker } from 'node:worker_threads';
import { StorageFault } from '@odradek/base';
import { CompactionStopped } from './compactor.ts';
import type { CleanedGroup, CompactionPlan, CompactionRunner, KeysRead, SourceSegment } from './compactor.ts';

export type ThreadRequest =
  | { readonly kind: 'begin'; readonly plan: CompactionPlan }
  | { readonly kind: 'clean'; readonly group: readonly SourceSegment[] };

/** Not a question: it has no answer, and may come while one is worked on. */
export type ThreadOrder = { readonly kind: 'limit'; readonly bytesPerSecond: number };

export type ThreadAnswer =
  | { readonly kind: 'keysRead'; readonly value: KeysRead }
  | { readonly kind: 'cleaned'; readonly value: CleanedGroup }
  | { readonly kind: 'fault'; readonly path: string; readonly why: string; readonly systemCode: string | undefined }
  | { readonly kind: 'bug'; readonly error: Error };

type Waiting = { readonly resolve: (answer: ThreadAnswer) => void; readonly reject: (cause: Error) => void };

export class CompactionThread implements CompactionRunner {
  #worker: Worker | undefined;
  #waiting: Waiting | undefined;
  #stopped = false;
  #bytesPerSecond = Infinity;

  async begin(plan: CompactionPlan): Promise<KeysRead> {
    const answer = await this.#ask({ kind: 'begin', plan });
    return answer.kind === 'keysRead' ? answer.value : failed(answer);
  }

  async clean(group: readonly SourceSegment[]): Promise<CleanedGroup> {
    const answer = await this.#ask({ kind: 'clean', group });
    return answer.kind === 'cleaned' ? answer.value : failed(answer);
  }

  limit(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#worker?.postMessage(this.#limitOrder);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
    this.#settle((waiting) => waiting.reject(new CompactionStopped()));
  }

  get #limitOrder(): ThreadOrder {
    return { kind: 'limit', bytesPerSecond: this.#bytesPerSecond };
  }

  #ask(request: ThreadRequest): Promise<ThreadAnswer> {
    if (this.#stopped) return Promise.reject(new CompactionStopped());
    const worker = (this.#worker ??= this.#open());
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      worker.postMessage(request);
    });
  }

  #open(): Worker {
    // By its door: sources run as they are, a published package has been built.
    const file = new URL(import.meta.resolve('@odradek/log/compaction-worker'));
    const worker = new Worker(file, { name: 'compaction' });
    // An idle compaction must not keep the process alive.
    worker.unref();
    worker.postMessage(this.#limitOrder);
    worker.on('message', (answer: ThreadAnswer) => this.#settle((waiting) => waiting.resolve(answer)));
    worker.on('error', (cause: unknown) => {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#settle((waiting) => waiting.reject(error));
    });
    worker.on('exit', () => this.#settle((waiting) => waiting.reject(new CompactionStopped())));
    return worker;
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) how(waiting);
  }
}

function failed(answer: ThreadAnswer): never {
  if (answer.kind === 'fault') {
    const cause =
      answer.systemCode === undefined ? answer.why : Object.assign(new Error(answer.why), { code: answer.systemCode });
    throw new StorageFault(answer.path, cause);
  }
  if (answer.kind === 'bug') throw answer.error;
  throw new Error(`a compaction answered ${answer.kind} to another question`);
}
