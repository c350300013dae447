/**
 * What is asked of the quorum itself: who votes and how far each replica is (KIP-595, KIP-836), and changes of the voters (KIP-853). The
 * replica that leads answers; codes and texts are Kafka's. A newcomer that has not caught up yet is waited for as long as the asker waits.
 */
import { UUID_ZERO, ok, refuse } from '@odradek/base';
import type { Clock, Logger, Outcome } from '@odradek/base';
import type { AdminReply, ForRequest, QuorumRequest } from '@odradek/metadata';
import { ErrorCode, FeatureName } from '@odradek/protocol';
import type {
  AddRaftVoterRequest,
  AddRaftVoterResponse,
  DescribeQuorumRequest,
  DescribeQuorumResponse,
  RemoveRaftVoterRequest,
  RemoveRaftVoterResponse,
  UpdateRaftVoterRequest,
  UpdateRaftVoterResponse,
} from '@odradek/protocol';
import type { Identity } from '@odradek/rpc';
import { isSame } from '../raft/core/membership.ts';
import type { Position, ReplicaKey, Voter } from '../raft/core/messages.ts';
import type { RaftDriver } from '../raft/shell/driver.ts';
import { isStatic } from '../raft/shell/entry-codec.ts';
import type { ReplicaStatus } from '../raft/shell/status.ts';
import type { BrokerOffsets } from './broker-offsets.ts';
import type { QuorumDesk } from './controller-port.ts';
import type { ControllerRuntime } from './runtime.ts';

export type QuorumRequestsOptions = {
  readonly runtime: ControllerRuntime;
  readonly driver: RaftDriver;
  readonly brokers: BrokerOffsets;
  readonly identity: Identity;
  /** `controller.listener.names`: a voter must be reached by the first. */
  readonly listenerName: string;
  /** `controller.quorum.request.timeout.ms` */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

type Answer<R extends QuorumRequest> = Outcome<{ readonly reply: AdminReply<R>; readonly committedOffset: number }>;
type Refused = { readonly errorCode: number; readonly errorMessage: string };
type Changed = Outcome<Position>;

/** The one partition of the metadata log, as Kafka's tools name it. */
const LOG_TOPIC = '__cluster_metadata';
/** How often a newcomer is looked at until it has caught up. */
const LOOK_MS = 20;

export class QuorumRequests implements QuorumDesk {
  readonly #options: QuorumRequestsOptions;
  #isChanging = false;

  constructor(options: QuorumRequestsOptions) {
    this.#options = options;
  }

  answer(request: QuorumRequest, of?: ForRequest): Promise<Answer<QuorumRequest>> {
    const log = of === undefined ? this.#options.log : this.#options.log.child(of);
    const { runtime, identity } = this.#options;
    if (!runtime.isActive) {
      const why = `Node ${identity.nodeId} is not the active controller.`;
      return Promise.resolve(refuse(ErrorCode.NOT_CONTROLLER, why));
    }
    switch (request.kind) {
      case 'describeQuorum':
        return Promise.resolve(ok({ reply: this.#describe(request.request), committedOffset: 0 }));
      case 'addRaftVoter':
        return this.#add(request.request, log);
      case 'removeRaftVoter':
        return this.#remove(request.request, log);
      case 'updateRaftVoter':
        return this.#update(request.request, log);
    }
  }

  #describe(request: DescribeQuorumRequest): DescribeQuorumResponse {
    const { driver, brokers, runtime } = this.#options;
    const [topic, ...topics] = request.topics;
    const [partition, ...partitions] = topic?.partitions ?? [];
    const isLog = topic?.topicName === LOG_TOPIC && partition?.partitionIndex === 0;
    if (!isLog || topics.length > 0 || partitions.length > 0) return unknownPartitions(request);
    const { leaderId, epoch, highWatermark, voters, observers } = driver.status();
    const described = {
      partitionIndex: 0,
      errorCode: ErrorCode.NONE,
      errorMessage: '',
      leaderId: leaderId ?? -1,
      leaderEpoch: epoch,
      highWatermark,
      currentVoters: voters.map(replicaState),
      observers: [...observers, ...brokers.observers(runtime.image.cluster, [...voters, ...observers])].map(
        replicaState,
      ),
    };
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: '',
      topics: [{ topicName: LOG_TOPIC, partitions: [described] }],
      nodes: driver.voters.map(({ id, endpoints }) => ({
        nodeId: id,
        listeners: endpoints.map(({ name, host, port }) => ({ name, host, port })),
      })),
    };
  }

  async #add(request: AddRaftVoterRequest, log: Logger): Promise<Answer<QuorumRequest>> {
    const key = { id: request.voterId, directoryId: request.voterDirectoryId };
    const refused = this.#foreign(request.clusterId) ?? this.#addProblem(request, key) ?? this.#busy('adding');
    if (refused !== undefined) return ok({ reply: voterReply(refused), committedOffset: 0 });
    const { driver } = this.#options;
    const before = driver.voters;
    if (before.some(({ id }) => id === key.id)) {
      const why = `The voter id for ${nameOf(key)} is already part of the set of voters ${namesOf(before)}.`;
      return ok({ reply: voterReply(refusal(ErrorCode.DUPLICATE_VOTER, why)), committedOffset: 0 });
    }
    const endpoints = request.listeners.map(({ name, host, port }) => ({ name, host, port }));
    const changed = await this.#changing(request.ackWhenCommitted, async (taken) => {
      const lagging = await this.#caughtUp(key, request.timeoutMs);
      return lagging ?? driver.changeVoters([...driver.voters, { ...key, endpoints }], taken);
    });
    if (changed.ok) log.info({ ...key, endpoints }, `controller ${key.id} votes now`);
    return answerOf(changed);
  }

  async #remove(request: RemoveRaftVoterRequest, log: Logger): Promise<Answer<QuorumRequest>> {
    const key = { id: request.voterId, directoryId: request.voterDirectoryId };
    const refused = this.#foreign(request.clusterId) ?? invalidKey(key, 'Remove') ?? this.#busy('removing');
    if (refused !== undefined) return ok({ reply: voterReply(refused), committedOffset: 0 });
    const { driver } = this.#options;
    const before = driver.voters;
    const after = before.filter((voter) => !isSame(voter, key));
    if (after.length === before.length) {
      const why = `Cannot remove voter ${nameOf(key)} from the set of voters ${namesOf(before)}`;
      return ok({ reply: voterReply(refusal(ErrorCode.VOTER_NOT_FOUND, why)), committedOffset: 0 });
    }
    if (after.length === 0) {
      // Kafka has no other code for it.
      const why = `${nameOf(key)} is the last voter, and a quorum needs one: add another controller before`;
      return ok({ reply: voterReply(refusal(ErrorCode.VOTER_NOT_FOUND, why)), committedOffset: 0 });
    }
    const changed = await this.#changing(true, (taken) => driver.changeVoters(after, taken));
    if (changed.ok) log.info({ ...key }, `controller ${key.id} votes no longer`);
    return answerOf(changed);
  }

  /** Answered once the log has taken it, as Kafka does. A voter that was known by its id alone shows its directory. */
  async #update(request: UpdateRaftVoterRequest, log: Logger): Promise<Answer<QuorumRequest>> {
    const key = { id: request.voterId, directoryId: request.voterDirectoryId };
    const { driver } = this.#options;
    const code = this.#updateProblem(request, key);
    if (code !== undefined) return this.#updated(code, 0);
    const endpoints = request.listeners.map(({ name, host, port }) => ({ name, host, port }));
    const voters = driver.voters.map((voter) => (isSame(voter, key) ? { ...key, endpoints } : voter));
    const changed = await this.#changing(false, (taken) => driver.changeVoters(voters, taken));
    if (!changed.ok && changed.code === ErrorCode.NOT_CONTROLLER) return changed;
    if (changed.ok) log.info({ ...key, endpoints }, `controller ${key.id} is reached at other addresses now`);
    return this.#updated(changed.ok ? ErrorCode.NONE : changed.code, changed.ok ? changed.value.offset : 0);
  }

  #updateProblem(request: UpdateRaftVoterRequest, key: ReplicaKey): number | undefined {
    const { driver } = this.#options;
    const { epoch } = driver.status();
    if (this.#foreign(request.clusterId) !== undefined) return ErrorCode.INCONSISTENT_CLUSTER_ID;
    if (request.currentLeaderEpoch < epoch) return ErrorCode.FENCED_LEADER_EPOCH;
    if (request.currentLeaderEpoch > epoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
    const { minSupportedVersion: min, maxSupportedVersion: max } = request.kRaftVersionFeature;
    if (invalidKey(key, 'Update') !== undefined || !this.#isReachable(request.listeners))
      return ErrorCode.INVALID_REQUEST;
    if (min < 0 || max < min) return ErrorCode.INVALID_REQUEST;
    const busy = this.#busy('updating');
    if (busy !== undefined) return busy.errorCode;
    if (min > KRAFT_VERSION || max < KRAFT_VERSION) return ErrorCode.INVALID_REQUEST;
    return driver.voters.some((voter) => isSame(voter, key)) ? undefined : ErrorCode.VOTER_NOT_FOUND;
  }

  #updated(errorCode: number, committedOffset: number): Answer<QuorumRequest> {
    const { driver, identity } = this.#options;
    const { leaderId, epoch } = driver.status();
    const [endpoint] = driver.voters.find(({ id }) => id === identity.nodeId)?.endpoints ?? [];
    const where = { host: endpoint?.host ?? '', port: endpoint?.port ?? 0 };
    const currentLeader = { leaderId: leaderId ?? -1, leaderEpoch: epoch, ...where };
    const reply: UpdateRaftVoterResponse = { throttleTimeMs: 0, errorCode, currentLeader };
    return ok({ reply, committedOffset });
  }

  #foreign(clusterId: string | null): Refused | undefined {
    const own = this.#options.identity.clusterId;
    if (clusterId === null || clusterId === own) return undefined;
    const why = `The given id "${clusterId}" doesn't match the cluster id "${own}"`;
    return refusal(ErrorCode.INCONSISTENT_CLUSTER_ID, why);
  }

  #addProblem({ listeners }: AddRaftVoterRequest, key: ReplicaKey): Refused | undefined {
    const invalid = invalidKey(key, 'Add');
    if (invalid !== undefined || this.#isReachable(listeners)) return invalid;
    const given = listeners.map(({ name, host, port }) => `${name}://${host}:${port}`).join(', ');
    const wanted = `the default listener ${this.#options.listenerName}`;
    return refusal(ErrorCode.INVALID_REQUEST, `Add voter request didn't include the endpoint (${given}) for ${wanted}`);
  }

  #isReachable(listeners: readonly { readonly name: string }[]): boolean {
    return listeners.some(({ name }) => name.toUpperCase() === this.#options.listenerName.toUpperCase());
  }

  /** One change at a time, where voters may change at all. */
  #busy(what: string): Refused | undefined {
    const { driver, runtime } = this.#options;
    if (this.#isChanging) {
      const why = 'Request timed out waiting for leader to handle previous voter change request';
      return refusal(ErrorCode.REQUEST_TIMED_OUT, why);
    }
    const level = runtime.image.features.level(FeatureName.KRAFT_VERSION);
    if (level >= KRAFT_VERSION || !isStatic(driver.voters)) return undefined;
    const why = `Cluster doesn't support ${what} voter because the ${FeatureName.KRAFT_VERSION} feature is ${level}`;
    return refusal(ErrorCode.UNSUPPORTED_VERSION, why);
  }

  /** @param untilCommitted false: it is enough that the log has taken it */
  async #changing(
    untilCommitted: boolean,
    change: (taken: (position: Position) => void) => Promise<Changed>,
  ): Promise<Changed> {
    this.#isChanging = true;
    const early = Promise.withResolvers<Changed>();
    let isTaken = false;
    const taken = (position: Position): void => {
      isTaken = true;
      if (!untilCommitted) early.resolve(ok(position));
    };
    const done = change(taken).finally(() => {
      this.#isChanging = false;
    });
    const changed = await Promise.race([early.promise, done]);
    // What the log had taken when the lead was lost may or may not come to be.
    return changed.ok || !isTaken ? changed : refuse(ErrorCode.REQUEST_TIMED_OUT, changed.why);
  }

  /** Waits until the newcomer has all that is committed. @returns why it does not vote, when it has not by then */
  async #caughtUp(key: ReplicaKey, timeoutMs: number): Promise<Outcome<never> | undefined> {
    const { driver, clock, runtime, requestTimeoutMs } = this.#options;
    const untilMs = clock.monotonicMs() + Math.max(0, Math.min(timeoutMs * WAIT_SHARE, requestTimeoutMs));
    for (;;) {
      const { observers, highWatermark } = driver.status();
      const seen = observers.find(({ id, directoryId }) => id === key.id && directoryId === key.directoryId);
      if (seen !== undefined && seen.logEndOffset >= highWatermark) return undefined;
      if (!runtime.isActive) return refuse(ErrorCode.NOT_CONTROLLER, 'this node is no longer the active controller');
      if (clock.monotonicMs() >= untilMs) return lagging(key, seen, highWatermark);
      await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
    }
  }
}

/** Of the time that the asker waits; the rest is for the answer's way, so that the reason arrives in time. */
const WAIT_SHARE = 0.9;

/** Of the quorum's protocol: voters may come and go. */
const KRAFT_VERSION = 1;

function lagging(key: ReplicaKey, seen: ReplicaStatus | undefined, highWatermark: number): Outcome<never> {
  const why =
    seen === undefined
      ? `New voter ${nameOf(key)} is not ready to receive requests: no controller with this id and directory is connected; start it first`
      : `Aborted add voter operation for ${nameOf(key)} since it is lagging behind: it has ${seen.logEndOffset} of ${highWatermark}`;
  return refuse(ErrorCode.REQUEST_TIMED_OUT, why);
}

function answerOf(changed: Changed): Answer<QuorumRequest> {
  if (changed.ok)
    return ok({ reply: voterReply(refusal(ErrorCode.NONE, null)), committedOffset: changed.value.offset });
  if (changed.code === ErrorCode.NOT_CONTROLLER) return changed;
  return ok({ reply: voterReply(refusal(changed.code, changed.why)), committedOffset: 0 });
}

function voterReply(refused: Nullable<Refused>): AddRaftVoterResponse & RemoveRaftVoterResponse {
  return { throttleTimeMs: 0, ...refused };
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | (K extends 'errorMessage' ? null : never) };

function refusal<M extends string | null>(errorCode: number, errorMessage: M): { errorCode: number; errorMessage: M } {
  return { errorCode, errorMessage };
}

function invalidKey({ id, directoryId }: ReplicaKey, what: string): Refused | undefined {
  if (id >= 0 && directoryId !== UUID_ZERO) return undefined;
  return refusal(ErrorCode.INVALID_REQUEST, `${what} voter request didn't include a valid voter`);
}

function replicaState(
  replica: ReplicaStatus,
): DescribeQuorumResponse['topics'][number]['partitions'][number]['observers'][number] {
  const { id, directoryId, logEndOffset, lastFetchMs, lastCaughtUpMs } = replica;
  return {
    replicaId: id,
    replicaDirectoryId: directoryId,
    logEndOffset,
    lastFetchTimestamp: lastFetchMs,
    lastCaughtUpTimestamp: lastCaughtUpMs,
  };
}

function unknownPartitions({ topics }: DescribeQuorumRequest): DescribeQuorumResponse {
  const nobody = { leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] };
  const errorMessage = 'This server does not host this topic-partition.';
  const unknown = { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage };
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...unknown, ...nobody })),
    })),
    nodes: [],
  };
}

function nameOf({ id, directoryId }: ReplicaKey): string {
  return `ReplicaKey(id=${id}, directoryId=${directoryId === UUID_ZERO ? '<undefined>' : directoryId})`;
}

function namesOf(voters: readonly Voter[]): string {
  return `[${voters.map(nameOf).join(', ')}]`;
}
