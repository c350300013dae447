/**
 * Finds the topics that the regular expressions of consumer groups stand for, as far as whoever subscribed may see them. A cluster has many
 * topics and a pattern may be slow, so this is done in slices of time, between which the node does its other work; one group at a time.
 * Source: KIP-848.
 */
import type { Clock, Logger, Outcome } from '@odradek/base';
import { compileTopicRegex } from '@odradek/coordinator';
import type { ConsumerEvent, GroupOpOf, TopicRegex } from '@odradek/coordinator';
import type { MetadataImage } from '@odradek/metadata';
import { ANONYMOUS_PRINCIPAL } from '@odradek/protocol';
import type { Authorizer } from '../core/authorizer.ts';

type Asked = Extract<ConsumerEvent, { readonly kind: 'resolveRegex' }>;
type Resolved = GroupOpOf<'regexResolved'>['resolved'][number];

export type TopicRegexesOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly image: () => MetadataImage;
  readonly authorizer: Authorizer;
  readonly submit: (op: GroupOpOf<'regexResolved'>) => Promise<Outcome<unknown>>;
};

/** How long topics are matched before the event loop gets its turn. */
const SLICE_MS = 4;
const NOBODY = { principal: ANONYMOUS_PRINCIPAL, clientHost: '' };

export class TopicRegexes {
  readonly #options: TopicRegexesOptions;
  /** What is still to be found, by group: of a group that asks again before its turn the last question counts with the earlier ones. */
  readonly #waiting = new Map<string, Asked>();
  #working = false;
  #closed = false;
  #sliceEndMs = 0;

  constructor(options: TopicRegexesOptions) {
    this.#options = options;
  }

  resolve(asked: Asked): void {
    if (this.#closed) return;
    const earlier = this.#waiting.get(asked.groupId)?.regexes ?? [];
    this.#waiting.set(asked.groupId, { ...asked, regexes: [...new Set([...earlier, ...asked.regexes])] });
    if (!this.#working) void this.#work();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (;;) {
      const next = this.#waiting.values().next();
      if (next.done === true) break;
      const asked = next.value;
      this.#waiting.delete(asked.groupId);
      await this.#answer(asked);
    }
    this.#working = false;
  }

  async #answer({ groupId, regexes, asker }: Asked): Promise<void> {
    const { image, submit, log } = this.#options;
    const { topics, endOffset } = image();
    const visible = await this.#visible(
      Array.from(topics.all(), ({ name }) => name),
      asker,
    );
    const resolved: Resolved[] = [];
    for (const regex of regexes) {
      const compiled = compileTopicRegex(regex);
      // The coordinator refuses patterns that cannot be read, so this one is of a coordinator that took more.
      resolved.push({ regex, topics: compiled.ok ? await this.#matching(compiled.value, visible) : [] });
    }
    if (this.#closed) return;
    const outcome = await submit({ kind: 'regexResolved', groupId, metadataOffset: endOffset, resolved });
    if (!outcome.ok) log.debug({ groupId, why: outcome.why }, 'topic patterns of a group were resolved for nobody');
  }

  /** Of nobody (the shard was just loaded) what anonymous callers may see: the next heartbeat tells who asks. */
  async #visible(names: readonly string[], asker: Asked['asker']): Promise<string[]> {
    const { authorizer } = this.#options;
    const { principal, clientHost } = asker ?? NOBODY;
    const seen: string[] = [];
    for (const name of names) {
      if (this.#sliceIsOver()) await this.#pause();
      if (authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'describe' })) seen.push(name);
    }
    return seen;
  }

  async #matching(regex: TopicRegex, names: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    for (const name of names) {
      if (this.#sliceIsOver()) await this.#pause();
      if (regex.matches(name)) found.push(name);
    }
    return found;
  }

  #sliceIsOver(): boolean {
    return this.#options.clock.monotonicMs() >= this.#sliceEndMs;
  }

  async #pause(): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => clock.after(0, resolve));
    this.#sliceEndMs = clock.monotonicMs() + SLICE_MS;
  }
}
