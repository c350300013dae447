/**
 * Where to look for the active controller. A round asks every known place once: first whom somebody named, then the one that was active
 * last, then the others, those last that could not be reached when they were tried. After a round in vain somebody waits. So whatever
 * places say of each other, each is asked at most once a round; a place that opens sessions and drops them is waited for, too.
 */
export type Endpoint = { readonly nodeId: number | null; readonly host: string; readonly port: number };
export type Place = { readonly kind: 'local' } | ({ readonly kind: 'remote' } & Endpoint);

/** Whom a controller that is not active takes for active; -1: nobody. `host` '': where it is was not said. */
export type Hint = {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly host: string;
  readonly port: number;
};

/** - `silent`: it does not know who is active. */
export type Failure = 'refused' | 'unreachable' | 'silent';

export type Step =
  | { readonly kind: 'dial'; readonly place: Place }
  /** @see backoffMs, which takes `failures` */
  | { readonly kind: 'wait'; readonly failures: number; readonly wasRefusedByAll: boolean };

export type SearchOptions = {
  /** A session that lasted shorter is a failure. */
  readonly steadyMs: number;
  readonly nodeId: number;
};

/** Sessions that may break soon after they began before somebody waits. */
const BRIEF_MAX = 2;

export class Search {
  readonly #options: SearchOptions;
  /** Of this round, how it went. */
  readonly #tried = new Map<string, Failure | 'notActive'>();
  /** Could not be reached when tried last. */
  readonly #down = new Set<string>();
  #hint: Place | undefined;
  #lastActive: Place | undefined;
  /** The newest epoch of which somebody was active. */
  #epoch = -1;
  #roundsInVain = 0;
  #briefInRow = 0;
  #mustWait = false;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  /**
   * @param places where a controller may be, in order of preference
   * @param avoided who is being asked already, or does not answer now
   */
  next(places: readonly Place[], avoided: readonly Place[] = []): Step {
    if (this.#mustWait) return this.#wait(false);
    const hint = this.#hint;
    this.#hint = undefined;
    const mayTry = (place: Place): boolean =>
      !this.#tried.has(keyOf(place)) && !avoided.some((each) => this.#isSame(place, each));
    if (hint !== undefined && mayTry(hint)) return { kind: 'dial', place: hint };
    const last = this.#lastActive;
    const known =
      last === undefined || !places.some((each) => keyOf(each) === keyOf(last)) ? places : [last, ...places];
    const untried = known.filter(mayTry);
    const place = untried.find((each) => !this.#down.has(keyOf(each))) ?? untried[0];
    if (place !== undefined) return { kind: 'dial', place };
    this.#roundsInVain += 1;
    const answers = [...this.#tried.values()];
    return this.#wait(answers.length > 0 && avoided.length === 0 && answers.every((how) => how === 'refused'));
  }

  /** @returns false: it is behind what is known, and does not know it yet */
  active(place: Place, epoch: number): boolean {
    this.#down.delete(keyOf(place));
    if (epoch < this.#epoch) {
      this.#tried.set(keyOf(place), 'notActive');
      return false;
    }
    this.#epoch = epoch;
    this.#lastActive = place;
    this.#roundsInVain = 0;
    this.#tried.clear();
    return true;
  }

  notActive(place: Place, hint: Hint, places: readonly Place[]): void {
    this.#down.delete(keyOf(place));
    this.#tried.set(keyOf(place), 'notActive');
    const named = this.#placeOf(hint, places);
    if (named === undefined || hint.leaderEpoch < this.#epoch) return;
    // Who has just been found dead is not alive because somebody has not heard of it yet.
    if (this.#down.has(keyOf(named)) && hint.leaderEpoch === this.#epoch) return;
    this.#hint = named;
  }

  failed(place: Place, how: Failure): void {
    this.#tried.set(keyOf(place), how);
    if (how === 'unreachable') this.#down.add(keyOf(place));
  }

  /**
   * A session is over, and may be begun again at once.
   * @param wasSilent the controller was not heard at the end: others are asked first
   */
  ended(lastedMs: number, wasSilent: boolean): void {
    if (wasSilent && this.#lastActive !== undefined) this.#down.add(keyOf(this.#lastActive));
    this.#briefInRow = lastedMs < this.#options.steadyMs ? this.#briefInRow + 1 : 0;
    this.#mustWait = this.#briefInRow > BRIEF_MAX;
  }

  /** A node may be known by several addresses. */
  #isSame(place: Place, other: Place): boolean {
    const nodeIdOf = (each: Place): number | null => (each.kind === 'local' ? this.#options.nodeId : each.nodeId);
    const nodeId = nodeIdOf(place);
    return keyOf(place) === keyOf(other) || (nodeId !== null && nodeId === nodeIdOf(other));
  }

  #wait(wasRefusedByAll: boolean): Step {
    this.#mustWait = false;
    this.#tried.clear();
    const failures = Math.max(1, this.#roundsInVain, this.#briefInRow - BRIEF_MAX);
    return { kind: 'wait', failures, wasRefusedByAll };
  }

  #placeOf({ leaderId, host, port }: Hint, places: readonly Place[]): Place | undefined {
    if (leaderId < 0) return undefined;
    const local = places.find((each) => each.kind === 'local');
    if (leaderId === this.#options.nodeId && local !== undefined) return local;
    if (host !== '') return { kind: 'remote', nodeId: leaderId, host, port };
    return places.find((each) => each.kind === 'remote' && each.nodeId === leaderId);
  }
}

export function placeName(place: Place): string {
  if (place.kind === 'local') return 'the controller of this node';
  const { nodeId, host, port } = place;
  return nodeId === null ? `${host}:${port}` : `node ${nodeId} (${host}:${port})`;
}

function keyOf(place: Place): string {
  return place.kind === 'local' ? 'local' : `${place.host}:${place.port}`;
}
