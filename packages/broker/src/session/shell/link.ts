/**
 * The broker's link to the active controller, wherever that is. What waits for a session is asked in the next one; what was asked in one
 * that broke before the answer is asked again only when asking twice changes nothing. Metadata goes on where the last session left it.
 */
import { ok, refuse, unreachable } from '@odradek/base';
import type { Limits, Outcome } from '@odradek/base';
import { decodeAdminReply, encodeAdminRequest } from '@odradek/metadata';
import type {
  AdminKind,
  AdminReply,
  AdminRequest,
  BrokerHeartbeat,
  BrokerRegistration,
  ControllerLink,
  SessionObserver,
  Subscription,
} from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { Cursor } from '../core/cursor.ts';
import type { Heard } from '../core/cursor.ts';
import type { Conversation, Told } from './conversation.ts';
import { Finder } from './finder.ts';
import type { FinderOptions } from './finder.ts';

export type ControllerLinkOptions = FinderOptions & {
  /** How long a registration is tried again that is refused because another process has this id: it may be this broker's last life. */
  readonly duplicateMs: number;
  /** What the controller has committed cannot be understood: the broker must stop. */
  readonly bug: (error: unknown) => void;
};

export type OpenLink = ControllerLink & {
  /** Why there is no session now, for people; undefined while there is one. */
  readonly missing: string | undefined;
  /** Ends the session in order; nothing is asked any more. */
  close(): void;
};

/** As `Ask` carries it. */
type Asker = { readonly principal: string; readonly clientRequest: string | null };
type Submitted<R extends AdminRequest> = Outcome<{ readonly reply: AdminReply<R>; readonly committedOffset: number }>;
type Registered = Outcome<{ readonly brokerEpoch: number }>;

/** Asking them twice changes nothing. */
const READS: ReadonlySet<AdminKind> = new Set<AdminKind>(['describeQuorum', 'listPartitionReassignments']);

/** It looks for a controller from the first time that something is asked of it. */
export function createControllerLink(options: ControllerLinkOptions): OpenLink {
  return new Link(options);
}

class Link implements OpenLink {
  readonly #options: ControllerLinkOptions;
  readonly #finder: Finder;
  readonly #cursor = new Cursor();
  #observer: SessionObserver | undefined;
  /** The observer has no room. */
  #isHeld = false;
  #requests = 0;

  constructor(options: ControllerLinkOptions) {
    this.#options = options;
    this.#finder = new Finder(options, {
      opened: (session) => this.#greet(session),
      told: (session, told) => this.#told(session, told),
    });
  }

  get missing(): string | undefined {
    return this.#finder.sessions.open === undefined ? this.#withReasons('no active controller is found') : undefined;
  }

  async register(registration: BrokerRegistration, deadlineMs: number): Promise<Registered> {
    const { clock, duplicateMs, log } = this.#options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    const duplicateUntilMs = clock.monotonicMs() + Math.min(deadlineMs, duplicateMs);
    for (let attempt = 1; ; attempt += 1) {
      const session = await this.#session(untilMs, true);
      if (!session.ok) return session;
      const leftMs = Math.max(0, untilMs - clock.monotonicMs());
      const replied = await session.value.ask<'register'>(messageOf(registration), leftMs);
      // A life of a process is registered once, however often it asks.
      if (replied.kind === 'gone' || replied.kind === 'unsent') continue;
      if (replied.kind === 'late')
        return refuse(ErrorCode.REQUEST_TIMED_OUT, `the controller has not answered within ${deadlineMs} ms`);
      const { refused, brokerEpoch } = replied.reply;
      if (refused === null) return ok({ brokerEpoch });
      const { code, why } = refused;
      const isDuplicate = code === ErrorCode.DUPLICATE_BROKER_REGISTRATION;
      const lastMs = isDuplicate ? duplicateUntilMs : isPassing(code) ? untilMs : 0;
      if (clock.monotonicMs() >= lastMs) return refuse(code, why);
      if (attempt === 1) log.warn({ code }, `this broker is not registered yet: ${why}`);
      await this.#finder.pause(attempt);
    }
  }

  silentNode(): number | undefined {
    return this.#finder.silentNode;
  }

  async heartbeat(
    beat: BrokerHeartbeat,
  ): Promise<Outcome<{ readonly fenced: boolean; readonly shouldShutDown: boolean }>> {
    const session = this.#finder.sessions.open;
    if (session === undefined) return refuse(ErrorCode.NOT_CONTROLLER, this.#withReasons('there is no session'));
    const { sessionReplyMs, sessionDoubtMs } = this.#options.limits;
    const doubt = this.#options.clock.after(sessionDoubtMs, () => this.#finder.doubt(session));
    const directories = { offlineLogDirs: [...beat.offlineLogDirs], cordonedLogDirs: [...beat.cordonedLogDirs] };
    const message = { kind: 'heartbeat', ...beat, ...directories } as const;
    const replied = await session.ask<'heartbeat'>(message, sessionReplyMs);
    doubt.cancel();
    if (replied.kind === 'late') {
      const why = `the controller has not answered a heartbeat within ${sessionReplyMs} ms`;
      return refuse(ErrorCode.REQUEST_TIMED_OUT, why);
    }
    if (replied.kind !== 'reply') return refuse(ErrorCode.NOT_CONTROLLER, 'the session with the controller has ended');
    const { refused, fenced, shouldShutDown } = replied.reply;
    return refused === null ? ok({ fenced, shouldShutDown }) : refuse(refused.code, refused.why);
  }

  subscribe(observer: SessionObserver): Subscription {
    this.#observer = observer;
    this.#isHeld = false;
    const session = this.#finder.sessions.open;
    if (session === undefined) this.#finder.begin();
    else this.#greet(session);
    return {
      more: () => {
        if (this.#observer === observer) this.#more();
      },
      close: () => {
        if (this.#observer === observer) this.#observer = undefined;
      },
    };
  }

  async submit<R extends AdminRequest>(request: R, principal: string, clientRequest?: string): Promise<Submitted<R>> {
    const { sessionRequestsMax } = this.#options.limits;
    if (this.#requests >= sessionRequestsMax) {
      const why = `${sessionRequestsMax} requests wait for the controller, which is all that may: nothing was done, try again`;
      return refuse(ErrorCode.REQUEST_TIMED_OUT, why);
    }
    this.#requests += 1;
    const outcome = await this.#submit(request, { principal, clientRequest: clientRequest ?? null });
    this.#requests -= 1;
    return outcome;
  }

  close(): void {
    this.#observer = undefined;
    this.#finder.close();
  }

  async #submit<R extends AdminRequest>(request: R, asker: Asker): Promise<Submitted<R>> {
    const { clock, limits } = this.#options;
    const untilMs = clock.monotonicMs() + patienceMs(request, limits);
    const carried = { ...encodeAdminRequest(request), ...asker };
    for (let attempt = 1; ; attempt += 1) {
      const session = await this.#session(untilMs, false);
      if (!session.ok) return session;
      const deadlineMs = Math.max(0, Math.ceil(untilMs - clock.monotonicMs()));
      const replied = await session.value.ask<'ask'>({ kind: 'ask', ...carried, deadlineMs }, deadlineMs);
      if (replied.kind === 'unsent' || (replied.kind === 'gone' && READS.has(request.kind))) continue;
      if (replied.kind !== 'reply') return ofUnknownFate(replied.kind);
      const { refused, committedOffset, ...body } = replied.reply;
      if (refused === null) {
        const reply = decodeAdminReply<R>(request.kind, body);
        return reply.ok ? ok({ reply: reply.value, committedOffset }) : reply;
      }
      // Nothing came of it, and another controller, or the same one a little later, may take it.
      if (refused.code !== ErrorCode.NOT_CONTROLLER || clock.monotonicMs() >= untilMs)
        return refuse(refused.code, refused.why);
      await this.#finder.pause(attempt);
    }
  }

  /** The session, or the next one. @param mayGiveUp whether being refused by every controller ends the wait */
  async #session(untilMs: number, mayGiveUp: boolean): Promise<Outcome<Conversation>> {
    this.#finder.begin();
    const passed = await this.#finder.sessions.pass(untilMs, mayGiveUp);
    switch (passed.kind) {
      case 'open':
        return ok(passed.value);
      case 'rejected':
        return refuse(ErrorCode.INVALID_REGISTRATION, passed.why);
      case 'closed':
        return refuse(ErrorCode.NOT_CONTROLLER, 'this broker stops');
      case 'late':
        return refuse(ErrorCode.REQUEST_TIMED_OUT, this.#withReasons('no active controller was found in time'));
      default:
        return unreachable(passed);
    }
  }

  #withReasons(what: string): string {
    const { why } = this.#finder;
    return why === '' ? what : `${what}: ${why}`;
  }

  /** A session begins with where this broker is, and with its heart. */
  #greet(session: Conversation): void {
    const observer = this.#observer;
    if (observer === undefined) return;
    if (!this.#isHeld) this.#follow(session);
    observer.opened();
  }

  #follow(session: Conversation): void {
    this.#cursor.restart();
    session.say({ kind: 'subscribe', endOffset: this.#cursor.endOffset, epoch: this.#cursor.epoch });
  }

  #more(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    const session = this.#finder.sessions.open;
    if (session !== undefined) this.#follow(session);
  }

  #told(session: Conversation, told: Told): void {
    const observer = this.#observer;
    if (observer === undefined) return;
    if (told.kind === 'fenced') return observer.fenced(told.brokerEpoch, told.why);
    // What comes while there is no room is asked for again: the cursor stays where it is.
    if (!this.#isHeld && !observer.hasRoom()) this.#isHeld = true;
    if (this.#isHeld) return;
    switch (told.kind) {
      case 'snapshotChunk':
        return this.#heard(session, observer, this.#cursor.part(told));
      case 'committed':
        return this.#heard(session, observer, this.#cursor.batch(told));
      default:
        return unreachable(told);
    }
  }

  #heard(session: Conversation, observer: SessionObserver, heard: Heard): void {
    switch (heard.kind) {
      case 'snapshot':
        return observer.snapshot(heard.records);
      case 'batch':
        return observer.committed(heard.records);
      case 'nothing':
        return;
      case 'disorder':
        this.#options.log.error({}, `the controller tells the metadata in disorder: ${heard.why}`);
        return session.reject(heard.why);
      case 'unknown':
        session.reject(heard.why);
        return this.#options.bug(new Error(heard.why));
      default:
        return unreachable(heard);
    }
  }
}

function messageOf(registration: BrokerRegistration) {
  const { endpoints, features, logDirs, previousBrokerEpoch } = registration;
  const reached = endpoints.map((endpoint) => ({ ...endpoint, auto: endpoint.auto ?? null }));
  const lists = { endpoints: reached, features: [...features], logDirs: [...logDirs] };
  const previous = { previousBrokerEpoch: previousBrokerEpoch ?? null };
  return { kind: 'register', registration: { ...registration, ...lists, ...previous } } as const;
}

/** What a controller says that is not ready, or is not active any more. */
function isPassing(code: number): boolean {
  return code === ErrorCode.NOT_CONTROLLER || code === ErrorCode.REQUEST_TIMED_OUT;
}

/** How long a request waits for its answer: as long as its client does, within bounds. */
function patienceMs({ request }: AdminRequest, limits: Limits): number {
  const asked = 'timeoutMs' in request ? request.timeoutMs : 0;
  return asked > 0 ? Math.min(asked, limits.sessionRequestMs) : limits.sessionRequestMs;
}

function ofUnknownFate(how: 'gone' | 'late'): Outcome<never> {
  const what =
    how === 'gone' ? 'the session with the controller ended before its answer' : 'the controller took too long';
  return refuse(ErrorCode.REQUEST_TIMED_OUT, `${what}: the change may or may not have been made`);
}
