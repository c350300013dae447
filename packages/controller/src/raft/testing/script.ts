/**
 * Scenarios that a person can read, one act or expectation a line. Everything is synchronous: messages wait in queues until `deliver`, disks
 * are done at once unless a node's disk is `held`. Time stands still unless told.
 *
 * acts:      A stands · A proposes x · deliver · cut A from B C · heal (connects all again) · crash A · start A · hold A's disk · release A's disk ·
 *            wait 500 · A hands over to B · A loses B · voters from A: A B C · A takes a snapshot
 * expects:   A leads epoch 2 · A leads nobody · A follows B · A's log is 1:- 1:x 2:- · A has committed 3 · A refuses x
 * A log is written as `epoch:data`; `-` is a leader's first entry, `(A B C)` a set of voters, `...` what a snapshot covers.
 */
import { Prng, UUID_ZERO, assert } from '@odradek/base';
import { expect } from 'vitest';
import { changeVoters, nextDeadlineMs, propose, raftOf, step } from '../index.ts';
import type { Effect, Entry, HardState, Input, Message, RaftOptions, RaftState, ReplicaKey, Voter } from '../index.ts';
import type { SnapshotMark } from '../core/entries.ts';
import { raftOptions } from './options.ts';

type Persist = Effect & { kind: 'persist' | 'persistSnapshot' };
type Held = { readonly effect: Effect & { kind: 'send' }; readonly from: Node };

class Node {
  readonly name: string;
  readonly key: ReplicaKey;
  readonly disk: { hardState: HardState | null; entries: Entry[]; mark: SnapshotMark };
  state: RaftState | undefined;
  isHeld = false;
  orders: Persist[] = [];
  outbox: Held[] = [];
  /** What was said to whoever drives it. */
  readonly heard: Effect[] = [];

  constructor(name: string, id: number, mark: SnapshotMark) {
    this.name = name;
    this.key = { id, directoryId: `directory of ${name}` };
    this.disk = { hardState: null, entries: [], mark };
  }
}

export class Script {
  readonly #nodes = new Map<string, Node>();
  readonly #options: RaftOptions;
  #nowMs = 0;
  #wire: { readonly from: Node; readonly to: Node; readonly message: Message }[] = [];
  readonly #cut = new Set<string>();

  /** `names`: the voters, then after `+` nodes that are none: `A B C + D`. */
  constructor(names: string, options: Partial<RaftOptions> = {}) {
    this.#options = { ...raftOptions, ...options };
    const [voters = '', others = ''] = names.split('+').map((part) => part.trim());
    const voterNames = words(voters);
    const all = [...voterNames, ...words(others)];
    const set = voterNames.map((_, id) => ({ id, directoryId: UUID_ZERO, endpoints: [] }));
    all.forEach((name, id) => this.#nodes.set(name, new Node(name, id, { offset: 0, epoch: 0, voters: set })));
    for (const node of this.#nodes.values()) this.#start(node);
  }

  play(lines: string): this {
    for (const line of lines.split('\n').map((text) => text.trim()))
      if (line !== '' && !line.startsWith('#')) this.#line(line);
    return this;
  }

  state(name: string): RaftState {
    const { state } = this.#node(name);
    assert(state !== undefined, 'the node is up', { name });
    return state;
  }

  nextDeadlineMs(name: string): number {
    return nextDeadlineMs(this.state(name));
  }

  #line(line: string): void {
    for (const [pattern, act] of acts) {
      const match = pattern.exec(line);
      if (match === null) continue;
      act(
        this.#verbs,
        match.slice(1).map((group) => group ?? ''),
        line,
      );
      return;
    }
    throw new Error(`nobody understands: ${line}`);
  }

  readonly #verbs: Verbs = {
    stands: (name) => {
      this.#nowMs = Math.max(this.#nowMs, this.nextDeadlineMs(name));
      this.#input(this.#node(name), { kind: 'tick' });
      this.#deliver();
    },
    proposes: (name, data) => {
      const node = this.#node(name);
      const out: Effect[] = [];
      const outcome = propose(this.state(name), out, [{ data: Buffer.from(data), offsetCount: 1 }], this.#nowMs);
      this.#carryOut(node, out);
      return outcome.ok;
    },
    deliver: () => this.#deliver(),
    cut: (name, others) => {
      for (const other of others) for (const link of [`${name}>${other}`, `${other}>${name}`]) this.#cut.add(link);
    },
    heal: () => {
      this.#cut.clear();
      for (const node of this.#nodes.values()) this.#introduce(node);
    },
    crash: (name) => {
      const node = this.#node(name);
      node.state = undefined;
      node.orders = [];
      node.outbox = [];
      this.#wire = this.#wire.filter(({ from, to }) => from !== node && to !== node);
    },
    start: (name) => this.#start(this.#node(name)),
    hold: (name) => {
      this.#node(name).isHeld = true;
    },
    release: (name) => {
      const node = this.#node(name);
      node.isHeld = false;
      this.#sync(node);
    },
    wait: (delayMs) => {
      const untilMs = this.#nowMs + delayMs;
      for (;;) {
        const due = this.#soonest();
        if (due === undefined || due.atMs > untilMs) break;
        this.#nowMs = Math.max(this.#nowMs, due.atMs);
        this.#input(due.node, { kind: 'tick' });
        this.#deliver();
      }
      this.#nowMs = untilMs;
    },
    handsOver: (name, to) => {
      this.#input(this.#node(name), { kind: 'transferLeader', to: this.#node(to).key.id });
      this.#deliver();
    },
    loses: (name, peer) => this.#input(this.#node(name), { kind: 'peerLost', id: this.#node(peer).key.id }),
    voters: (name, names) => {
      const voters: Voter[] = names.map((voter) => {
        const { key } = this.#node(voter);
        return this.state(name).members.voter(key.id) ?? { ...key, endpoints: [] };
      });
      const out: Effect[] = [];
      const outcome = changeVoters(this.state(name), out, voters, this.#nowMs);
      this.#carryOut(this.#node(name), out);
      return outcome;
    },
    snapshots: (name) => {
      const node = this.#node(name);
      const state = this.state(name);
      const epoch = state.log.epochAt(state.highWatermark);
      assert(epoch !== undefined, 'the high watermark is where an entry ends');
      const mark = { offset: state.highWatermark, epoch, voters: state.members.votersAt(state.highWatermark) };
      node.disk.mark = mark;
      node.disk.entries = node.disk.entries.filter((entry) => entry.offset >= mark.offset);
      this.#input(node, { kind: 'snapshotTaken', mark });
    },
    role: (name) => {
      const { role, epoch } = this.state(name);
      if (role.kind === 'leader') return `leads epoch ${epoch}`;
      if (role.kind === 'candidate') return 'stands';
      return role.leaderId === null ? 'follows nobody' : `follows ${this.#nameOf(role.leaderId)}`;
    },
    log: (name) => {
      const { log } = this.state(name);
      const entries = log.slice(log.start.offset, Infinity).map((entry) => this.#written(entry));
      return [...(log.start.offset > 0 ? ['...'] : []), ...entries].join(' ');
    },
    committed: (name) => this.state(name).highWatermark,
  };

  #written(entry: Entry): string {
    if (entry.kind === 'data') return `${entry.epoch}:${entry.data.toString()}`;
    if (entry.kind === 'leaderChange') return `${entry.epoch}:-`;
    return `${entry.epoch}:(${entry.voters.map(({ id }) => this.#nameOf(id)).join(' ')})`;
  }

  #nameOf(id: number): string {
    for (const node of this.#nodes.values()) if (node.key.id === id) return node.name;
    return String(id);
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name);
    assert(node !== undefined, 'the node is one of the scenario', { name });
    return node;
  }

  #start(node: Node): void {
    const { hardState, entries, mark } = node.disk;
    const luck = { random: new Prng(node.key.id + 1), nowMs: this.#nowMs };
    node.state = raftOf(node.key, { hardState, entries, snapshot: mark }, this.#options, luck);
    this.#introduce(node);
  }

  /** Its connections stand, both ways. */
  #introduce(node: Node): void {
    for (const other of this.#nodes.values()) {
      if (other === node || other.state === undefined || node.state === undefined) continue;
      this.#input(node, { kind: 'peerConnected', peer: other.key });
      this.#input(other, { kind: 'peerConnected', peer: node.key });
    }
  }

  #input(node: Node, input: Input): void {
    if (node.state === undefined) return;
    const out: Effect[] = [];
    step(node.state, input, this.#nowMs, out);
    this.#carryOut(node, out);
  }

  #carryOut(node: Node, out: readonly Effect[]): void {
    for (const effect of out) {
      if (effect.kind === 'persist' || effect.kind === 'persistSnapshot') node.orders.push(effect);
      else if (effect.kind === 'send') node.outbox.push({ effect, from: node });
      else node.heard.push(effect);
    }
    this.#post(node);
    if (!node.isHeld) this.#sync(node);
  }

  #sync(node: Node): void {
    const last = node.orders.at(-1);
    if (last === undefined) return;
    const { orders } = node;
    node.orders = [];
    for (const order of orders) write(node, order);
    this.#input(node, { kind: 'persisted', seq: last.seq });
    this.#post(node);
  }

  #post(node: Node): void {
    const { state } = node;
    if (state === undefined) return;
    const ready = node.outbox.filter(({ effect }) => effect.afterSeq <= state.durableSeq);
    node.outbox = node.outbox.filter(({ effect }) => effect.afterSeq > state.durableSeq);
    for (const { effect } of ready) {
      const to = this.#node(this.#nameOf(effect.to));
      const { message } = effect;
      const whole = message.kind === 'snapshot' ? { ...message, isLast: true } : message;
      this.#wire.push({ from: node, to, message: whole });
    }
  }

  /** Until nobody has anything to say. */
  #deliver(): void {
    for (let count = 0; this.#wire.length > 0; count += 1) {
      assert(count < DELIVERIES_MAX, 'a scenario comes to rest');
      const next = this.#wire.shift();
      if (next === undefined || this.#cut.has(`${next.from.name}>${next.to.name}`)) continue;
      this.#input(next.to, { kind: 'received', from: next.from.key, message: next.message });
    }
  }

  #soonest(): { readonly node: Node; readonly atMs: number } | undefined {
    let soonest: { readonly node: Node; readonly atMs: number } | undefined;
    for (const node of this.#nodes.values()) {
      if (node.state === undefined) continue;
      const atMs = nextDeadlineMs(node.state);
      if (atMs < (soonest?.atMs ?? Infinity)) soonest = { node, atMs };
    }
    return soonest;
  }
}

const DELIVERIES_MAX = 10_000;

function write(node: Node, order: Persist): void {
  const { disk } = node;
  if (order.kind === 'persistSnapshot') {
    if (!order.isLast) return;
    disk.mark = order.mark;
    disk.entries = [];
    return;
  }
  const { truncate } = order;
  if (truncate !== null) disk.entries = disk.entries.filter((entry) => entry.offset < truncate);
  disk.entries.push(...order.entries);
  disk.hardState = order.hardState ?? disk.hardState;
}

type Verbs = {
  readonly stands: (name: string) => void;
  readonly proposes: (name: string, data: string) => boolean;
  readonly deliver: () => void;
  readonly cut: (name: string, others: readonly string[]) => void;
  readonly heal: () => void;
  readonly crash: (name: string) => void;
  readonly start: (name: string) => void;
  readonly hold: (name: string) => void;
  readonly release: (name: string) => void;
  readonly wait: (delayMs: number) => void;
  readonly handsOver: (name: string, to: string) => void;
  readonly loses: (name: string, peer: string) => void;
  readonly voters: (name: string, names: readonly string[]) => { readonly ok: boolean };
  readonly snapshots: (name: string) => void;
  readonly role: (name: string) => string;
  readonly log: (name: string) => string;
  readonly committed: (name: string) => number;
};

type Act = readonly [RegExp, (verbs: Verbs, groups: string[], line: string) => void];

const acts: readonly Act[] = [
  [/^(\w+) stands$/u, (verbs, [name = '']) => verbs.stands(name)],
  [
    /^(\w+) proposes (\w+)$/u,
    (verbs, [name = '', data = ''], line) => expect(verbs.proposes(name, data), line).toBe(true),
  ],
  [
    /^(\w+) refuses (\w+)$/u,
    (verbs, [name = '', data = ''], line) => expect(verbs.proposes(name, data), line).toBe(false),
  ],
  [/^deliver$/u, (verbs) => verbs.deliver()],
  [/^cut (\w+) from ([\w ]+)$/u, (verbs, [name = '', others = '']) => verbs.cut(name, words(others))],
  [/^heal$/u, (verbs) => verbs.heal()],
  [/^crash (\w+)$/u, (verbs, [name = '']) => verbs.crash(name)],
  [/^start (\w+)$/u, (verbs, [name = '']) => verbs.start(name)],
  [/^hold (\w+)'s disk$/u, (verbs, [name = '']) => verbs.hold(name)],
  [/^release (\w+)'s disk$/u, (verbs, [name = '']) => verbs.release(name)],
  [/^wait (\d+)$/u, (verbs, [delayMs = '0']) => verbs.wait(Number(delayMs))],
  [/^(\w+) hands over to (\w+)$/u, (verbs, [name = '', to = '']) => verbs.handsOver(name, to)],
  [/^(\w+) loses (\w+)$/u, (verbs, [name = '', peer = '']) => verbs.loses(name, peer)],
  [
    /^voters from (\w+): ([\w ]+)$/u,
    (verbs, [name = '', voters = ''], line) =>
      expect(verbs.voters(name, words(voters)), line).toMatchObject({ ok: true }),
  ],
  [
    /^(\w+) refuses voters ([\w ]+)$/u,
    (verbs, [name = '', voters = ''], line) =>
      expect(verbs.voters(name, words(voters)), line).toMatchObject({ ok: false }),
  ],
  [/^(\w+) takes a snapshot$/u, (verbs, [name = '']) => verbs.snapshots(name)],
  [
    /^(\w+) (leads epoch \d+|follows \w+)$/u,
    (verbs, [name = '', role = ''], line) => expect(verbs.role(name), line).toBe(role),
  ],
  [/^(\w+)'s log is ?(.*)$/u, (verbs, [name = '', log = ''], line) => expect(verbs.log(name), line).toBe(log)],
  [
    /^(\w+) has committed (\d+)$/u,
    (verbs, [name = '', offset = ''], line) => expect(verbs.committed(name), line).toBe(Number(offset)),
  ],
];

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}
