/** The assignors that a group may ask for, by name. */
import { RANGE, range } from './range.ts';
import type { Assign } from './types.ts';
import { UNIFORM, uniform } from './uniform.ts';

export const assignors: ReadonlyMap<string, Assign> = new Map([
  [UNIFORM, uniform],
  [RANGE, range],
]);
