/** Partitions that nobody has, to be taken one by one: any, or one with a replica in a given rack. */
export class Pool {
  readonly #partitions: readonly number[];
  readonly #taken: Uint8Array;
  #next = 0;
  readonly #byRack = new Map<string, { readonly at: number[]; next: number }>();

  /** @param racksOf racks of a partition's replicas; undefined: nobody asks by rack */
  constructor(partitions: readonly number[], racksOf: ((partition: number) => readonly string[]) | undefined) {
    this.#partitions = partitions;
    this.#taken = new Uint8Array(partitions.length);
    if (racksOf === undefined) return;
    partitions.forEach((partition, at) => {
      for (const rack of racksOf(partition)) {
        const queue = this.#byRack.get(rack);
        if (queue === undefined) this.#byRack.set(rack, { at: [at], next: 0 });
        else queue.at.push(at);
      }
    });
  }

  /** @returns the first one left; undefined when none is */
  take(): number | undefined {
    while (this.#taken[this.#next] === 1) this.#next += 1;
    const partition = this.#partitions[this.#next];
    this.#next += 1;
    return partition;
  }

  /** @returns the first one left with a replica in the rack; undefined when there is none */
  takeNear(rack: string | null): number | undefined {
    const queue = rack === null ? undefined : this.#byRack.get(rack);
    if (queue === undefined) return undefined;
    for (;;) {
      const at = queue.at[queue.next];
      if (at === undefined) return undefined;
      queue.next += 1;
      if (at < this.#next || this.#taken[at] === 1) continue;
      this.#taken[at] = 1;
      return this.#partitions[at];
    }
  }
}
