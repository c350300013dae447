/** A host of sessions on a simulated network, and brokers whose streams a test speaks by hand. */
import { MetricsRegistry, limits as allLimits, silent } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { SimClock, drain } from '@odradek/base/testing';
import { encodeAdminRequest } from '@odradek/metadata';
import type { AdminRequest } from '@odradek/metadata';
import { brokerSessionService } from '@odradek/rpc';
import type { Ending, FromBroker, FromController, Identity, Stream } from '@odradek/rpc';
import { SimStreams } from '@odradek/rpc/testing';
import type { SimNode } from '@odradek/rpc/testing';
import { SessionHost } from '../shell/host.ts';
import type { Expected } from '../shell/roll-call.ts';
import type { SessionEnd } from '../shell/session.ts';
import { HandCluster, idOf } from './hand-controllers.ts';

export const identity = (nodeId: number, life = nodeId): Identity => ({
  clusterId: 'c',
  nodeId,
  directoryId: Buffer.alloc(16, nodeId).toString('base64url'),
  incarnationId: Buffer.alloc(16, life).toString('base64url'),
});

/** A broker's end of a stream, spoken by hand. */
export class Speaker {
  readonly stream: Stream<FromBroker, FromController>;
  readonly heard: FromController[] = [];
  readonly process: SimNode;
  ending: Ending | undefined;

  constructor(stream: Stream<FromBroker, FromController>, process: SimNode) {
    this.stream = stream;
    this.process = process;
    stream.onMessage((message) => void this.heard.push(message));
    stream.onClosed((ending) => (this.ending = ending));
  }

  of<K extends FromController['kind']>(kind: K): Extract<FromController, { readonly kind: K }>[] {
    return this.heard.filter((each): each is Extract<FromController, { readonly kind: K }> => each.kind === kind);
  }

  register(life: number, brokerId = this.process.self.nodeId): void {
    const { incarnationId } = identity(brokerId, life);
    const lists = { endpoints: [], features: [], logDirs: [idOf(`dir${life}`)] };
    const registration = { brokerId, clusterId: 'c', incarnationId, rack: null, previousBrokerEpoch: null, ...lists };
    this.stream.send({ kind: 'register', requestId: 1, registration });
  }

  beat(brokerEpoch: number, wantShutDown = false, brokerId = this.process.self.nodeId): void {
    const beat = {
      brokerId,
      brokerEpoch,
      metadataOffset: 0,
      wantFence: false,
      wantShutDown,
      offlineLogDirs: [],
      cordonedLogDirs: [],
    };
    this.stream.send({ kind: 'heartbeat', requestId: 2, ...beat });
  }

  ask(request: AdminRequest, requestId = 3, deadlineMs = 5_000, clientRequest: string | null = null): void {
    const carried = encodeAdminRequest(request);
    this.stream.send({ kind: 'ask', requestId, ...carried, principal: 'User:alice', deadlineMs, clientRequest });
  }
}

export function rigOf(limits: Limits = allLimits.production) {
  const clock = new SimClock();
  const streams = new SimStreams({ clock, limits, delayMs: () => 1 });
  const cluster = new HandCluster();
  const controller = cluster.add(1, { host: 'c1', port: 9093 });
  cluster.add(2, { host: 'c2', port: 9093 });
  const metrics = new MetricsRegistry();
  const expected: Expected[] = [];
  const gone = new Set<number>();
  const isGone = (brokerId: number): Promise<boolean> => Promise.resolve(gone.has(brokerId));
  const said = { clock, limits, log: silent, metrics, expected: () => expected, isGone };
  const host = new SessionHost({ controller, identity: identity(1), ...said });
  const server = streams.node(identity(1), 'c1').server;
  server.serve(brokerSessionService, host);
  void server.listen('', 9093);
  const pass = async (ms = 10): Promise<void> => {
    await drain();
    await clock.advance(ms);
  };
  const dial = async (nodeId = 7, life = nodeId): Promise<Speaker> => {
    const process = streams.node(identity(nodeId, life), `b${nodeId}-${life}`);
    const target = { host: 'c1', port: 9093, nodeId: null, directoryId: null };
    const dialling = process.client.dial(brokerSessionService, target);
    await pass();
    const dialled = await dialling;
    if (!dialled.ok) throw new Error(dialled.ending.why);
    const speaker = new Speaker(dialled.stream, process);
    await pass();
    return speaker;
  };
  const endedOf = (why: SessionEnd['how']): number =>
    metrics.value('odradek_controller_sessions_ended_total', { why }) ?? 0;
  return { clock, streams, cluster, controller, expected, gone, host, metrics, pass, dial, endedOf };
}

export const createTopics = (name: string) =>
  ({ kind: 'createTopics', request: { topics: [topicOf(name)], timeoutMs: 1_000, validateOnly: false } }) as const;
const topicOf = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });
