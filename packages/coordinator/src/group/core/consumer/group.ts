/**
 * A consumer group (KIP-848): its members, the target of who is to own what, and who owns what now. Only data and arithmetic. What the
 * records say is changed by `apply.ts` alone; the fields below `volatile` are forgotten on a restart.
 */
import type { PartitionsByTopic } from '../assignors/types.ts';
import type { ClassicMemberValue, ConsumerMemberValue, ResolvedRegexValue } from '../kinds.ts';
import type { GroupTopics } from '../topics.ts';
import { NOTHING_ASSIGNED, newMemberCurrent, newMemberValue, noCurrent, regexOf } from './member.ts';
import type { ConsumerMember, CurrentAssignment, OwnedPartitions } from './member.ts';
import { NameSets } from './name-sets.ts';
import { stateOf } from './states.ts';
import type { ConsumerGroupState } from './states.ts';

/** Of a group that has not moved yet: above 0, which is the epoch of who joins. */
const FIRST_EPOCH = 1;

export type ResolvedRegex = ResolvedRegexValue & { readonly topicSet: ReadonlySet<string> };

/** The first rebalance since the group was last stable is still under way. */
export type Rebalance = { readonly sinceMs: number };

export class ConsumerGroup {
  readonly groupId: string;
  epoch = FIRST_EPOCH;
  /** Of the topics that it subscribes to, as they were when the epoch was last bumped. */
  metadataHash = 0n;
  /** The group epoch that the target was made for; -1 when it was deleted. */
  #assignmentEpoch = FIRST_EPOCH;
  /** When that was; 0: never. */
  assignedMs = 0;
  readonly members = new Map<string, ConsumerMember>();
  readonly targets = new Map<string, PartitionsByTopic>();
  readonly #staticIds = new Map<string, string>();
  readonly resolved = new Map<string, ResolvedRegex>();
  /** The log holds a record of its topics, of an old version. */
  hasPartitionMetadata = false;
  readonly #owners = new Map<string, Map<number, string>>();
  readonly #assignorCounts = new Map<string, number>();
  readonly #nameCounts = new Map<string, number>();
  readonly #nameSets = new NameSets();
  readonly #regexCounts = new Map<string, number>();
  readonly #classicProtocolCounts = new Map<string, number>();
  #classicCount = 0;
  #unreconciledCount = 0;
  #subscribed: ReadonlySet<string> | undefined;

  // Volatile.
  /** Its topics may have changed since `metadataHash` was computed. */
  metadataStale = true;
  rebalance: Rebalance | undefined = undefined;
  /** A timer waits for the assignment interval to be over. */
  targetPutOff = false;
  /** Since when it has no members, as far as this coordinator saw it. */
  emptySinceMs = 0;
  /** Topics came since its regular expressions were asked for. */
  regexesStale = true;
  regexesAskedMs = 0;
  readonly regexesAsked = new Set<string>();
  /** Who beat last with a regular expression. */
  asker: { readonly principal: string; readonly clientHost: string } | undefined = undefined;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get state(): ConsumerGroupState {
    return stateOf[this.members.size === 0 ? 'none' : 'some'][
      this.#assignmentEpoch < this.epoch ? 'behind' : 'current'
    ][this.#unreconciledCount === 0 ? 'none' : 'some'];
  }

  get assignmentEpoch(): number {
    return this.#assignmentEpoch;
  }

  set assignmentEpoch(epoch: number) {
    this.#assignmentEpoch = epoch;
    this.#unreconciledCount = 0;
    for (const member of this.members.values()) if (!this.isReconciled(member)) this.#unreconciledCount += 1;
  }

  isReconciled(member: ConsumerMember): boolean {
    return member.current.state === 'stable' && member.current.epoch === this.#assignmentEpoch;
  }

  get classicCount(): number {
    return this.#classicCount;
  }

  /** How many of its classic members support each protocol. */
  get classicProtocolCounts(): ReadonlyMap<string, number> {
    return this.#classicProtocolCounts;
  }

  staticMember(groupInstanceId: string): ConsumerMember | undefined {
    const memberId = this.#staticIds.get(groupInstanceId);
    return memberId === undefined ? undefined : this.members.get(memberId);
  }

  /** What the target gives a member; nothing for one that it does not know. */
  targetOf(memberId: string): PartitionsByTopic {
    return this.targets.get(memberId) ?? NOTHING_ASSIGNED;
  }

  /** Who owns a partition, or has not given it back yet. */
  ownerOf(topicId: string, partition: number): string | undefined {
    return this.#owners.get(topicId)?.get(partition);
  }

  /** Members that subscribe with each regular expression. */
  get regexCounts(): ReadonlyMap<string, number> {
    return this.#regexCounts;
  }

  /** All topics that a member subscribes to by name or by a regular expression, whether they exist or not. */
  get subscribedTopics(): ReadonlySet<string> {
    if (this.#subscribed !== undefined) return this.#subscribed;
    const topics = new Set(this.#nameCounts.keys());
    for (const { topics: matching } of this.resolved.values()) for (const topic of matching) topics.add(topic);
    this.#subscribed = topics;
    return topics;
  }

  isSubscribed(member: ConsumerMember, topic: string): boolean {
    if (member.names.has(topic)) return true;
    const regex = regexOf(member.value);
    return regex !== undefined && this.resolved.get(regex)?.topicSet.has(topic) === true;
  }

  /** Topics that exist and that the member subscribes to, by id. */
  subscribedTopicIds(member: ConsumerMember, topics: GroupTopics): Set<string> {
    const ids = new Set<string>();
    const add = (name: string): void => {
      const id = topics.byName(name)?.id;
      if (id !== undefined) ids.add(id);
    };
    for (const name of member.names) add(name);
    const regex = regexOf(member.value);
    for (const name of (regex === undefined ? undefined : this.resolved.get(regex)?.topics) ?? []) add(name);
    return ids;
  }

  /** All members subscribe to the same topics. */
  get isHomogeneous(): boolean {
    const { size } = this.members;
    if (this.#regexCounts.size > 0)
      return this.#nameCounts.size === 0 && this.#regexCounts.size === 1 && total(this.#regexCounts) === size;
    for (const count of this.#nameCounts.values()) if (count !== size) return false;
    return true;
  }

  /** The assignor that most members prefer; of equals, and when none prefers any, the one that comes first. */
  preferredAssignor(assignors: readonly string[]): string {
    let preferred = assignors[0] ?? '';
    let most = 0;
    for (const name of assignors) {
      const count = this.#assignorCounts.get(name) ?? 0;
      if (count > most) {
        preferred = name;
        most = count;
      }
    }
    return preferred;
  }

  setMember(memberId: string, value: ConsumerMemberValue): void {
    const member = this.#memberFor(memberId);
    this.#countSubscription(member.value, -1);
    this.#nameSets.release(member.names);
    const { groupInstanceId: before } = member.value;
    if (before !== null && before !== value.groupInstanceId && this.#staticIds.get(before) === memberId)
      this.#staticIds.delete(before);
    member.value = value;
    member.names = this.#nameSets.take(value.subscribedTopicNames);
    this.#countSubscription(value, 1);
    if (value.groupInstanceId !== null) this.#staticIds.set(value.groupInstanceId, memberId);
  }

  removeMember(memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    this.#release(member);
    if (!this.isReconciled(member)) this.#unreconciledCount -= 1;
    this.members.delete(memberId);
    this.#countSubscription(member.value, -1);
    this.#nameSets.release(member.names);
    const { groupInstanceId } = member.value;
    if (groupInstanceId !== null && this.#staticIds.get(groupInstanceId) === memberId)
      this.#staticIds.delete(groupInstanceId);
  }

  setCurrent(memberId: string, current: CurrentAssignment): void {
    const member = this.#memberFor(memberId);
    this.#release(member);
    if (!this.isReconciled(member)) this.#unreconciledCount -= 1;
    member.current = current;
    if (!this.isReconciled(member)) this.#unreconciledCount += 1;
    this.#take(memberId, current.assigned);
    this.#take(memberId, current.revoking);
  }

  removeCurrent(memberId: string): void {
    if (this.members.has(memberId)) this.setCurrent(memberId, noCurrent);
  }

  setRegex(regex: string, value: ResolvedRegexValue | null): void {
    this.#subscribed = undefined;
    if (value === null) this.resolved.delete(regex);
    else this.resolved.set(regex, { ...value, topicSet: new Set(value.topics) });
  }

  #memberFor(memberId: string): ConsumerMember {
    let member = this.members.get(memberId);
    if (member === undefined) {
      member = {
        memberId,
        value: newMemberValue,
        names: this.#nameSets.take([]),
        current: newMemberCurrent,
        isJoinAwaited: false,
      };
      this.members.set(memberId, member);
      if (!this.isReconciled(member)) this.#unreconciledCount += 1;
    }
    return member;
  }

  #take(memberId: string, owned: OwnedPartitions): void {
    for (const [topicId, partitions] of owned) {
      let owners = this.#owners.get(topicId);
      if (owners === undefined) this.#owners.set(topicId, (owners = new Map()));
      for (const partition of partitions.keys()) owners.set(partition, memberId);
    }
  }

  #release(member: ConsumerMember): void {
    for (const owned of [member.current.assigned, member.current.revoking])
      for (const [topicId, partitions] of owned) {
        const owners = this.#owners.get(topicId);
        if (owners === undefined) continue;
        // In a replay of a compacted log, a later record may have given the partition to another already.
        for (const partition of partitions.keys())
          if (owners.get(partition) === member.memberId) owners.delete(partition);
        if (owners.size === 0) this.#owners.delete(topicId);
      }
  }

  #countSubscription(value: ConsumerMemberValue, by: 1 | -1): void {
    this.#subscribed = undefined;
    for (const name of new Set(value.subscribedTopicNames)) count(this.#nameCounts, name, by);
    const regex = regexOf(value);
    if (regex !== undefined) count(this.#regexCounts, regex, by);
    if (value.serverAssignor !== null) count(this.#assignorCounts, value.serverAssignor, by);
    if (value.classic !== null) this.#countClassic(value.classic, by);
  }

  #countClassic(classic: ClassicMemberValue, by: 1 | -1): void {
    this.#classicCount += by;
    for (const name of new Set(classic.protocols.map((protocol) => protocol.name)))
      count(this.#classicProtocolCounts, name, by);
  }
}

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const value of counts.values()) sum += value;
  return sum;
}
