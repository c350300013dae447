/**
 * The HTTP port: /livez, /readyz, /metrics. Loaded after the Kafka port answers, since nobody probes in the first milliseconds and a
 * client may wait for them. It serves no data and changes nothing.
 */
import type { MetricsRegistry } from '@odradek/base';
import { exposition } from '@odradek/base/prometheus';
import fastify from 'fastify';

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

/** @throws with the system's code when the address is in use or not there */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const shown = exposition(options.metrics);
  const server = fastify({ logger: false, forceCloseConnections: true, routerOptions: { ignoreTrailingSlash: true } });
  server.get('/livez', (_request, reply) => {
    const { live, why } = options.health();
    return reply.code(live ? 200 : 503).send({ live, why });
  });
  server.get('/readyz', (_request, reply) => {
    const { ready, why } = options.health();
    return reply.code(ready ? 200 : 503).send({ ready, why });
  });
  server.get('/metrics', async (_request, reply) => {
    const text = await shown.render();
    return reply.header('content-type', shown.contentType).send(text);
  });
  await server.listen({ host: options.host === '' ? '::' : options.host, port: options.port });
  const bound = server.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  return { host: options.host, port, close: () => server.close() };
}
