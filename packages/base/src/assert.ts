/** Assertions stay on in production: a broken claim is a bug, and a bug stops the process loudly. */

export class AssertionError extends Error {
  readonly state: object | undefined;
  constructor(claim: string, state?: object) {
    super(state === undefined ? `broken claim: ${claim}` : `broken claim: ${claim} ${describe(state)}`);
    this.name = 'AssertionError';
    this.state = state;
  }
}

/** Throws {@link AssertionError} when `holds` is false. `state` is rendered only then, so passing it costs nothing. */
export function assert(holds: boolean, claim: string, state?: object): asserts holds {
  if (!holds) throw new AssertionError(claim, state);
}

/** For the default branch of an exhaustive switch: the type checker proves that it cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionError('unreachable', { value });
}

const STATE_CHARS_MAX = 2_000;

function describe(state: object): string {
  try {
    const seen = new WeakSet<object>();
    const text = JSON.stringify(state, (_key, value: unknown) => {
      if (typeof value === 'bigint') return `${value}n`;
      if (value instanceof Map) return Array.from(value.entries()).slice(0, 20);
      if (value instanceof Uint8Array) return `<${value.length} bytes>`;
      if (typeof value === 'object' && value !== null) {
        if (seen.has(value)) return '<again>';
        seen.add(value);
      }
      return value;
    });
    return text.length > STATE_CHARS_MAX ? `${text.slice(0, STATE_CHARS_MAX)}…` : text;
  } catch {
    return '<state that cannot be rendered>';
  }
}
