/**
 * The dialling side: one channel for each stream, so that every dial resolves its name anew, no stream waits behind another's window, and
 * a broken one says so at once instead of being dialled again behind our back.
 */
import * as grpc from '@grpc/grpc-js';
import type { Clock, Limits } from '@odradek/base';
import { peerName, targetName, wordlessWhy } from '../core/endings.ts';
import { helloHeaders, judgeWelcome } from '../core/handshake.ts';
import type { Service } from '../core/service.ts';
import type { Dialled, Ending, Identity, Peer, Stream, StreamClient, Target } from '../ports.ts';
import { headersOf, metadataOf, passThrough, sharedOptions } from './calls.ts';
import { GrpcStream } from './grpc-stream.ts';

export type GrpcClientOptions = { readonly self: Identity; readonly clock: Clock; readonly limits: Limits };

type Call = grpc.ClientDuplexStream<Buffer, Buffer>;
type Status = { readonly code: number; readonly details: string };

export type GrpcClient = StreamClient & {
  /** As `close`, and resolves when every stream has ended, its last words sent; what is open after `graceMs` stays so. */
  closeWithin(graceMs: number): Promise<void>;
};

export function createGrpcClient(options: GrpcClientOptions): GrpcClient {
  return new Client(options);
}

class Client implements GrpcClient {
  readonly #options: GrpcClientOptions;
  /** Ends each dial and stream. */
  readonly #open = new Set<() => void>();
  #isClosed = false;
  #emptied: (() => void) | undefined;

  constructor(options: GrpcClientOptions) {
    this.#options = options;
  }

  dial<Asked, Told>(service: Service<Asked, Told>, target: Target): Promise<Dialled<Stream<Asked, Told>>> {
    if (this.#isClosed) return Promise.resolve({ ok: false, ending: closedHere });
    const { promise, resolve } = Promise.withResolvers<Dialled<Stream<Asked, Told>>>();
    const { self, clock, limits } = this.#options;
    const channel = new grpc.Client(address(target), grpc.credentials.createInsecure(), channelOptions(limits));
    const hello = metadataOf(helloHeaders(self, service.versions, target));
    const call = channel.makeBidiStreamRequest(service.path, passThrough, passThrough, hello);
    let stream: GrpcStream<Asked, Told> | undefined;

    const give = (ending: Ending): void => {
      resolve({ ok: false, ending });
      call.cancel();
    };
    const late = clock.after(limits.rpcDialMs, () => {
      const why = `${targetName(target)} has not answered within ${limits.rpcDialMs} ms`;
      give({ kind: 'unreachable', by: 'network', why });
    });
    const end = (): void => (stream === undefined ? give(closedHere) : stream.close());
    this.#open.add(end);
    call.on('metadata', (metadata: grpc.Metadata) => {
      late.cancel();
      if (stream !== undefined) return;
      const judged = judgeWelcome(self, { versions: service.versions, target }, headersOf(metadata));
      if (!judged.ok) return give({ kind: 'refused', by: 'us', why: judged.why });
      const { from, version } = judged.value;
      stream = this.#streamOf(service, call, { ...from, version, address: `${target.host}:${target.port}` });
      resolve({ ok: true, stream });
    });
    // A status follows each error and says the same.
    call.on('error', () => {});
    call.on('status', (status: Status) => {
      late.cancel();
      this.#open.delete(end);
      if (this.#open.size === 0) this.#emptied?.();
      channel.close();
      if (stream === undefined) return resolve({ ok: false, ending: endingOfDial(status, target, service.name) });
      const { peer } = stream;
      const over = (): void => stream?.over(endingOfStream(status, peer));
      // After an orderly end what came before it is still to be taken, the last words among it.
      if (status.code === grpc.status.OK && !call.readableEnded) call.once('end', over);
      else over();
    });
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    for (const end of this.#open) end();
  }

  async closeWithin(graceMs: number): Promise<void> {
    this.close();
    if (this.#open.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    const late = this.#options.clock.after(graceMs, resolve);
    await promise;
    late.cancel();
  }

  #streamOf<Asked, Told>(service: Service<Asked, Told>, call: Call, peer: Peer): GrpcStream<Asked, Told> {
    const { clock, limits } = this.#options;
    return new GrpcStream({
      call,
      peer,
      sends: service.asked,
      receives: service.told,
      clock,
      limits,
      cut: () => call.cancel(),
    });
  }
}

const closedHere: Ending = { kind: 'closed', by: 'us', why: 'this node stops' };

function channelOptions(limits: Limits): grpc.ChannelOptions {
  return {
    ...sharedOptions(limits),
    'grpc-node.flow_control_window': limits.rpcWindowBytes,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    // What is kept for a retry counts as sent; nothing is, so that `queuedBytes` tells the truth.
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.service_config_disable_resolution': 1,
    // Nodes reach each other directly, whatever the environment says of the web.
    'grpc.enable_http_proxy': 0,
  };
}

function address({ host, port }: Target): string {
  return `dns:///${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function endingOfDial({ code, details }: Status, target: Target, service: string): Ending {
  switch (code) {
    case grpc.status.FAILED_PRECONDITION:
      return { kind: 'refused', by: 'peer', why: details };
    case grpc.status.UNIMPLEMENTED:
      return { kind: 'refused', by: 'peer', why: `${targetName(target)} does not serve ${service}` };
    default:
      return {
        kind: 'unreachable',
        by: 'network',
        why: `${targetName(target)} cannot be reached: ${plain(details)}`,
        isAbsent: details.includes('ECONNREFUSED'),
      };
  }
}

/** grpc-js wraps what the system said into words about its own parts. */
function plain(details: string): string {
  return /Last error: (?:Error: )?(.+?)\. Resolution note:/.exec(details)?.[1] ?? details;
}

function endingOfStream({ code, details }: Status, peer: Peer): Ending {
  switch (code) {
    case grpc.status.OK:
      return { kind: 'broken', by: 'network', why: wordlessWhy(peer) };
    case grpc.status.RESOURCE_EXHAUSTED:
      return { kind: 'invalid', by: 'peer', why: `${peerName(peer)}: ${details}` };
    default:
      return { kind: 'broken', by: 'network', why: `the stream to ${peerName(peer)} broke: ${details}` };
  }
}
