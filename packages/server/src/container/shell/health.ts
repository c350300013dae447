/**
 * What the image's health check runs: exit 0 when this node serves clients (one Metadata call answers) or, as a controller alone, is
 * ready by its HTTP port; else 1, with why in a line. It finds the ports in /proc, so that it holds for a node started by whatever script
 * and file. No client and no codec is loaded: it runs every few seconds.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { inOrder, listeningSockets } from '../core/listening.ts';
import type { ListeningSocket } from '../core/listening.ts';
import { apiVersionsRequest, readListenerKind } from '../core/probe.ts';
import { askMetadata, exchange } from './exchange.ts';

/** Each port has so long: together less than the time that Docker gives the check. */
const PROBE_MS = 2_000;
const PORTS_MAX = 16;

type Probed = { readonly healthy: boolean; readonly line: string };

/** No listener gets what is not meant for it, which the node would warn of: first each is asked what it is for. */
async function main(): Promise<void> {
  const sockets = inOrder(ownSockets()).slice(0, PORTS_MAX);
  const lines: string[] = [];
  const foreign: ListeningSocket[] = [];
  for (const socket of sockets) {
    const kind = await exchange(socket, apiVersionsRequest('odradek-health'), PROBE_MS, readListenerKind);
    if (kind === 'foreign') foreign.push(socket);
    else if (kind === 'broker') return tell(await metadata(socket));
    else if (kind !== 'controller') lines.push(`${socket.port}: ${kind}`);
  }
  // A broker that hangs is ill, whatever its HTTP port says.
  for (const socket of lines.length === 0 ? foreign : []) {
    const probed = await readiness(socket);
    if (probed.healthy) return tell(probed);
    lines.push(probed.line);
  }
  tell({
    healthy: false,
    line: sockets.length === 0 ? 'no process of this container listens on a port' : lines.join('; '),
  });
}

/** Those of processes that run as the same user: with the host's network there are others. */
function ownSockets(): ListeningSocket[] {
  const inodes = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const link of links(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  }
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => attempt(() => readFileSync(path, 'latin1'), ''));
  return tables.flatMap((table) => listeningSockets(table)).filter(({ inode }) => inodes.has(inode));
}

function links(directory: string): string[] {
  const names = attempt(() => readdirSync(directory), []);
  return names.map((name) => attempt(() => readlinkSync(`${directory}/${name}`), ''));
}

/** Processes end, and those of others are closed, while they are looked at. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

async function metadata(at: ListeningSocket): Promise<Probed> {
  const answer = await askMetadata(at, PROBE_MS);
  if (answer.kind === 'unhealthy') return { healthy: false, line: `${at.port}: ${answer.why}` };
  return { healthy: true, line: `${at.port}: serves clients, ${answer.brokers} brokers known` };
}

async function readiness(at: ListeningSocket): Promise<Probed> {
  const request = 'GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
  const answer = await exchange(at, Buffer.from(request), PROBE_MS, (received) => {
    const text = received.toString('latin1');
    return text.includes('}') || !text.startsWith('HTTP/'.slice(0, text.length)) ? text : undefined;
  });
  const healthy = /^HTTP\/1\.1 200 .*"ready":true/s.test(answer);
  return { healthy, line: `${at.port}: ${healthy ? 'ready, without clients' : answer.split('\r\n\r\n').at(-1)}` };
}

function tell({ healthy, line }: Probed): never {
  process.stdout.write(`${line.slice(0, 1_000)}\n`);
  process.exit(healthy ? 0 : 1);
}

await main();
