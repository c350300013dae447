/** Which of many like events get a log line: a few of each kind in a window, then silence with a count, so that no client can fill a disk. */

const LINES_PER_WINDOW = 5;
const WINDOW_MS = 10_000;

type Window = { startMs: number; lines: number; silenced: number };

/** @typeParam Kind few by construction (misuses, APIs): each is kept */
export class LineLimit<Kind extends string> {
  readonly #windows = new Map<Kind, Window>();

  /** @returns undefined: stay silent; otherwise write a line, and say how many were kept silent before it */
  due(kind: Kind, nowMs: number): { readonly silenced: number } | undefined {
    let window = this.#windows.get(kind);
    if (window === undefined) {
      window = { startMs: nowMs, lines: 0, silenced: 0 };
      this.#windows.set(kind, window);
    }
    if (nowMs - window.startMs >= WINDOW_MS) {
      window.startMs = nowMs;
      window.lines = 0;
    }
    if (window.lines === LINES_PER_WINDOW) {
      window.silenced += 1;
      return undefined;
    }
    window.lines += 1;
    const { silenced } = window;
    window.silenced = 0;
    return { silenced };
  }
}
