/**
 * The HTTP port: /livez, /readyz, /metrics. It serves no data and changes nothing. The port is open from the start; fastify and prom-client
 * (a sixth of an idle node's memory, and more time than all of its start may take) are loaded by the first request.
 */
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { MetricsRegistry } from '@odradek/base';

export type HttpOptions = {
  /** '' listens on every address. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly metrics: MetricsRegistry;
  /** Asked at each probe; the reason is for people. */
  readonly health: () => Health;
};

/**
 * - `live`: the process does its work; false means that only a restart helps.
 * - `ready`: clients can be served now.
 */
export type Health = { readonly live: boolean; readonly ready: boolean; readonly why: string };

export type HttpServer = { readonly host: string; readonly port: number; close(): Promise<void> };

/** What a machine says that has no IPv6. */
const familyMissing = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** @throws with the system's code when the address is in use or not there */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  let routing: Promise<RequestListener> | undefined;
  const server = createServer((request, response) => {
    routing ??= routes(options);
    // It cannot fail but by a bug, which an unhandled rejection tells.
    void routing.then((route) => route(request, response));
  });
  try {
    await listen(server, options.port, options.host === '' ? '::' : options.host);
  } catch (cause) {
    if (options.host !== '' || !familyMissing.has(systemCode(cause) ?? '')) throw cause;
    await listen(server, options.port, '0.0.0.0');
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  return {
    host: options.host,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function routes(options: HttpOptions): Promise<RequestListener> {
  const [{ fastify }, { exposition }] = await Promise.all([import('fastify'), import('@odradek/base/prometheus')]);
  const shown = exposition(options.metrics);
  const app = fastify({ logger: false, routerOptions: { ignoreTrailingSlash: true } });
  app.get('/livez', (_request, reply) => {
    const { live, why } = options.health();
    return reply.code(live ? 200 : 503).send({ live, why });
  });
  app.get('/readyz', (_request, reply) => {
    const { ready, why } = options.health();
    return reply.code(ready ? 200 : 503).send({ ready, why });
  });
  app.get('/metrics', async (_request, reply) => {
    const text = await shown.render();
    return reply.header('content-type', shown.contentType).send(text);
  });
  await app.ready();
  return (request, response) => app.routing(request, response);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function systemCode(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
}
