/** A follower that says to a leader's broker exactly what a test wants said, under any name: a replica stream of its own over gRPC. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { config, limits, randomUuid } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { replicaFetchService } from '@odradek/rpc';
import type { Ending, FromFollower, FromLeader, Stream } from '@odradek/rpc';
import { createGrpcClient } from '@odradek/rpc/grpc';
import type { ClusterNode } from './cluster.ts';

const WITHIN_MS = 30_000;
const { clock, random } = systemPorts();

export type Name = { readonly nodeId: number; readonly clusterId?: string };

/** The cluster that a node's disk belongs to. */
export function clusterIdOf(node: ClusterNode): string {
  const text = readFileSync(join(node.directory, 'data', 'meta.properties'), 'utf8');
  return config.parseProperties(text).entries.find(({ name }) => name === 'cluster.id')?.value ?? '';
}

export class RawFollower implements Disposable {
  readonly heard: FromLeader[] = [];
  readonly ended: Promise<Ending>;
  readonly #stream: Stream<FromFollower, FromLeader>;
  readonly #close: () => void;

  private constructor(stream: Stream<FromFollower, FromLeader>, close: () => void) {
    this.#stream = stream;
    this.#close = close;
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.ended = promise;
    stream.onClosed(resolve);
    stream.onMessage((message) => this.heard.push(message));
  }

  /** @returns the stream, or the sentence with which it was refused */
  static async dial(leader: ClusterNode, name: Name): Promise<RawFollower | string> {
    const self = {
      clusterId: name.clusterId ?? clusterIdOf(leader),
      nodeId: name.nodeId,
      directoryId: randomUuid(random),
      incarnationId: randomUuid(random),
    };
    const client = createGrpcClient({ self, clock, limits: limits.production });
    const [host = '', port = ''] = leader.address.split(/:(?=\d+$)/);
    const target = { host, port: Number(port), nodeId: leader.id, directoryId: null };
    const dialled = await client.dial(replicaFetchService, target);
    if (dialled.ok) return new RawFollower(dialled.stream, () => client.close());
    client.close();
    return dialled.ending.why;
  }

  say(message: FromFollower): void {
    this.#stream.send(message);
  }

  /** @returns why the leader ended the stream */
  async refusal(): Promise<string> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('the leader does not end the stream')), WITHIN_MS);
    const { kind, why } = await Promise.race([this.ended, late.promise]);
    clearTimeout(timer);
    return `${kind}: ${why}`;
  }

  [Symbol.dispose](): void {
    this.#stream.close();
    this.#close();
  }
}
