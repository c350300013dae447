/** What a room may say to people. pino stands behind it (`shell/logger.ts`); tests collect lines. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** For tests and tools that have nobody to tell. One that is spread into another logger leaves that one's children with it. */
export const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child() {
    return this;
  },
};
