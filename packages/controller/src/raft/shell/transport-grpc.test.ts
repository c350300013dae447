/** The same over real sockets: three replicas, each with its own gRPC. */
import { afterEach, expect, test } from 'vitest';
import { MetricsRegistry, Prng, UUID_ZERO, limits as allLimits, randomUuid, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { raftService } from '@odradek/rpc';
import type { Identity } from '@odradek/rpc';
import { createGrpcClient, createGrpcServer } from '@odradek/rpc/grpc';
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
  const streams = createGrpcClient({ self, clock, limits });
  const server = createGrpcServer({ self, clock, limits, network });
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

async function leader(): Promise<Replica> {
  await Promise.race(replicas.map(({ machine }) => machine.until(() => machine.leads)));
  const found = replicas.find(({ machine }) => machine.leads);
  if (found === undefined) throw new Error('somebody leads');
  return found;
}

test('three controllers over gRPC choose a leader, commit, and go on when it is gone', async () => {
  const sides = await Promise.all([1, 2, 3].map(listen));
  const voters = sides.map(({ identity, port }) => ({
    id: identity.nodeId,
    directoryId: UUID_ZERO,
    endpoints: [{ name: 'CONTROLLER', host: '127.0.0.1', port }],
  }));
  for (const side of sides) replicas.push(run(side, voters));
  const first = await leader();
  expect(await first.driver.propose(Buffer.from('one'), 1)).toMatchObject({ ok: true });
  await Promise.all(replicas.map(({ machine }) => machine.until(() => machine.texts.length === 1)));
  replicas.splice(replicas.indexOf(first), 1);
  await first.close();
  const second = await leader();
  expect(await second.driver.propose(Buffer.from('two'), 1)).toMatchObject({ ok: true });
  await Promise.all(replicas.map(({ machine }) => machine.until(() => machine.texts.length === 2)));
  for (const { machine } of replicas) expect(machine.texts).toEqual(['one', 'two']);
});
