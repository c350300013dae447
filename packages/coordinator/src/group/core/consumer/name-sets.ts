/**
 * The sets of topic names that a group's members subscribe to. Members mostly subscribe to the same: they share one set, so that what follows
 * from a subscription is worked out once for all of them.
 */
type Shared = { readonly key: string; readonly names: ReadonlySet<string>; users: number };

export class NameSets {
  readonly #byKey = new Map<string, Shared>();
  readonly #bySet = new Map<ReadonlySet<string>, Shared>();

  /** @returns the same set for the same names, in whatever order, as long as somebody has it */
  take(names: readonly string[]): ReadonlySet<string> {
    if (names.length === 0) return NO_NAMES;
    const set = new Set(names);
    // No name of a topic has a line's end in it; one that has is of no topic, and two such sets may be taken for one without harm.
    const key = Array.from(set).sort(byText).join('\n');
    let shared = this.#byKey.get(key);
    if (shared === undefined) {
      shared = { key, names: set, users: 0 };
      this.#byKey.set(key, shared);
      this.#bySet.set(set, shared);
    }
    shared.users += 1;
    return shared.names;
  }

  release(names: ReadonlySet<string>): void {
    const shared = this.#bySet.get(names);
    if (shared === undefined) return;
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#byKey.delete(shared.key);
    this.#bySet.delete(names);
  }
}

const NO_NAMES: ReadonlySet<string> = new Set();

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
