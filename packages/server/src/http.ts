/** Where the HTTP port is opened, and what happens when its port is taken. */
import { ok, refuse } from '@odradek/base';
import type { Clock, Limits, Logger, MetricsRegistry, NodeConfig, Outcome } from '@odradek/base';
import type { GroupInsight, HttpServer, Health } from '@odradek/broker';
import { ErrorCode } from '@odradek/protocol';

export type ServeHttpOptions = {
  readonly config: NodeConfig;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  readonly health: () => Health;
  readonly whyNotStop: () => string | undefined;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly groups: () => GroupInsight | undefined;
};

/**
 * Loaded only here, after the Kafka port answers or while the node waits for others. A port that was asked for must be free; the default one gives way to any free port, so
 * that a second node on a host starts as well.
 * @returns undefined when the configuration wants none
 */
export async function serveHttp(options: ServeHttpOptions): Promise<Outcome<HttpServer | undefined>> {
  const { config, log, ...served } = options;
  const port = config.get('odradek.http.port');
  if (port < 0) return ok(undefined);
  const host = config.get('odradek.http.host');
  const { startHttp } = await import('@odradek/broker/http');
  const listen = (at: number): Promise<HttpServer> => startHttp({ host, port: at, ...served });
  try {
    const server = await listen(port).catch((cause: unknown) => {
      if (config.isSet('odradek.http.port') || systemCode(cause) !== 'EADDRINUSE') throw cause;
      return listen(0);
    });
    const url = `http://${host === '' ? '*' : host}:${server.port}`;
    log.info({ host, port: server.port }, `health and metrics: ${url}/livez /readyz /stopz /metrics`);
    return ok(server);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    const reason = cause instanceof Error ? cause.message : code;
    return refuse(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      `the HTTP port (odradek.http.host = ${host}, odradek.http.port = ${port}) cannot be opened: ${reason}; give another, or -1 for none`,
    );
  }
}

function systemCode(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
}
