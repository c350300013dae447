/**
 * The HTTP port: /livez, /readyz, /stopz, /metrics, and what the node knows of groups that it coordinates. It changes nothing. The port is open
 * from the start; fastify and prom-client (a sixth of an idle node's memory, and more time than all of its start may take) are loaded by
 * the first request.
 */
import type { RequestListener, Server } from 'node:http';
import { ok, refuse } from '@odradek/base';
import type { Clock, Limits, MetricsRegistry, Outcome } from '@odradek/base';
import type { GroupsPort } from '@odradek/coordinator';
import { ErrorCode, errorName } from '@odradek/protocol';
import { StopAsks } from './stop-asks.ts';

// `import` reads every name that the module has, some of which load undici and sqlite: 7 MB of an idle node.
const { createServer } = process.getBuiltinModule('node:http');

export type HttpOptions = {
  /** '' listens on every address. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly metrics: MetricsRegistry;
  /** Asked at each probe; the reason is for people. */
  readonly health: () => Health;
  /** Why the node should not stop just now; undefined: it may. */
  readonly whyNotStop: () => string | undefined;
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'stopWaitMsMax' | 'stopWaitersMax' | 'stopLookMs'>;
  /** Undefined while there is no broker in this node: nothing is known of groups then. */
  readonly groups: () => GroupInsight | undefined;
};

/** What is told of groups: how far they are behind, and why they rebalanced. */
export type GroupInsight = Pick<GroupsPort, 'lag' | 'explain'>;

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
  const app = fastify({ logger: false, routerOptions: { ignoreTrailingSlash: true, maxParamLength: GROUP_CHARS_MAX } });
  app.get('/livez', (_request, reply) => {
    const { live, why } = options.health();
    return reply.code(live ? 200 : 503).send({ live, why });
  });
  app.get('/readyz', (_request, reply) => {
    const { ready, why } = options.health();
    return reply.code(ready ? 200 : 503).send({ ready, why });
  });
  const stops = new StopAsks(options);
  app.get<{ Querystring: { waitMs?: string | string[] } }>('/stopz', async ({ query }, reply) => {
    const asked = await stops.ask(query.waitMs, (gone) => reply.raw.once('close', gone));
    if (!asked.ok) return reply.code(400).send({ error: errorName(asked.code), why: asked.why });
    const { mayStop, why } = asked.value;
    return reply.code(mayStop ? 200 : 503).send({ mayStop, why });
  });
  app.get('/metrics', async (_request, reply) => {
    const text = await shown.render();
    return reply.header('content-type', shown.contentType).send(text);
  });
  const groups = (): GroupInsight => options.groups() ?? noGroups;
  app.get<ByGroup>('/groups/:id/lag', async ({ params }, reply) => tell(reply, await groups().lag(params.id)));
  app.get<ByGroup>('/groups/:id/history', async ({ params, query }, reply) => {
    const limit = limitOf(query.limit);
    if (!limit.ok) return reply.code(400).send({ error: errorName(limit.code), why: limit.why });
    return tell(reply, await groups().explain(params.id, limit.value));
  });
  await app.ready();
  return (request, response) => app.routing(request, response);
}

const nobody = refuse(
  ErrorCode.NOT_COORDINATOR,
  'this node serves no groups: it is a controller only, or still starting',
);
const noGroups: GroupInsight = { lag: () => Promise.resolve(nobody), explain: () => Promise.resolve(nobody) };

/** A key that is given several times comes as a list. */
type ByGroup = { Params: { id: string }; Querystring: { limit?: string | string[] } };
type Reply = { code(status: number): { send(body: unknown): unknown } };
const ALL = -1;
/** Of a group id in a path, as it is escaped there; Node takes no more in a request line. */
const GROUP_CHARS_MAX = 16_384;

/** How many rebalances, or all of them; an empty value is none of both. */
function limitOf(given: string | string[] | undefined): Outcome<number> {
  if (given === undefined) return ok(ALL);
  if (typeof given === 'string' && (given === String(ALL) || /^\d{1,9}$/.test(given))) return ok(Number(given));
  return refuse(
    ErrorCode.INVALID_REQUEST,
    `limit is '${given.toString()}'; give one whole number from 0 to 999999999, or leave it out for all`,
  );
}

function tell(reply: Reply, outcome: Outcome<object>): unknown {
  if (outcome.ok) return reply.code(200).send(outcome.value);
  return reply.code(statusOf(outcome.code)).send({ error: errorName(outcome.code), why: outcome.why });
}

function statusOf(code: number): number {
  switch (code) {
    case ErrorCode.GROUP_ID_NOT_FOUND:
      return 404;
    // Another node has it: the request was sent to the wrong one.
    case ErrorCode.NOT_COORDINATOR:
      return 421;
    default:
      return 503;
  }
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
