/** The three kinds of wrongness: a refusal is a value (here), a fault is thrown by a shell, a bug is an assertion. */

/** A Kafka error code (int16); the table with every code is `ErrorCode` in @odradek/protocol. */
export type Code = number;

export type Refusal = { readonly ok: false; readonly code: Code; readonly why: string };
export type Outcome<T> = { readonly ok: true; readonly value: T } | Refusal;

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Characters of a reason. The values in it are a client's, which may be of any length, and it has to fit into an answer. */
const WHY_CHARS_MAX = 4_096;

/** @param why a sentence for a person: what is wrong, with the value, and what to do. It travels as `errorMessage` where the API has one. */
export function refuse(code: Code, why: string): Refusal {
  return { ok: false, code, why: why.length <= WHY_CHARS_MAX ? why : `${why.slice(0, WHY_CHARS_MAX - 1)}…` };
}

/** The world failed under a file: thrown by shells with the cause, turned into KAFKA_STORAGE_ERROR at one place. */
export class StorageFault extends Error {
  readonly path: string;
  /** The system's code (ENOSPC, EIO, EROFS, …), when there is one. */
  readonly systemCode: string | undefined;
  constructor(path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`storage fault at ${path}: ${reason}`, { cause });
    this.name = 'StorageFault';
    this.path = path;
    this.systemCode = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
  }
}
