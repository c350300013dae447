/**
 * What admin clients were told, and what must therefore be found: per topic the state that was acknowledged last, and the one that may have
 * come of a change whose answer was lost. A topic is changed by one client, one change at a time, and by nobody after a lost answer, so the
 * state in the end is one of two.
 */
import { isDeepStrictEqual } from 'node:util';

export type TopicState = {
  readonly partitions: number;
  /** A value that is counted up: what is older than the last acknowledged one was applied again, or brought back. */
  readonly retentionMs: number;
  /** Appended one by one, each once. */
  readonly marks: readonly string[];
};

/** `undefined`: no such topic. */
export type Found = TopicState | undefined;

export type Change =
  | { readonly kind: 'create'; readonly partitions: number; readonly retentionMs: number }
  | { readonly kind: 'grow' }
  | { readonly kind: 'set'; readonly retentionMs: number }
  | { readonly kind: 'append'; readonly mark: string }
  | { readonly kind: 'delete' };

export function changed(state: Found, change: Change): Found {
  switch (change.kind) {
    case 'create':
      return { partitions: change.partitions, retentionMs: change.retentionMs, marks: [] };
    case 'delete':
      return undefined;
    case 'grow':
      return { ...there(state), partitions: there(state).partitions + 1 };
    case 'set':
      return { ...there(state), retentionMs: change.retentionMs };
    case 'append':
      return { ...there(state), marks: [...there(state).marks, change.mark] };
    default:
      throw new Error(`no such change: ${JSON.stringify(change satisfies never)}`);
  }
}

function there(state: Found): TopicState {
  if (state === undefined) throw new Error('a topic is created before it is changed');
  return state;
}

export class TopicRecord {
  readonly name: string;
  /** As the answer to its creation said. */
  id: string | undefined;
  /** What was acknowledged. */
  certain: Found;
  /** What a lost answer may have brought about; set once, and nothing is changed afterwards. */
  possible: { readonly state: Found } | undefined;

  constructor(name: string) {
    this.name = name;
  }

  acknowledged(change: Change): void {
    this.certain = changed(this.certain, change);
  }

  lost(change: Change): void {
    this.possible = { state: changed(this.certain, change) };
  }

  /** @returns what is wrong with what was found; undefined when it is what was acknowledged */
  judge(found: Found, id: string | undefined): string | undefined {
    const allowed = this.possible === undefined ? [this.certain] : [this.certain, this.possible.state];
    if (!allowed.some((state) => isDeepStrictEqual(state, found))) {
      return `topic ${this.name} is ${show(found)}, and must be ${allowed.map(show).join(' or ')}`;
    }
    if (found !== undefined && this.id !== undefined && id !== this.id)
      return `topic ${this.name} has the id ${id}, and was created as ${this.id}`;
    return undefined;
  }
}

const show = (state: Found): string => (state === undefined ? 'absent' : JSON.stringify(state));
