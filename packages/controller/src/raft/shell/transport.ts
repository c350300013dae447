/**
 * Streams between controllers: one between any two. Both sides dial the voters that they know, the one with the lower id first; where two
 * streams meet, both sides keep the same one. A newcomer, who knows no voters, asks the servers it was told. Peers are identified by
 * cluster, node and directory; another process under the id of a live one, or one that counts other voters, is refused in words on both
 * sides. Sources: KIP-595, KIP-853.
 */
import { UUID_ZERO, assert, refuse } from '@odradek/base';
import type { Clock, Counter, Limits, Logger, Metrics, Outcome, Random } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { raftService } from '@odradek/rpc';
import type { Ending, Identity, Peer, RaftMessage, ServiceHandler, StreamClient } from '@odradek/rpc';
import type { Message, ReplicaKey, Voter } from '../core/messages.ts';
import type { RaftReceiver, RaftTransport } from '../ports.ts';
import { Asks } from './asks.ts';
import type { Answered, Asked } from './asks.ts';
import { Dialler } from './dialler.ts';
import type { Aim, Dial, RaftStream } from './dialler.ts';

export type StreamTransportOptions = {
  readonly identity: Identity;
  /** Left out: nobody is dialled, whoever comes is heard. */
  readonly streams?: StreamClient;
  /** `controller.quorum.voters`; empty: they are in the log. */
  readonly configured: readonly Voter[];
  /** `controller.quorum.bootstrap.servers`, without this node's own address. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
};

type Link = {
  readonly stream: RaftStream;
  readonly peer: Peer;
  /** undefined: the peer dialled. */
  readonly dial: Dial | undefined;
  readonly sinceMs: number;
  isGreeted: boolean;
  isOver: boolean;
};

export class StreamTransport implements RaftTransport, ServiceHandler<RaftMessage, RaftMessage> {
  readonly #options: StreamTransportOptions;
  readonly #open = new Set<Link>();
  /** By node id: the stream that is in use. */
  readonly #links = new Map<number, Link>();
  readonly #dialler: Dialler;
  readonly #asks: Asks;
  readonly #dropped: Counter;
  /** What was told of peers that were refused: each sentence once. */
  readonly #told = new Set<string>();
  #receiver: RaftReceiver | undefined;
  #voters: readonly Voter[] = [];
  /** The voters as another told them last: this node may know none, or may not know that they have moved. */
  #heardVoters: readonly Voter[] = [];
  #isClosed = false;

  constructor(options: StreamTransportOptions) {
    const { clock, random, limits, log, streams, identity, metrics } = options;
    this.#options = options;
    this.#dropped = metrics.counter('odradek_raft_dropped_total', { why: 'peer' });
    this.#asks = new Asks(clock, limits, identity.nodeId);
    this.#dialler = new Dialler({
      clock,
      random,
      limits,
      log,
      dial: (target) => {
        assert(streams !== undefined, 'who dials has a way to');
        return streams.dial(raftService, target);
      },
      isWanted: (dial) => this.#isWanted(dial),
      opened: (stream, dial) => this.#opened(stream, dial),
    });
  }

  // What the replica asks.

  start(receiver: RaftReceiver): void {
    this.#receiver = receiver;
    for (const link of this.#links.values()) receiver.peerConnected(keyOf(link.peer));
    this.#aim();
  }

  send(to: number, message: Message): void {
    const link = this.#links.get(to);
    if (link === undefined || link.isOver) return;
    if (link.stream.queuedBytes() > this.#options.limits.raftPeerQueuedBytesMax) this.#dropped.inc();
    else link.stream.send(message as RaftMessage);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#receiver = undefined;
    this.#dialler.close();
    this.#asks.close();
    const why = `controller ${this.#options.identity.nodeId} stops`;
    for (const { stream } of this.#open) stream.close({ reason: 'closed', why });
    this.#open.clear();
    this.#links.clear();
    return Promise.resolve();
  }

  /** The voters in force: whom to dial. */
  votersAre(voters: readonly Voter[]): void {
    this.#voters = voters;
    this.#aim();
  }

  // Requests from controller to controller.

  /** Answers what others ask of this node. */
  onAsk(answer: (asked: Asked, peer: Peer) => Promise<Outcome<Answered>>): void {
    this.#asks.onAsk(answer);
  }

  /** Asks another controller. REQUEST_TIMED_OUT: it may or may not have heard. */
  ask(to: number, asked: Asked): Promise<Outcome<Answered>> {
    const link = this.#links.get(to);
    if (link !== undefined) return this.#asks.ask(link.stream, asked);
    return Promise.resolve(refuse(ErrorCode.NOT_CONTROLLER, `controller ${to} is not connected`));
  }

  // What streams bring.

  admit(peer: Peer): string | undefined {
    const why = this.#whyNot(peer);
    if (why !== undefined) this.#tellRefused(peer, why);
    return why;
  }

  opened(stream: RaftStream): void {
    this.#opened(stream, undefined);
  }

  #opened(stream: RaftStream, dial: Dial | undefined): void {
    const { clock, limits, configured } = this.#options;
    const { peer } = stream;
    const link: Link = { stream, peer, dial, sinceMs: clock.monotonicMs(), isGreeted: false, isOver: false };
    this.#open.add(link);
    stream.onMessage((message) => this.#heard(link, message));
    stream.onClosed((ending) => this.#closed(link, ending));
    const why = dial === undefined ? undefined : this.#whyNot(peer);
    if (why !== undefined) return this.#refuse(link, why);
    stream.send({ kind: 'hello', configured: plain(configured), voters: plain(this.#voters) });
    clock.after(limits.rpcDialMs, () => {
      if (!link.isGreeted && !link.isOver) stream.destroy(`controller ${peer.nodeId} has not said who it is`);
    });
  }

  #heard(link: Link, message: RaftMessage): void {
    if (link.isOver) return;
    const { peer } = link;
    if (!link.isGreeted) return this.#greeted(link, message);
    if (message.kind === 'hello') {
      link.stream.close({ reason: 'invalid', why: 'a stream says hello once' });
    } else if (this.#asks.take(link.stream, message)) {
      // A request, or the answer to one.
    } else if (this.#links.get(peer.nodeId) === link) {
      this.#receiver?.received(keyOf(peer), message as Message);
    }
  }

  #greeted(link: Link, message: RaftMessage): void {
    if (message.kind !== 'hello') return link.stream.close({ reason: 'invalid', why: 'a stream begins with hello' });
    const why = this.#whyNot(link.peer) ?? this.#disagreement(link.peer, message.configured);
    if (why !== undefined) return this.#refuse(link, why);
    link.isGreeted = true;
    if (link.dial !== undefined) link.dial.foundId = link.peer.nodeId;
    if (message.voters.length > 0) {
      this.#heardVoters = message.voters;
      this.#aim();
    }
    const before = this.#links.get(link.peer.nodeId);
    if (before !== undefined && !this.#isBetter(link, before)) return this.#drop(link);
    if (link.dial !== undefined) this.#dialler.succeeded(link.dial);
    this.#links.set(link.peer.nodeId, link);
    for (const told of this.#told) if (told.startsWith(`${link.peer.nodeId}: `)) this.#told.delete(told);
    if (before !== undefined) {
      this.#receiver?.peerLost(link.peer.nodeId);
      this.#drop(before);
    }
    this.#receiver?.peerConnected(keyOf(link.peer));
  }

  /**
   * Both sides dialled at once: the stream of the lower id stays, for both. Otherwise the newer one does: a peer dials when it has none, so
   * it has lost the older one, which this side has not noticed yet.
   */
  #isBetter(link: Link, before: Link): boolean {
    const { limits, identity } = this.#options;
    const isRace = link.sinceMs - before.sinceMs < limits.rpcDialMs;
    const isSameSide = (link.dial === undefined) === (before.dial === undefined);
    if (!isRace || isSameSide) return true;
    return (link.dial !== undefined) === identity.nodeId < link.peer.nodeId;
  }

  #drop(link: Link): void {
    link.isOver = true;
    this.#open.delete(link);
    this.#asks.lost(link.stream);
    link.stream.close({ reason: 'closed', why: 'there is another stream between the two' });
  }

  #closed(link: Link, ending: Ending): void {
    if (link.isOver) return;
    link.isOver = true;
    this.#open.delete(link);
    this.#asks.lost(link.stream);
    const { nodeId } = link.peer;
    const wasInUse = this.#links.get(nodeId) === link;
    if (wasInUse) {
      this.#links.delete(nodeId);
      this.#options.log.debug(
        { peer: nodeId, kind: ending.kind },
        `the stream to controller ${nodeId} ended: ${ending.why}`,
      );
      this.#receiver?.peerLost(nodeId);
    }
    if (link.dial !== undefined && !wasInUse) this.#dialler.failed(link.dial, ending);
    else if (ending.kind === 'refused' && ending.by === 'peer')
      this.#tellOnce(
        link.peer,
        ending.why,
        `controller ${nodeId} at ${hostOf(link.peer)} refuses this node: ${ending.why}`,
      );
    if (!this.#isClosed) this.#dialler.wake();
  }

  /** @returns why the peer is not heard, for people on both sides */
  #whyNot(peer: Peer): string | undefined {
    const { identity, limits } = this.#options;
    const own = `node ${identity.nodeId}`;
    if (this.#isClosed) return `controller ${identity.nodeId} stops`;
    if (peer.nodeId === identity.nodeId) {
      if (peer.incarnationId === identity.incarnationId)
        return `${own} has reached itself: check the addresses of the quorum`;
      const which = `directory ${identity.directoryId} here, ${peer.directoryId} at ${hostOf(peer)}`;
      return `two processes run as ${own} (${which}): give each node its own node.id, and stop one of them`;
    }
    const live = this.#links.get(peer.nodeId);
    if (live !== undefined && live.peer.incarnationId !== peer.incarnationId) return this.#twins(peer, live.peer);
    if (live === undefined && this.#links.size >= limits.raftPeersMax)
      return `${own} speaks with ${limits.raftPeersMax} controllers already, which is all it does (raftPeersMax)`;
    return undefined;
  }

  /** A life that has died without a word is forgotten within the keepalive's time; until then nobody can tell it from a twin. */
  #twins(peer: Peer, live: Peer): string {
    const { identity } = this.#options;
    const there = `at ${hostOf(live)} is connected to node ${identity.nodeId}`;
    if (live.directoryId === peer.directoryId) {
      const twice = `another process with directory ${peer.directoryId}, ${there}`;
      return `two processes run as node ${peer.nodeId}, or one has just died: ${twice}; never start a copy of a directory beside it`;
    }
    const both = `one with directory ${live.directoryId} ${there}, another with directory ${peer.directoryId} came from ${hostOf(peer)}`;
    return `two processes run as node ${peer.nodeId}: ${both}: give each its own node.id`;
  }

  /** Two that count different voters could each find a majority of their own. */
  #disagreement(peer: Peer, theirs: readonly Voter[]): string | undefined {
    const { configured, identity } = this.#options;
    if (configured.length === 0 || theirs.length === 0) return undefined;
    const [ours, others] = [idsOf(configured), idsOf(theirs)];
    if (ours === others) return undefined;
    const fix = 'give controller.quorum.voters the same value on every node';
    return `controller.quorum.voters names nodes ${ours} at node ${identity.nodeId}, but ${others} at node ${peer.nodeId}: ${fix}`;
  }

  #refuse(link: Link, why: string): void {
    this.#tellRefused(link.peer, why);
    link.stream.close({ reason: 'refused', why });
    link.isOver = true;
    this.#open.delete(link);
    if (link.dial === undefined) return;
    link.dial.toldWhy = why;
    this.#dialler.failed(link.dial, { kind: 'refused', by: 'us', why });
  }

  #tellRefused(peer: Peer, why: string): void {
    this.#tellOnce(peer, why, `controller ${peer.nodeId} at ${hostOf(peer)} is refused: ${why}`);
  }

  #tellOnce(peer: Peer, why: string, sentence: string): void {
    const told = `${peer.nodeId}: ${why}`;
    if (this.#isClosed || this.#told.has(told)) return;
    if (this.#told.size >= this.#options.limits.raftPeersMax) this.#told.clear();
    this.#told.add(told);
    this.#options.log.error({ peer: peer.nodeId, address: peer.address }, sentence);
  }

  /** Voters are dialled, and the servers where that is not enough. */
  #aim(): void {
    if (this.#receiver === undefined || this.#options.streams === undefined || this.#isClosed) return;
    const { identity, limits, servers } = this.#options;
    const aims: Aim[] = [];
    const isVoter = this.#voters.some(({ id }) => id === identity.nodeId);
    for (const { id, directoryId, endpoints } of [...this.#voters, ...this.#heardVoters]) {
      const [endpoint] = endpoints;
      if (id === identity.nodeId || endpoint === undefined) continue;
      const patienceMs = isVoter && identity.nodeId > id ? limits.raftDialTurnMs : 0;
      const target = { host: endpoint.host, port: endpoint.port, nodeId: id };
      aims.push({ ...target, directoryId: directoryId === UUID_ZERO ? null : directoryId, patienceMs });
    }
    for (const { host, port } of servers) {
      if (aims.some((aim) => aim.host === host && aim.port === port)) continue;
      aims.push({ host, port, nodeId: null, directoryId: null, patienceMs: 0 });
    }
    this.#dialler.aim(aims);
  }

  /**
   * Who votes is dialled by the other voters, too. Who does not must find whoever leads, of whom those that it has found may not have heard:
   * it asks every server.
   */
  #isWanted({ aim, foundId }: Dial): boolean {
    if (foundId !== null && this.#links.has(foundId)) return false;
    const { nodeId } = this.#options.identity;
    if (aim.nodeId !== null || !this.#voters.some(({ id }) => id === nodeId)) return true;
    const isVoter = (id: number): boolean => [...this.#voters, ...this.#heardVoters].some((voter) => voter.id === id);
    return this.#voters.length > 1 && ![...this.#links.keys()].some(isVoter);
  }
}

function keyOf({ nodeId, directoryId }: Peer): ReplicaKey {
  return { id: nodeId, directoryId };
}

/** Without the port, which is another one each time for who dials. */
function hostOf({ address }: Peer): string {
  return address.replace(/:\d+$/, '');
}

function idsOf(voters: readonly Voter[]): string {
  return voters
    .map(({ id }) => id)
    .toSorted((a, b) => a - b)
    .join(', ');
}

function plain(voters: readonly Voter[]): (RaftMessage & { readonly kind: 'hello' })['voters'] {
  return voters.map(({ id, directoryId, endpoints }) => ({ id, directoryId, endpoints: [...endpoints] }));
}
