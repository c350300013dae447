/** Finds the active controller, and finds it again: one session at a time, with whoever says that it is the one. */
import type { Clock, Counter, Limits, Logger, Metrics, Random } from '@odradek/base';
import { backoffMs, brokerSessionService } from '@odradek/rpc';
import type { Ending, FromBroker, FromController, Identity, Stream, StreamClient } from '@odradek/rpc';
import { Search, placeName } from '../core/search.ts';
import type { Endpoint, Failure, Hint, Place } from '../core/search.ts';
import { Conversation } from './conversation.ts';
import type { Told } from './conversation.ts';
import { Turnstile } from './turnstile.ts';

export type FinderOptions = {
  readonly identity: Identity;
  /** Reaches the controllers of other processes; left out: there are none. */
  readonly client?: StreamClient;
  /** A session with the controller of this process; left out: there is none. */
  readonly local?: () => Stream<FromBroker, FromController>;
  /** Where controllers may be, in order of preference; asked anew for each round. */
  readonly candidates: () => readonly Endpoint[];
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
};

export type FinderEvents = {
  readonly opened: (session: Conversation) => void;
  /** By the session, as long as it is the one. */
  readonly told: (session: Conversation, told: Told) => void;
};

type Standing = Extract<FromController, { readonly kind: 'active' | 'notActive' }>;
type Dialled =
  | { readonly ok: true; readonly stream: Stream<FromBroker, FromController> }
  | { readonly ok: false; readonly how: Failure; readonly why: string };

/** The session that there is. */
type Held = {
  readonly place: Place;
  readonly session: Conversation;
  readonly epoch: number;
  readonly openedMs: number;
};

/** Elections take less; and a reason that changes at each round is told only so often. */
const TELL_AFTER_MS = 1_000;
const TELL_EVERY_MS = 10_000;
const STOPS = 'this broker stops';

export class Finder {
  /** The session, and who waits for it. */
  readonly sessions: Turnstile<Conversation>;
  readonly #options: FinderOptions;
  readonly #events: FinderEvents;
  readonly #search: Search;
  /** Every stream that is there: one at most is the session, others are looked at or answer their last questions. */
  readonly #conversations = new Set<Conversation>();
  readonly #opens: Counter;
  /** By place, why it is not the active controller: what who waits in vain is told. */
  readonly #why = new Map<string, string>();
  #toldWhy: string | undefined;
  #tellAtMs: number;
  #heardMs: number;
  #held: Held | undefined;
  /** Those who have not answered yet. */
  readonly #asked = new Set<Place>();
  /** Since when the session is doubted. */
  #doubtedMs: number | undefined;
  /** Whose session was silent when another controller became active. */
  #outlived: { readonly nodeId: number; readonly untilMs: number } | undefined;
  /** Tells who looks that the session may be another matter. */
  #changed: () => void = () => undefined;
  #isLooking = false;
  #isClosed = false;
  #hadSession = false;

  constructor(options: FinderOptions, events: FinderEvents) {
    this.#options = options;
    this.#events = events;
    const { identity, clock, limits, metrics } = options;
    this.#search = new Search({ nodeId: identity.nodeId, steadyMs: limits.rpcRedialMaxMs });
    this.sessions = new Turnstile(clock);
    this.#heardMs = clock.monotonicMs();
    this.#tellAtMs = clock.monotonicMs() + TELL_AFTER_MS;
    this.#opens = metrics.counter('odradek_controller_session_opens_total', {});
    metrics.sample('odradek_controller_session_open', {}, () => (this.sessions.open === undefined ? 0 : 1));
    metrics.sample('odradek_controller_session_heard_seconds', {}, () => this.#silenceMs() / 1000);
  }

  /** Looks from now on, until it is closed. */
  begin(): void {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    void this.#look();
  }

  /** The session does not answer: it is looked whether another controller has become active. It stays the session until one has. */
  doubt(session: Conversation): void {
    if (this.#held?.session !== session || this.#doubtedMs !== undefined) return;
    this.#doubtedMs = this.#options.clock.monotonicMs();
    this.#changed();
  }

  /** @see ControllerLink.silentNode */
  get silentNode(): number | undefined {
    const { clock, limits } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#outlived !== undefined && nowMs < this.#outlived.untilMs) return this.#outlived.nodeId;
    if (this.#held === undefined || this.#doubtedMs === undefined) return undefined;
    const { place, session } = this.#held;
    if (place.kind === 'local' || nowMs - session.heardMs < limits.sessionSilentMs) return undefined;
    return place.nodeId ?? undefined;
  }

  /** Why there is no session, by place; '' when nothing is known. */
  get why(): string {
    return [...this.#why.values()].join('; ');
  }

  pause(failures: number): Promise<void> {
    const { clock, limits, random } = this.#options;
    return new Promise((resolve) => void clock.after(backoffMs(failures, limits, random), resolve));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.sessions.close();
    this.#changed();
    for (const each of this.#conversations) each.close(STOPS);
  }

  async #look(): Promise<void> {
    while (!this.#isClosed) {
      if (this.#isSettled()) {
        await this.#change();
        continue;
      }
      const step = this.#search.next(this.#places(), this.#avoided());
      if (step.kind === 'dial') await this.#ask(step.place);
      else {
        if (step.wasRefusedByAll) this.sessions.reject(`every controller refuses this broker: ${this.why}`);
        if (this.#held === undefined) this.#tellWhy();
        await this.#change(step.failures);
      }
    }
  }

  /** Asks a place for a session. Others are asked meanwhile, if it takes long: of three hosts one may be switched off. */
  async #ask(place: Place): Promise<void> {
    this.#asked.add(place);
    void this.#try(place).then(() => {
      this.#asked.delete(place);
      this.#changed();
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changed = resolve;
    const impatient = this.#options.clock.after(this.#options.limits.sessionPatienceMs, resolve);
    await promise;
    impatient.cancel();
  }

  #avoided(): Place[] {
    return this.#held === undefined ? [...this.#asked] : [...this.#asked, this.#held.place];
  }

  /** Resolves when the session may be another matter, or after the wait between rounds. */
  async #change(failures?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changed = resolve;
    const { clock, limits, random } = this.#options;
    const waitMs =
      failures === undefined ? undefined : Math.min(backoffMs(failures, limits, random), limits.sessionLookMs);
    const timer = waitMs === undefined ? undefined : clock.after(waitMs, resolve);
    await promise;
    timer?.cancel();
  }

  /** There is a session, and it was heard since somebody doubted it. */
  #isSettled(): boolean {
    if (this.#held === undefined) return false;
    if (this.#doubtedMs !== undefined && this.#held.session.heardMs > this.#doubtedMs) this.#doubtedMs = undefined;
    return this.#doubtedMs === undefined;
  }

  #places(): Place[] {
    const { local, client, identity, candidates } = this.#options;
    const places: Place[] = local === undefined ? [] : [{ kind: 'local' }];
    if (client === undefined) return places;
    for (const { nodeId, host, port } of candidates())
      if (local === undefined || nodeId !== identity.nodeId) places.push({ kind: 'remote', nodeId, host, port });
    return places;
  }

  /** Resolves when it is known whether this place has a session for this broker. */
  async #try(place: Place): Promise<void> {
    const dialled = await this.#dial(place);
    if (!dialled.ok) return this.#failed(place, dialled.how, dialled.why);
    if (this.#isClosed) return dialled.stream.close({ reason: 'closed', why: STOPS });
    const { clock, limits } = this.#options;
    const { promise, resolve: decided } = Promise.withResolvers<void>();
    let isAsking = true;
    const conversation: Conversation = new Conversation({
      stream: dialled.stream,
      clock,
      standing: (standing) => {
        silent.cancel();
        const isActive = this.#isActive(place, standing);
        if (!isActive) this.#leave(conversation);
        else if (isAsking) this.#opened(place, conversation, standing.leaderEpoch);
        isAsking = false;
        decided();
      },
      told: (told) => {
        if (this.#held?.session === conversation) this.#events.told(conversation, told);
      },
      ended: (ending) => {
        silent.cancel();
        this.#conversations.delete(conversation);
        if (isAsking) this.#failed(place, failureOf(ending), ending.why);
        if (this.#held?.session === conversation) this.#tellEnded(place, ending);
        this.#leave(conversation);
        isAsking = false;
        decided();
      },
    });
    const silent = clock.after(limits.sessionActiveWaitMs, () => {
      isAsking = false;
      this.#failed(place, 'silent', `${placeName(place)} does not know which controller is active`);
      this.#leave(conversation);
      decided();
    });
    this.#conversations.add(conversation);
    await promise;
  }

  async #dial(place: Place): Promise<Dialled> {
    const { local, client } = this.#options;
    if (place.kind === 'local') {
      if (local !== undefined) return { ok: true, stream: local() };
    } else if (client !== undefined) {
      const { host, port, nodeId } = place;
      const dialled = await client.dial(brokerSessionService, { host, port, nodeId, directoryId: null });
      return dialled.ok ? dialled : { ok: false, how: failureOf(dialled.ending), why: dialled.ending.why };
    }
    return { ok: false, how: 'unreachable', why: `${placeName(place)} cannot be reached from here` };
  }

  #isActive(place: Place, standing: Standing): boolean {
    if (standing.kind === 'active' && this.#search.active(place, standing.leaderEpoch)) return true;
    this.#seen('notActive');
    if (standing.kind === 'notActive') this.#search.notActive(place, hintOf(standing), this.#places());
    this.#why.set(placeName(place), `${placeName(place)} is not active`);
    return false;
  }

  #opened(place: Place, session: Conversation, epoch: number): void {
    const { log, clock, limits } = this.#options;
    const before = this.#held;
    // Of who was doubted and is heard again, or of whom there is a session already, no second one is wanted.
    if (before !== undefined && epoch <= before.epoch && this.#isSettled()) return session.retire();
    this.#seen('active');
    this.#opens.inc();
    this.#why.clear();
    this.#toldWhy = undefined;
    // The first one is what a start is about, and told by what comes of it.
    log[this.#hadSession ? 'info' : 'debug']({ epoch }, `there is a session with ${placeName(place)}, which is active`);
    this.#hadSession = true;
    const outlived = this.silentNode;
    const nowMs = clock.monotonicMs();
    if (outlived !== undefined) this.#outlived = { nodeId: outlived, untilMs: nowMs + limits.sessionSilentMs };
    this.#held = { place, session, epoch, openedMs: nowMs };
    this.#doubtedMs = undefined;
    // Who was active before decides nothing any more, and does not answer: whoever waits for it may go on.
    if (before !== undefined && epoch > before.epoch) before.session.destroy('another controller is active');
    else before?.session.retire();
    this.sessions.show(session);
    this.#events.opened(session);
  }

  /** It is not the session, or not any more. */
  #leave(conversation: Conversation): void {
    const held = this.#held;
    if (held?.session === conversation) {
      const nowMs = this.#options.clock.monotonicMs();
      this.#held = undefined;
      this.#doubtedMs = undefined;
      this.#heardMs = conversation.heardMs;
      this.#tellAtMs = nowMs + TELL_AFTER_MS;
      this.sessions.shut();
      const wasSilent = nowMs - conversation.heardMs >= this.#options.limits.rpcKeepaliveMs;
      this.#search.ended(nowMs - held.openedMs, wasSilent);
      this.#changed();
    }
    conversation.retire();
  }

  #failed(place: Place, how: Failure, why: string): void {
    this.#seen(how);
    this.#why.set(placeName(place), why);
    this.#search.failed(place, how);
  }

  #tellEnded(place: Place, { why }: Ending): void {
    if (!this.#isClosed) this.#options.log.warn({}, `the session with ${placeName(place)} has ended: ${why}`);
  }

  /** After a round in vain, when it lasts; again when it is another reason, now and then. */
  #tellWhy(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const { why } = this;
    if (nowMs < this.#tellAtMs || why === this.#toldWhy || this.#isClosed) return;
    this.#toldWhy = why;
    this.#tellAtMs = nowMs + TELL_EVERY_MS;
    this.#options.log.warn({}, `no active controller is found: ${why === '' ? 'no controller is known' : why}`);
  }

  #seen(outcome: 'active' | 'notActive' | Failure): void {
    this.#options.metrics.counter('odradek_controller_session_dials_total', { outcome }).inc();
  }

  #silenceMs(): number {
    return this.#options.clock.monotonicMs() - (this.sessions.open?.heardMs ?? this.#heardMs);
  }
}

function failureOf({ kind }: Ending): Failure {
  return kind === 'refused' || kind === 'invalid' ? 'refused' : 'unreachable';
}

function hintOf({ leaderId, leaderEpoch, host, port }: Hint): Hint {
  return { leaderId, leaderEpoch, host, port };
}
