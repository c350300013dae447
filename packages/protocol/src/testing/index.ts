export { checkVector } from './golden.ts';
export type { Verdict } from './golden.ts';
