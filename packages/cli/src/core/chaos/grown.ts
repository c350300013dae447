/** Numbers by index in typed arrays that grow by doubling: a byte or eight a record, over millions of records. */

const FIRST = 1_024;

type Typed = Uint8Array | Uint32Array | Float64Array;

export class Grown<T extends Typed> {
  private values: T;
  private readonly make: (length: number) => T;

  /** @param make as `(length) => new Uint8Array(length)` */
  constructor(make: (length: number) => T) {
    this.make = make;
    this.values = make(FIRST);
  }

  /** 0 where nothing was set. */
  get(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    if (index >= this.values.length) this.grow(index);
    this.values[index] = value;
  }

  add(index: number, value: number): void {
    this.set(index, this.get(index) + value);
  }

  private grow(index: number): void {
    let length = this.values.length;
    while (length <= index) length *= 2;
    const grown = this.make(length);
    grown.set(this.values);
    this.values = grown;
  }
}

export const bytes = (): Grown<Uint8Array> => new Grown((length) => new Uint8Array(length));
export const counts = (): Grown<Uint32Array> => new Grown((length) => new Uint32Array(length));
export const numbers = (): Grown<Float64Array> => new Grown((length) => new Float64Array(length));
