/** The same over real sockets: three replicas, each with its own gRPC. */
import { afterEach, expect, test } from 'vitest';
import { MetricsRegistry, Prng, UUID_ZERO, limits as allLimits, randomUuid, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ErrorCode } from '@odradek/protocol';
import { raftService } from '@odradek/rpc';
import type { Identity } from '@odradek/rpc';
import { createGrpcClient, createGrpcServer } from '@odradek/rpc/grpc';
import { patient } from '@odradek/rpc/testing';
import type { Entry, Voter } from '../core/messages.ts';
import type { RaftMachine } from '../ports.ts';
import { raftOptions } from '../testing/options.ts';
import { RaftDriver } from './driver.ts';
import { MemoryRaftStore } from './memory-store.ts';
import { StreamTransport } from './transport.ts';

const limits = allLimits.production;
const { clock, network } = systemPorts();
const random = new Prng(7);
const CLUSTER_ID = 'abcdefghijklmnopqrstug';

/** Remembers texts, and tells who waits for something. */
class Listener implements RaftMachine {
  readonly texts: string[] = [];
  leads = false;
  #waiting: { readonly holds: () => boolean; readonly done: () => void }[] = [];

  until(holds: () => boolean): Promise<void> {
    return new Promise((done) => {
      this.#waiting.push({ holds, done });
      this.#look();
    });
  }

  #look(): void {
    for (const { holds, done } of this.#waiting) if (holds()) done();
  }

  committed(entry: Entry): void {
    if (entry.kind === 'data') this.texts.push(entry.data.toString());
    this.#look();
  }

  restored(): Promise<void> {
    return Promise.resolve();
  }

  leading(): void {
    this.leads = true;
    this.#look();
  }

  following(): void {
    this.leads = false;
  }

  votersChanged(): void {}
}

type Side = { identity: Identity; transport: StreamTransport; port: number; close: () => Promise<void> };
type Replica = { driver: RaftDriver; machine: Listener; close: () => Promise<void> };
const replicas: Replica[] = [];
afterEach(async () => {
  for (const { close } of replicas.splice(0)) await close();
});

async function listen(nodeId: number): Promise<Side> {
  const self = { clusterId: CLUSTER_ID, nodeId, directoryId: randomUuid(random), incarnationId: randomUuid(random) };
  const streams = createGrpcClient({ self, clock, limits: patient });
  const server = createGrpcServer({ self, clock, limits: patient, network });
  const metrics = new MetricsRegistry();
  const quorum = { configured: [], servers: [] };
  const transport = new StreamTransport({
    identity: self,
    streams,
    ...quorum,
    clock,
    random,
    limits,
    log: silent,
    metrics,
  });
  server.serve(raftService, transport);
  const { port } = await server.listen('127.0.0.1', 0);
  const close = async (): Promise<void> => {
    streams.close();
    await server.close(200);
  };
  return { identity: self, transport, port, close };
}

function run({ identity, transport, close }: Side, voters: readonly Voter[]): Replica {
  const machine = new Listener();
  const store = new MemoryRaftStore(voters);
  const onFault = (fault: Error): never => {
    throw fault;
  };
  const self = { id: identity.nodeId, directoryId: identity.directoryId };
  const metrics = new MetricsRegistry();
  const shell = { clock, random, store, transport, machine, limits, log: silent, metrics, onFault };
  const stored = { hardState: null, snapshot: { offset: 0, epoch: 0, voters }, entries: [] };
  const driver = new RaftDriver({ self, raft: raftOptions, ...shell }, stored);
  transport.votersAre(voters);
  const stop = async (): Promise<void> => {
    await driver.close();
    await close();
  };
  return { driver, machine, close: stop };
}

/** Proposes to whoever leads, again when that one has lost the lead meanwhile. @returns who took it */
async function commit(text: string): Promise<Replica> {
  for (;;) {
    await Promise.race(replicas.map(({ machine }) => machine.until(() => machine.leads)));
    for (const replica of replicas.filter(({ machine }) => machine.leads)) {
      const outcome = await replica.driver.propose(Buffer.from(text), 1);
      if (outcome.ok) return replica;
      expect(outcome.code, outcome.why).toBe(ErrorCode.NOT_CONTROLLER);
    }
  }
}

test('three controllers over gRPC choose a leader, commit, and go on when it is gone', async () => {
  const sides = await Promise.all([1, 2, 3].map(listen));
  const voters = sides.map(({ identity, port }) => ({
    id: identity.nodeId,
    directoryId: UUID_ZERO,
    endpoints: [{ name: 'CONTROLLER', host: '127.0.0.1', port }],
  }));
  for (const side of sides) replicas.push(run(side, voters));
  const first = await commit('one');
  await Promise.all(replicas.map(({ machine }) => machine.until(() => machine.texts.includes('one'))));
  replicas.splice(replicas.indexOf(first), 1);
  await first.close();
  await commit('two');
  await Promise.all(replicas.map(({ machine }) => machine.until(() => machine.texts.includes('two'))));
  // What was proposed again may have been committed before, too.
  for (const { machine } of replicas) expect([...new Set(machine.texts)]).toEqual(['one', 'two']);
});
