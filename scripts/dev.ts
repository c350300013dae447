/**
 * `pnpm dev --nodes N --port P --dir D [--json]`: local nodes as processes of their own. Prints the bootstrap address and each node's id,
 * address and process id; SIGINT or SIGTERM stops them all, and so does the end of any of them.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit/process';

const USAGE = `usage: pnpm dev [--nodes N] [--port P] [--dir D] [--json] [--override key=value]...
  --nodes N   how many nodes (default 1; more come with the cluster)
  --port P    the first node's Kafka port (default 9092)
  --dir D     where the data lies (default ./data/dev)
  --json      print one JSON object instead of text
  --override  a configuration key for every node`;

type Plan = {
  readonly nodes: number;
  readonly port: number;
  readonly directory: string;
  readonly json: boolean;
  readonly config: Record<string, string>;
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
  const nodes = whole('--nodes', values.nodes, 1, 1_000);
  if (nodes > 1) throw new WrongUsage(`--nodes ${nodes}: a cluster of several nodes is not built yet; only 1 works`);
  const config = Object.fromEntries(values.override.map(splitOverride));
  const port = whole('--port', values.port, 1, 65_534);
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

async function startNode({ port, directory, config }: Plan, id: number): Promise<KafkaProcess> {
  const own = `${directory}/node-${id}`;
  mkdirSync(own, { recursive: true });
  return spawnKafka({ port: port + id - 1, directory: own, config: { 'node.id': String(id), ...config } });
}

function announce(nodes: readonly KafkaProcess[], json: boolean): void {
  const bootstrap = nodes.map((node) => node.bootstrap).join(',');
  const rows = nodes.map((node, index) => ({
    id: index + 1,
    address: node.bootstrap,
    pid: node.pid,
    directory: node.directory,
    readyMs: Math.round(node.readyMs),
  }));
  if (json) {
    process.stdout.write(`${JSON.stringify({ bootstrap, nodes: rows })}\n`);
    return;
  }
  process.stdout.write(`bootstrap ${bootstrap}\n`);
  for (const { id, address, pid, readyMs } of rows) {
    process.stdout.write(`node ${id}  ${address}  pid ${pid}  ready in ${readyMs} ms\n`);
  }
}

async function main(): Promise<void> {
  const wanted = plan(process.argv.slice(2));
  const nodes = [await startNode(wanted, 1)];
  const stopAll = (signal: NodeJS.Signals): void => {
    for (const node of nodes) void node.stop(signal);
  };
  process.on('SIGINT', stopAll);
  process.on('SIGTERM', stopAll);
  announce(nodes, wanted.json);
  const ended = await Promise.all(
    nodes.map(async (node) => {
      const how = await node.ended;
      stopAll('SIGTERM');
      return { node, ...how };
    }),
  );
  for (const { node, code, signal } of ended) {
    if (code === 0) continue;
    process.stderr.write(
      `node on ${node.bootstrap} ended with ${signal ?? `exit code ${code ?? '?'}`}\n${node.output()}`,
    );
    process.exitCode = 1;
  }
}

try {
  await main();
} catch (error) {
  const usage = error instanceof WrongUsage || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage ? `${USAGE}\n` : ''}`);
  process.exitCode = usage ? 2 : 1;
}
