/**
 * What the active controller remembers of brokers and does not write down: when each was heard last, how far each has
 * applied the log. It is lost with the controller; the next one gives every registered broker a whole session timeout
 * to be heard.
 */

export type BrokerSession = {
  readonly brokerId: number;
  lastHeardMs: number;
  /** When its stream broke, as long as nothing was heard since. */
  lostAtMs: number | undefined;
  /** With the stream its whole process was lost: it is not waited for. */
  isNodeDown: boolean;
  /** false: nothing was heard since this controller became active, only assumed. */
  heard: boolean;
  /** The end offset up to which the broker has applied the metadata; -1: not known. */
  metadataOffset: number;
  /** The end offset of its registration: it may be unfenced once it has applied that. */
  registeredEnd: number;
  /** While it stops in order: the end offset that every other broker must have applied before it may go. */
  shutdownEnd: number | undefined;
};

export class BrokerSessions {
  readonly #sessions = new Map<number, BrokerSession>();

  get(brokerId: number): BrokerSession | undefined {
    return this.#sessions.get(brokerId);
  }

  all(): IterableIterator<BrokerSession> {
    return this.#sessions.values();
  }

  open(brokerId: number, registeredEnd: number, nowMs: number): BrokerSession {
    const session = {
      brokerId,
      lastHeardMs: nowMs,
      lostAtMs: undefined,
      isNodeDown: false,
      heard: false,
      metadataOffset: -1,
      registeredEnd,
      shutdownEnd: undefined,
    };
    this.#sessions.set(brokerId, session);
    return session;
  }

  close(brokerId: number): void {
    this.#sessions.delete(brokerId);
  }

  /** Whether the broker was heard within the session timeout by this very controller, on a stream that stands. */
  isLive(brokerId: number, nowMs: number, timeoutMs: number): boolean {
    const session = this.#sessions.get(brokerId);
    if (session === undefined || !session.heard || session.lostAtMs !== undefined) return false;
    return nowMs - session.lastHeardMs < timeoutMs;
  }
}
