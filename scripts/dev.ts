/**
 * `pnpm dev --nodes N --port P --dir D [--json]`: local nodes as processes of their own, so that one of them can be killed or paused like
 * a machine. Prints the bootstrap address and each node's id, addresses and process id; SIGINT or SIGTERM stops them all. Nothing is
 * restarted: what becomes of the others is what one wants to see.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit/process';

const USAGE = `usage: pnpm dev [--nodes N] [--port P] [--dir D] [--json] [--override key=value]...
  --nodes N   how many nodes, each broker and controller (default 1)
  --port P    the first node's Kafka port (default 9092); the next nodes take the ports after it,
              controllers those from P + 100, and their HTTP ports those from P + 200
  --dir D     where the data lies (default ./data/dev)
  --json      print one JSON object instead of text
  --override  a configuration key for every node`;

const NODES_MAX = 9;
const CONTROLLER_PORTS = 100;
const HTTP_PORTS = 200;
/** A node whose controllers are not a majority yet waits for them. */
const READY_WITHIN_MS = 60_000;

type Plan = {
  readonly nodes: number;
  readonly port: number;
  readonly directory: string;
  readonly json: boolean;
  readonly config: Record<string, string>;
};

type Place = {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  readonly httpPort: number;
  readonly directory: string;
};

class WrongUsage extends Error {}

function plan(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string', default: '1' },
      port: { type: 'string', default: '9092' },
      dir: { type: 'string', default: 'data/dev' },
      json: { type: 'boolean', default: false },
      override: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const nodes = whole('--nodes', values.nodes, 1, NODES_MAX);
  const config = Object.fromEntries(values.override.map(splitOverride));
  const port = whole('--port', values.port, 1, 65_535 - HTTP_PORTS - NODES_MAX);
  return { nodes, port, directory: resolve(values.dir), json: values.json, config };
}

function whole(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new WrongUsage(`${option}: '${text}' is not a whole number from ${min} to ${max}`);
  }
  return value;
}

function splitOverride(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new WrongUsage(`--override: '${text}' is not key=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function placesOf({ nodes, port, directory }: Plan): Place[] {
  return Array.from({ length: nodes }, (_, index) => ({
    id: index + 1,
    port: port + index,
    controllerPort: port + CONTROLLER_PORTS + index,
    httpPort: port + HTTP_PORTS + index,
    directory: `${directory}/node-${index + 1}`,
  }));
}

/** A node alone is what `pnpm start` is; several know each other by their voters. */
function configOf({ id, port, controllerPort, httpPort }: Place, places: readonly Place[]): Record<string, string> {
  if (places.length === 1) return { 'node.id': String(id) };
  return {
    'node.id': String(id),
    'controller.quorum.voters': places.map((each) => `${each.id}@localhost:${each.controllerPort}`).join(','),
    listeners: `PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`,
    'odradek.http.port': String(httpPort),
  };
}

/** All at once: a node is ready when a majority of them is there. */
async function startAll(wanted: Plan, places: readonly Place[], signal: AbortSignal): Promise<KafkaProcess[]> {
  const failed = new AbortController();
  const outcomes = await Promise.allSettled(
    places.map(async (place) => {
      mkdirSync(place.directory, { recursive: true });
      try {
        return await spawnKafka({
          port: place.port,
          directory: place.directory,
          config: { ...configOf(place, places), ...wanted.config },
          readyWithinMs: READY_WITHIN_MS,
          hasOwnGroup: true,
          signal: AbortSignal.any([signal, failed.signal]),
        });
      } catch (error) {
        // The others are stopped for it; what they say then is no reason.
        failed.abort(error);
        throw error;
      }
    }),
  );
  const nodes = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (!failed.signal.aborted) return nodes;
  await Promise.all(nodes.map((node) => node.stop()));
  throw failed.signal.reason;
}

function announce(nodes: readonly KafkaProcess[], places: readonly Place[], json: boolean): void {
  const bootstrap = nodes.map((node) => node.bootstrap).join(',');
  const rows = nodes.map((node, index) => ({
    id: index + 1,
    address: node.bootstrap,
    ...(places.length === 1 ? {} : addressesOf(places[index])),
    pid: node.pid,
    directory: node.directory,
    readyMs: Math.round(node.readyMs),
  }));
  if (json) {
    process.stdout.write(`${JSON.stringify({ bootstrap, nodes: rows })}\n`);
    return;
  }
  process.stdout.write(`bootstrap ${bootstrap}\n`);
  for (const row of rows) {
    const others = 'controller' in row ? `  controller ${row.controller}  ${row.http}/readyz` : '';
    process.stdout.write(`node ${row.id}  ${row.address}${others}  pid ${row.pid}  ready in ${row.readyMs} ms\n`);
  }
}

function addressesOf(place: Place | undefined): { controller?: string; http?: string } {
  if (place === undefined) return {};
  return { controller: `localhost:${place.controllerPort}`, http: `http://localhost:${place.httpPort}` };
}

async function main(): Promise<void> {
  const wanted = plan(process.argv.slice(2));
  const places = placesOf(wanted);
  const stopping = new AbortController();
  let nodes: readonly KafkaProcess[] = [];
  const stopAll = (signal: NodeJS.Signals): void => {
    stopping.abort();
    for (const node of nodes) void node.stop(signal);
  };
  process.on('SIGINT', stopAll);
  process.on('SIGTERM', stopAll);
  try {
    nodes = await startAll(wanted, places, stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return;
    throw error;
  }
  announce(nodes, places, wanted.json);
  await Promise.all(nodes.map((node, index) => ended(node, index + 1, stopping.signal)));
}

/** One that ends unasked is told at once; the others go on, as they would on machines of their own. */
async function ended(node: KafkaProcess, id: number, stopping: AbortSignal): Promise<void> {
  const { code, signal } = await node.ended;
  if (stopping.aborted && code === 0) return;
  const how = signal === null ? `ended with exit code ${code ?? '?'}` : `was ended by ${signal}`;
  process.stderr.write(`node ${id} on ${node.bootstrap} ${how}\n`);
  if (signal !== null && !stopping.aborted) return;
  process.stderr.write(node.output());
  if (code !== 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  const usage = error instanceof WrongUsage || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage ? `${USAGE}\n` : ''}`);
  process.exitCode = usage ? 2 : 1;
}
