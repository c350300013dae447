/** Servers and clients of one process, whose streams are pipes: for the contract of streams. */
import { assert } from '@odradek/base';
import type { Clock, Limits } from '@odradek/base';
import type { Service } from '../core/service.ts';
import type { Dialled, Ending, Identity, ServiceHandler, Stream, StreamServer } from '../ports.ts';
import { pipe } from '../shell/pipe.ts';
import type { EchoWorld } from './echo.ts';

type Served = { readonly self: Identity; readonly limits: Limits; readonly handlers: Map<string, Handler> };
type Handler = ServiceHandler<unknown, unknown>;
type AnyStream = Stream<unknown, unknown>;

/** @param usual what bounds a stream unless one of its ends has other bounds */
export function pipeWorld(clock: Clock, usual: Limits): EchoWorld {
  const listening = new Map<number, Served>();
  const streams = new Map<StreamServer, AnyStream[]>();
  let nextPort = 1;
  const server = (self: Identity, limits: Limits): StreamServer => {
    const handlers: Served['handlers'] = new Map();
    const ports: number[] = [];
    const made: StreamServer = {
      serve: (service, handler) => void handlers.set(service.path, track(handler as unknown as Handler)),
      listen(host, port) {
        assert(port === 0, 'ports of a pipe are given');
        const taken = nextPort++;
        ports.push(taken);
        listening.set(taken, { self, limits, handlers });
        return Promise.resolve({ host, port: taken, close: () => Promise.resolve() });
      },
      close() {
        for (const port of ports) listening.delete(port);
        for (const each of streams.get(made) ?? []) each.close({ reason: 'closed', why: `node ${self.nodeId} stops` });
        return Promise.resolve();
      },
    };
    const track = (handler: Handler): Handler => ({
      opened(stream) {
        streams.set(made, [...(streams.get(made) ?? []), stream]);
        handler.opened(stream);
      },
    });
    return made;
  };
  return {
    isOneProcess: true,
    host: 'here',
    server,
    client(_self, limits) {
      const dialled: AnyStream[] = [];
      return {
        dial<A, T>(service: Service<A, T>, { port }: { readonly port: number }): Promise<Dialled<Stream<A, T>>> {
          const served = listening.get(port);
          const ending: Ending = { kind: 'unreachable', by: 'network', why: `nobody listens on ${port}` };
          if (served === undefined) return Promise.resolve({ ok: false, ending });
          const bounds = limits === usual ? served.limits : limits;
          const { near, far } = pipe({ service, self: served.self, clock, limits: bounds });
          served.handlers.get(service.path)?.opened(far as unknown as AnyStream);
          dialled.push(near as unknown as AnyStream);
          return Promise.resolve({ ok: true, stream: near });
        },
        close: () => dialled.forEach((each) => each.close()),
      };
    },
  };
}
