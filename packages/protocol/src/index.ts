export * from './apis.ts';
export * from './codes.ts';
export * from './constants.ts';
export * from './errors.ts';
export * from './features.ts';
export * from './messages/index.ts';
export { f, holdsVersion, message } from './schema.ts';
export type { Field, Fields, Infer, Input, Message, MessageKind } from './schema.ts';
