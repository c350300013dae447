/**
 * A classic group: its members, who leads, what they all understand. Only data and arithmetic; what happens to it is in `join.ts`,
 * `sync.ts`, `members.ts` and `rebalance.ts`. What a log record says of it is `value` and `adopt`; all else is forgotten on a restart.
 */
import { assert } from '@odradek/base';
import type { GroupValue, JoinProtocol, MemberName, MemberValue, OpId } from '../kinds.ts';
import { subscribedTopics } from '../consumer-protocol.ts';
import { transition } from './states.ts';
import type { ClassicInput, ClassicState } from './states.ts';

export const NO_ASSIGNMENT: Buffer = Buffer.alloc(0);

/** The protocol type of consumers: its metadata is the one that the coordinator can read. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer';

const GENERATION_MAX = 0x7fff_ffff;

export type Member = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly JoinProtocol[];
  assignment: Buffer;
  /** Has never been answered a join: it knows no member id to beat with. */
  isNew: boolean;
  /** The join and the sync that wait for their answers. */
  joining: OpId | undefined;
  syncing: OpId | undefined;
};

export class ClassicGroup {
  readonly groupId: string;
  #state: ClassicState = 'Empty';
  #stateSinceMs: number;
  generation = 0;
  /** null: a simple group, of a consumer that only stores offsets. */
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** Whether the log holds a record of this group (and not only offsets). */
  recorded = false;
  readonly members = new Map<string, Member>();
  readonly #staticIds = new Map<string, string>();
  readonly #protocolCounts = new Map<string, number>();
  #joiningCount = 0;
  /** Members that were sent back with an id and have not joined with it yet. */
  readonly pendingJoins = new Set<string>();
  /** Members of this generation that have not asked for their assignment yet. */
  readonly pendingSyncs = new Set<string>();
  /** The rebalance under way is the first of an empty group and waits for more members. */
  initialRebalance = false;
  newMemberAdded = false;
  rebalanceStartedMs = 0;
  /** Who joined last in the rebalance under way. */
  lastJoined: Member | undefined = undefined;
  /** What its consumers subscribe to; undefined when that cannot be known. */
  topics: ReadonlySet<string> | undefined = undefined;

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId;
    this.#stateSinceMs = nowMs;
  }

  get state(): ClassicState {
    return this.#state;
  }

  /** Wall clock, milliseconds; -1 when a record of an old version did not tell. */
  get stateSinceMs(): number {
    return this.#stateSinceMs;
  }

  move(input: ClassicInput, nowMs: number): void {
    this.#state = transition(this.#state, input);
    this.#stateSinceMs = nowMs;
  }

  get isConsumerGroup(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  /** Nothing of it is in the log or in anybody's hands. */
  get isForgettable(): boolean {
    return this.#state === 'Empty' && !this.recorded && this.pendingJoins.size === 0;
  }

  get joiningCount(): number {
    return this.#joiningCount;
  }

  get allJoined(): boolean {
    return this.#joiningCount === this.members.size && this.pendingJoins.size === 0;
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
    return longest;
  }

  staticMemberId(groupInstanceId: string): string | undefined {
    return this.#staticIds.get(groupInstanceId);
  }

  add(member: Member): void {
    assert(!this.members.has(member.memberId), 'a member is added once', { memberId: member.memberId });
    if (this.members.size === 0) this.leaderId = member.memberId;
    this.members.set(member.memberId, member);
    if (member.groupInstanceId !== null) this.#staticIds.set(member.groupInstanceId, member.memberId);
    if (member.joining !== undefined) {
      this.#joiningCount += 1;
      this.lastJoined = member;
    }
    this.#count(member.protocols, 1);
    this.pendingJoins.delete(member.memberId);
  }

  remove(memberId: string): void {
    this.pendingJoins.delete(memberId);
    this.pendingSyncs.delete(memberId);
    const member = this.members.get(memberId);
    if (member === undefined) return;
    this.members.delete(memberId);
    if (this.lastJoined === member) this.lastJoined = undefined;
    if (member.joining !== undefined) this.#joiningCount -= 1;
    if (member.groupInstanceId !== null && this.#staticIds.get(member.groupInstanceId) === memberId)
      this.#staticIds.delete(member.groupInstanceId);
    this.#count(member.protocols, -1);
    if (this.leaderId === memberId) this.leaderId = first(this.members.keys()) ?? null;
  }

  /** A static member came back without its member id: the same member, in the same place, under a new one. */
  replaceStatic(old: Member, newMemberId: string): Member {
    const wasLeader = this.leaderId === old.memberId;
    const replacement: Member = { ...old, memberId: newMemberId, isNew: false, joining: undefined, syncing: undefined };
    const awaited = this.pendingSyncs.has(old.memberId);
    this.remove(old.memberId);
    this.add(replacement);
    if (wasLeader) this.leaderId = newMemberId;
    if (awaited) this.pendingSyncs.add(newMemberId);
    return replacement;
  }

  setJoining(member: Member, op: OpId | undefined): void {
    this.#joiningCount += Number(op !== undefined) - Number(member.joining !== undefined);
    member.joining = op;
    if (op !== undefined) this.lastJoined = member;
  }

  setProtocols(member: Member, protocols: readonly JoinProtocol[]): void {
    this.#count(member.protocols, -1);
    member.protocols = protocols;
    this.#count(protocols, 1);
  }

  /** Whether all members understand one of these protocols. A member that comes again is measured by what it understood before, too. */
  understands(protocolType: string, protocols: readonly JoinProtocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    if (this.members.size === 0) return true;
    if (this.protocolType !== protocolType) return false;
    return protocols.some(({ name }) => this.#protocolCounts.get(name) === this.members.size);
  }

  /** The protocol that most members prefer of those that all understand; of equals the one voted for first. */
  selectProtocol(): string {
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const vote = member.protocols.find(({ name }) => this.#protocolCounts.get(name) === this.members.size);
      assert(vote !== undefined, 'the members of a group share a protocol', { groupId: this.groupId });
      votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
    }
    let selected: string | undefined;
    let most = 0;
    for (const [name, count] of votes)
      if (count > most) {
        selected = name;
        most = count;
      }
    assert(selected !== undefined, 'a protocol is selected for a group with members', { groupId: this.groupId });
    return selected;
  }

  nextGeneration(): void {
    this.generation = this.generation === GENERATION_MAX ? 1 : this.generation + 1;
  }

  metadataOf(member: Member): Buffer {
    return member.protocols.find(({ name }) => name === this.protocolName)?.metadata ?? NO_ASSIGNMENT;
  }

  /** Reads from the members' metadata what they subscribe to. */
  refreshTopics(): void {
    this.topics = this.isConsumerGroup
      ? subscribedTopics(Array.from(this.members.values(), (member) => this.metadataOf(member)))
      : undefined;
  }

  /** Without knowledge of its subscriptions, a consumer group is taken to subscribe to everything. */
  subscribesTo(topic: string): boolean {
    return this.topics?.has(topic) ?? this.isConsumerGroup;
  }

  /** As the log is to know it, with the given assignments (by member id; none for the others). */
  value(assignments: ReadonlyMap<string, Buffer>, nowMs: number): GroupValue {
    return {
      protocolType: this.protocolType ?? '',
      generation: this.generation,
      protocolName: this.protocolName,
      leader: this.leaderId,
      stateSinceMs: nowMs,
      members: Array.from(this.members.values(), (member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        subscription: this.metadataOf(member),
        assignment: assignments.get(member.memberId) ?? NO_ASSIGNMENT,
      })),
    };
  }

  /** Becomes what the log says. Members that are here already keep what the log does not know of them. */
  adopt(value: GroupValue): void {
    const kept = new Set(value.members.map((member) => member.memberId));
    for (const memberId of Array.from(this.members.keys())) if (!kept.has(memberId)) this.remove(memberId);
    this.protocolType = value.protocolType === '' ? null : value.protocolType;
    this.protocolName = value.protocolName;
    this.generation = value.generation;
    for (const recorded of value.members) {
      const member = this.members.get(recorded.memberId);
      if (member === undefined) this.add(fromValue(recorded, value.protocolName ?? ''));
      else this.#update(member, recorded);
    }
    this.#order(value.members);
    this.leaderId = value.leader;
    this.recorded = true;
    this.move(value.members.length > 0 ? 'recordedWithMembers' : 'recordedEmpty', value.stateSinceMs);
    this.refreshTopics();
  }

  /** The order of members decides who leads when a leader goes, so it is the record's too. */
  #order(recorded: readonly MemberValue[]): void {
    const ordered = recorded.map(({ memberId }) => this.members.get(memberId));
    this.members.clear();
    for (const member of ordered) if (member !== undefined) this.members.set(member.memberId, member);
  }

  /** Live, the record was made of this member and only its assignment is new; in a replay an earlier record has left it behind. */
  #update(member: Member, recorded: MemberValue): void {
    member.assignment = recorded.assignment;
    const replayed = fromValue(recorded, this.protocolName ?? '');
    member.clientId = replayed.clientId;
    member.clientHost = replayed.clientHost;
    member.sessionTimeoutMs = replayed.sessionTimeoutMs;
    member.rebalanceTimeoutMs = replayed.rebalanceTimeoutMs;
    const known = member.protocols.find(({ name }) => name === this.protocolName);
    if (known?.metadata.equals(recorded.subscription) !== true) this.setProtocols(member, replayed.protocols);
  }

  #count(protocols: readonly JoinProtocol[], by: 1 | -1): void {
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#protocolCounts.get(name) ?? 0) + by;
      if (count === 0) this.#protocolCounts.delete(name);
      else this.#protocolCounts.set(name, count);
    }
  }
}

/** Who a member is, for log lines and the history. */
export function nameOf({ memberId, groupInstanceId, clientId, clientHost }: Member): MemberName {
  return { memberId, groupInstanceId, clientId, clientHost };
}

function fromValue(value: MemberValue, protocolName: string): Member {
  return {
    memberId: value.memberId,
    groupInstanceId: value.groupInstanceId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    sessionTimeoutMs: value.sessionTimeoutMs,
    rebalanceTimeoutMs: value.rebalanceTimeoutMs >= 0 ? value.rebalanceTimeoutMs : value.sessionTimeoutMs,
    protocols: [{ name: protocolName, metadata: value.subscription }],
    assignment: value.assignment,
    isNew: false,
    joining: undefined,
    syncing: undefined,
  };
}

function first<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
