/** Members of groups by real clients: they are told to start and stop, and tell every span of records that they have worked on and committed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { placeOf, type Span } from './coverage.ts';
import { eventually } from './target.ts';

export type MemberSpec = {
  readonly name: string;
  readonly group: string;
  /** A topic, or a regular expression that begins with `^`. */
  readonly subscription: string;
  /** In the client's own words. */
  readonly settings: Readonly<Record<string, string>>;
};

/** Runs members of one kind of client. */
export interface Members {
  readonly spans: readonly Span[];
  start(spec: MemberSpec): Promise<void>;
  /** Lets a member finish what it does and leave. @throws when it fails */
  stop(name: string): Promise<void>;
  /** Members that ended with an error. */
  readonly failures: readonly string[];
}

const STOP_WITHIN_MS = 60_000;
const NOTES_MAX = 2_000;

/**
 * Members in a process of another language. Lines in: `start NAME GROUP SUBSCRIPTION key=value…`, `stop NAME`; the end of the input ends all.
 * Lines out: `ready`; `taking NAME TOPIC PARTITION FROM TO START_MS` before a commit and `span` with the same, END_MS and OUTCOME after it;
 * `stopped NAME`; `failed NAME REASON`; others are notes.
 */
export class MemberProcess implements Members, AsyncDisposable {
  readonly spans: Span[] = [];
  readonly failures: string[] = [];
  readonly #child: ChildProcess;
  readonly #stopped = new Set<string>();
  /** Commits that were begun and not told of yet, by place. */
  readonly #taken = new Map<string, Span>();
  readonly #ended: Promise<void>;
  #ready = false;
  /** The last of what else the members said: `assigned NAME COUNT`, `revoked NAME COUNT`, `lost NAME COUNT`, and complaints. */
  notes: readonly string[] = [];

  private constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
    this.#child.once('error', (error) => void this.failures.push(String(error)));
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line));
  }

  static async open(command: readonly string[]): Promise<MemberProcess> {
    const process = new MemberProcess(command);
    await eventually(`${command[0]} is ready`, () => process.#ready || process.failures.length > 0, 60_000);
    return process;
  }

  async start({ name, group, subscription, settings }: MemberSpec): Promise<void> {
    const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    this.#child.stdin?.write(`${['start', name, group, subscription, ...pairs].join(' ')}\n`);
    return Promise.resolve();
  }

  async stop(name: string): Promise<void> {
    this.#child.stdin?.write(`stop ${name}\n`);
    const failure = (): string | undefined => this.failures.find((line) => line.split(' ')[1] === name);
    await eventually(`${name} stops`, () => this.#stopped.has(name) || failure() !== undefined, STOP_WITHIN_MS);
    const notes = this.notes.filter((note) => note.includes(name));
    if (failure() !== undefined) throw new Error([failure(), ...notes].join('\n'));
  }

  /** SIGKILL. A commit that was under way has come to the group or not: `committed` tells. */
  async kill(committed: () => Promise<ReadonlyMap<string, number>>): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    const offsets = await committed();
    for (const [place, span] of this.#taken)
      this.spans.push({ ...span, outcome: offsets.get(place) === span.to ? 'ok' : 'killed' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#ended;
    clearTimeout(late);
  }

  #take(line: string): void {
    const [what, name = '', ...rest] = line.split(' ');
    if (what === 'ready') this.#ready = true;
    else if (what === 'stopped') this.#stopped.add(name);
    else if (what === 'failed') this.failures.push(line);
    else if (what === 'taking') this.#begun(spanOf(name, [...rest, rest.at(-1) ?? '']));
    else if (what === 'span') this.#done(spanOf(name, rest));
    else this.notes = [...this.notes.slice(-NOTES_MAX), line];
  }

  #begun(span: Span): void {
    this.#taken.set(placeOf(span), span);
  }

  #done(span: Span): void {
    this.#taken.delete(placeOf(span));
    this.spans.push(span);
  }
}

function spanOf(member: string, words: readonly string[]): Span {
  const [topic = '', partition, from, to, startMs, endMs, outcome = ''] = words;
  const numbers = { partition: Number(partition), from: Number(from), to: Number(to) };
  return { member, topic, ...numbers, startMs: Number(startMs), endMs: Number(endMs), outcome };
}

/** Members inside this process: a client's adaptor takes them on and tells spans. */
export class OwnMembers implements Members {
  readonly spans: Span[] = [];
  readonly failures: string[] = [];
  readonly #open: (spec: MemberSpec, tell: (span: Omit<Span, 'member'>) => void) => Promise<() => Promise<void>>;
  readonly #closers = new Map<string, () => Promise<void>>();

  /** @param open starts a member and resolves to what stops it */
  constructor(open: (spec: MemberSpec, tell: (span: Omit<Span, 'member'>) => void) => Promise<() => Promise<void>>) {
    this.#open = open;
  }

  async start(spec: MemberSpec): Promise<void> {
    const close = await this.#open(spec, (span) => void this.spans.push({ member: spec.name, ...span }));
    this.#closers.set(spec.name, close);
  }

  async stop(name: string): Promise<void> {
    await this.#closers.get(name)?.();
    this.#closers.delete(name);
  }
}
