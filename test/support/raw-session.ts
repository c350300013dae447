/** A broker that says to the active controller exactly what a test wants said: a session of its own over gRPC, under any node's name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { config, limits, randomUuid } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { decodeAdminReply, encodeAdminRequest } from '@odradek/metadata';
import type { AdminReply, AdminRequest } from '@odradek/metadata';
import { brokerSessionService, type FromBroker, type FromController, type Stream } from '@odradek/rpc';
import { createGrpcClient } from '@odradek/rpc/grpc';
import type { ClusterNode } from './cluster.ts';

const ANSWER_WITHIN_MS = 30_000;
const { clock, random } = systemPorts();

type Heartbeat = Omit<Extract<FromBroker, { readonly kind: 'heartbeat' }>, 'kind' | 'requestId'>;
type Told<K extends FromController['kind']> = Extract<FromController, { readonly kind: K }>;

export class RawSession implements Disposable {
  readonly #stream: Stream<FromBroker, FromController>;
  readonly #close: () => void;
  readonly #heard: FromController[] = [];
  #lastId = 0;
  #wake: (() => void) | undefined;

  private constructor(stream: Stream<FromBroker, FromController>, close: () => void) {
    this.#stream = stream;
    this.#close = close;
    stream.onMessage((message) => {
      this.#heard.push(message);
      this.#wake?.();
    });
  }

  /** @param as whose name is used: its node id, with the cluster of its disk */
  static async open(controller: ClusterNode, as: ClusterNode): Promise<RawSession> {
    const meta = config.parseProperties(readFileSync(join(as.directory, 'data', 'meta.properties'), 'utf8')).entries;
    const property = (name: string): string => meta.find((entry) => entry.name === name)?.value ?? '';
    const self = {
      clusterId: property('cluster.id'),
      nodeId: as.id,
      directoryId: property('directory.id'),
      incarnationId: randomUuid(random),
    };
    const client = createGrpcClient({ self, clock, limits: limits.production });
    const [host = '', port = ''] = controller.controllerAddress.split(/:(?=\d+$)/);
    const target = { host, port: Number(port), nodeId: controller.id, directoryId: null };
    const dialled = await client.dial(brokerSessionService, target);
    if (!dialled.ok) throw new Error(`the controller does not take the session: ${dialled.ending.why}`);
    const session = new RawSession(dialled.stream, () => client.close());
    await session.#hear((message) => message.kind === 'active');
    return session;
  }

  async heartbeat(beat: Heartbeat): Promise<Told<'heartbeatReply'>> {
    const requestId = (this.#lastId += 1);
    this.#stream.send({ kind: 'heartbeat', requestId, ...beat });
    const is = (told: FromController): told is Told<'heartbeatReply'> =>
      told.kind === 'heartbeatReply' && told.requestId === requestId;
    return this.#hear(is);
  }

  /** @throws when the controller refuses the request as a whole */
  async ask<R extends AdminRequest>(request: R): Promise<AdminReply<R>> {
    const requestId = (this.#lastId += 1);
    const carried = encodeAdminRequest(request);
    const deadlineMs = ANSWER_WITHIN_MS;
    const asked = { ...carried, principal: 'User:ANONYMOUS', deadlineMs, clientRequest: null };
    this.#stream.send({ kind: 'ask', requestId, ...asked });
    const is = (told: FromController): told is Told<'answer'> => told.kind === 'answer' && told.requestId === requestId;
    const answer = await this.#hear(is);
    if (answer.refused !== null) throw new Error(`refused with ${answer.refused.code}: ${answer.refused.why}`);
    const reply = decodeAdminReply<R>(request.kind, answer);
    if (!reply.ok) throw new Error(reply.why);
    return reply.value;
  }

  [Symbol.dispose](): void {
    this.#stream.close();
    this.#close();
  }

  async #hear<T extends FromController>(
    is: ((told: FromController) => told is T) | ((told: FromController) => boolean),
  ) {
    const deadline = performance.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const found = this.#heard.find(is);
      if (found !== undefined) return found as T;
      if (performance.now() > deadline) throw new Error(`the controller says nothing: ${JSON.stringify(this.#heard)}`);
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, ANSWER_WITHIN_MS);
        this.#wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
  }
}
