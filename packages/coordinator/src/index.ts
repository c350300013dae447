export type * from './runtime/ports.ts';
