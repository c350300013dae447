export type * from './admin.ts';
export type * from './ports.ts';
