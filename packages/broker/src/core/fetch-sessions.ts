/**
 * Incremental fetch sessions (KIP-227): the broker remembers which partitions a consumer fetches and from where, so that a request names
 * only what changed and an answer only what has news. Pure; a session belongs to nobody's connection and is found by its id.
 */
import { assert, Prng } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

/** `sessionId` of a request or response without a session. */
export const NO_SESSION = 0;
const INITIAL_EPOCH = 0;
const FINAL_EPOCH = -1;
const EPOCH_MAX = 0x7fff_ffff;
/** A session that was used, or another consumer's that is younger than this, is not put out for a new one: they would evict each other. */
const EVICTION_AGE_MS = 120_000;
/** How many of the least recently used sessions are looked at for one that is smaller than the new one. */
const EVICTION_CANDIDATES = 16;

/** One partition as a consumer asks for it, and what it was told last. */
export type SessionPartition = {
  /** Empty while the topic id is not known here. */
  topic: string;
  /** Empty in a session that goes by topic names. */
  readonly topicId: string;
  readonly partition: number;
  fetchOffset: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  maxBytes: number;
  /** -1: nothing told yet, or the last answer was an error. */
  toldHighWatermark: number;
  toldLogStartOffset: number;
};

export type SessionRequest = {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly usesTopicIds: boolean;
  readonly partitions: readonly SessionPartition[];
  readonly forgotten: readonly { readonly topic: string; readonly topicId: string; readonly partition: number }[];
  readonly nowMs: number;
};

/** What to fetch, and how to answer. */
export type FetchContext =
  | { readonly kind: 'refused'; readonly code: number }
  | { readonly kind: 'sessionless'; readonly partitions: readonly SessionPartition[] }
  | { readonly kind: 'full'; readonly partitions: readonly SessionPartition[]; readonly usesTopicIds: boolean }
  | {
      readonly kind: 'incremental';
      readonly partitions: readonly SessionPartition[];
      readonly session: FetchSession;
      /** The epoch the session had moved to when this request was taken. */
      readonly epoch: number;
    };

/** The part of a partition's result that decides whether it is news. */
export type SessionResult = {
  readonly code: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly sizeBytes: number;
  readonly divergingEpoch?: object;
  readonly preferredReadReplica?: number;
};

export type SessionAnswer = {
  readonly code: number;
  readonly sessionId: number;
  /** Indexes into the context's partitions of what is to be sent, in order; null sends all. */
  readonly changed: readonly number[] | null;
};

export type FetchSession = {
  readonly id: number;
  readonly usesTopicIds: boolean;
  readonly createdMs: number;
  lastUsedMs: number;
  /** What the next request must carry. */
  epoch: number;
  /** In the order in which they take of a request's bytes: who got records goes to the end. */
  readonly partitions: Map<string, SessionPartition>;
};

export class FetchSessions {
  readonly #sessionsMax: number;
  readonly #partitionsMax: number;
  readonly #ids: Prng;
  /** Least recently used first. */
  readonly #sessions = new Map<number, FetchSession>();
  #partitionCount = 0;
  #evicted = 0;

  /**
   * @param bounds `sessions`: max.incremental.fetch.session.cache.slots; `partitions`: remembered over all sessions
   * @param seed for the ids, so that an old id is not met by chance after a restart
   */
  constructor(bounds: { readonly sessions: number; readonly partitions: number }, seed: number) {
    this.#sessionsMax = bounds.sessions;
    this.#partitionsMax = bounds.partitions;
    this.#ids = new Prng(seed);
  }

  /** Sessions that gave way to newer ones so far. */
  get evictedCount(): number {
    return this.#evicted;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  /** What a request fetches. A full request closes the session it names; only `answered` opens a new one. */
  open(request: SessionRequest): FetchContext {
    const { sessionId, sessionEpoch, partitions, usesTopicIds } = request;
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      const named = this.#sessions.get(sessionId);
      if (named !== undefined) this.#close(named);
      return sessionEpoch === FINAL_EPOCH
        ? { kind: 'sessionless', partitions }
        : { kind: 'full', partitions, usesTopicIds };
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return { kind: 'refused', code: ErrorCode.FETCH_SESSION_ID_NOT_FOUND };
    if (session.epoch !== sessionEpoch) return { kind: 'refused', code: ErrorCode.INVALID_FETCH_SESSION_EPOCH };
    if (session.usesTopicIds !== usesTopicIds) return { kind: 'refused', code: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR };
    this.#update(session, request);
    if (session.partitions.size === 0) {
      this.#close(session);
      return { kind: 'sessionless', partitions };
    }
    if (this.#partitionCount > this.#partitionsMax) {
      this.#close(session);
      return { kind: 'refused', code: ErrorCode.FETCH_SESSION_ID_NOT_FOUND };
    }
    this.#touch(session, request.nowMs);
    session.epoch = nextEpoch(session.epoch);
    return { kind: 'incremental', session, epoch: session.epoch, partitions: Array.from(session.partitions.values()) };
  }

  /** How to answer, given a result for each of the context's partitions in their order. Remembers what is told. */
  answered(context: FetchContext, results: readonly SessionResult[], nowMs: number): SessionAnswer {
    switch (context.kind) {
      case 'refused':
        return { code: context.code, sessionId: NO_SESSION, changed: [] };
      case 'sessionless':
        return { code: ErrorCode.NONE, sessionId: NO_SESSION, changed: null };
      case 'full':
        return { code: ErrorCode.NONE, sessionId: this.#create(context, results, nowMs), changed: null };
      case 'incremental':
        return answerIncremental(context, results);
    }
  }

  #update(session: FetchSession, request: SessionRequest): void {
    for (const asked of request.partitions) {
      const key = partitionKey(asked);
      const known = session.partitions.get(key);
      if (known === undefined) {
        session.partitions.set(key, asked);
        this.#partitionCount += 1;
      } else {
        known.fetchOffset = asked.fetchOffset;
        known.currentLeaderEpoch = asked.currentLeaderEpoch;
        known.lastFetchedEpoch = asked.lastFetchedEpoch;
        known.maxBytes = asked.maxBytes;
      }
    }
    for (const forgotten of request.forgotten) {
      if (session.partitions.delete(partitionKey(forgotten))) this.#partitionCount -= 1;
    }
  }

  #create(
    context: { readonly partitions: readonly SessionPartition[]; readonly usesTopicIds: boolean },
    results: readonly SessionResult[],
    nowMs: number,
  ): number {
    const count = context.partitions.length;
    if (this.#partitionCount + count > this.#partitionsMax) return NO_SESSION;
    if (this.#sessions.size >= this.#sessionsMax && !this.#evictFor(count, nowMs)) return NO_SESSION;
    const partitions = new Map<string, SessionPartition>();
    for (let at = 0; at < count; at += 1) {
      const partition = context.partitions[at];
      const result = results[at];
      assert(partition !== undefined && result !== undefined, 'a result for each partition');
      remember(partition, result);
      partitions.set(partitionKey(partition), partition);
    }
    const session: FetchSession = {
      id: this.#freshId(),
      usesTopicIds: context.usesTopicIds,
      createdMs: nowMs,
      lastUsedMs: nowMs,
      epoch: nextEpoch(INITIAL_EPOCH),
      partitions,
    };
    this.#sessions.set(session.id, session);
    this.#partitionCount += partitions.size;
    return session.id;
  }

  /** KIP-227: a session gives way when it is stale, or when it is old and remembers fewer partitions than the new one would. */
  #evictFor(partitionCount: number, nowMs: number): boolean {
    let looked = 0;
    let smallest: FetchSession | undefined;
    for (const session of this.#sessions.values()) {
      if (looked === 0 && nowMs - session.lastUsedMs > EVICTION_AGE_MS) {
        this.#evicted += 1;
        this.#close(session);
        return true;
      }
      if (looked === EVICTION_CANDIDATES) break;
      looked += 1;
      if (nowMs - session.createdMs <= EVICTION_AGE_MS) continue;
      if (smallest === undefined || session.partitions.size < smallest.partitions.size) smallest = session;
    }
    if (smallest === undefined || smallest.partitions.size >= partitionCount) return false;
    this.#evicted += 1;
    this.#close(smallest);
    return true;
  }

  #touch(session: FetchSession, nowMs: number): void {
    session.lastUsedMs = nowMs;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #close(session: FetchSession): void {
    if (!this.#sessions.delete(session.id)) return;
    this.#partitionCount -= session.partitions.size;
    assert(this.#partitionCount >= 0, 'a session is closed once');
  }

  #freshId(): number {
    for (;;) {
      const id = 1 + this.#ids.below(EPOCH_MAX);
      if (!this.#sessions.has(id)) return id;
    }
  }
}

/** 1, 2, … and from the largest int32 back to 1: 0 and -1 mean something else. */
export function nextEpoch(epoch: number): number {
  return epoch === EPOCH_MAX ? 1 : epoch + 1;
}

function partitionKey(of: { readonly topic: string; readonly topicId: string; readonly partition: number }): string {
  return `${of.topicId === '' ? of.topic : of.topicId}:${of.partition}`;
}

function answerIncremental(
  context: { readonly partitions: readonly SessionPartition[]; readonly session: FetchSession; readonly epoch: number },
  results: readonly SessionResult[],
): SessionAnswer {
  const { session, partitions } = context;
  // Another request of the same session was taken while this one waited: the client has given this answer up.
  if (session.epoch !== context.epoch) {
    return { code: ErrorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: session.id, changed: [] };
  }
  const changed: number[] = [];
  for (let at = 0; at < partitions.length; at += 1) {
    const partition = partitions[at];
    const result = results[at];
    assert(partition !== undefined && result !== undefined, 'a result for each partition');
    if (isNews(partition, result)) changed.push(at);
    remember(partition, result);
    if (result.sizeBytes > 0) moveToEnd(session, partition);
  }
  return { code: ErrorCode.NONE, sessionId: session.id, changed };
}

function isNews(partition: SessionPartition, result: SessionResult): boolean {
  return (
    result.sizeBytes > 0 ||
    result.code !== ErrorCode.NONE ||
    result.divergingEpoch !== undefined ||
    result.preferredReadReplica !== undefined ||
    result.highWatermark !== partition.toldHighWatermark ||
    result.logStartOffset !== partition.toldLogStartOffset
  );
}

/** After an error the partition counts as untold, so that it is named again once the error is over. */
function remember(partition: SessionPartition, result: SessionResult): void {
  partition.toldHighWatermark = result.code === ErrorCode.NONE ? result.highWatermark : -1;
  partition.toldLogStartOffset = result.logStartOffset;
}

function moveToEnd(session: FetchSession, partition: SessionPartition): void {
  const key = partitionKey(partition);
  if (!session.partitions.delete(key)) return;
  session.partitions.set(key, partition);
}
