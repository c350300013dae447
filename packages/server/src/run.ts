/** A process around one node: command line, configuration, log, signals, exit codes (README, "Exit codes"). */
import { flushCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { AssertionError, config as configuration, limits, MetricsRegistry, named, StorageFault } from '@odradek/base';
import { tellFromStart } from '@odradek/base';
import type { Clock, Environment, Files, KafkaLevel, Logger, NodeConfig } from '@odradek/base';
import { createLogger } from '@odradek/base/logger';
import { systemPorts, watchEventLoop } from '@odradek/base/system';
import packageJson from '../package.json' with { type: 'json' };
import { parseArguments, usage } from './arguments.ts';
import type { StartArguments } from './arguments.ts';
import { serveHttp } from './http.ts';
import { startNode } from './node.ts';
import type { StartingNode } from './node.ts';
import { collectSeldom } from './shell/collections.ts';
import { readText } from './shell/read-text.ts';

export const exitCodes = { stopped: 0, cannotStart: 1, wrongUsage: 2, bug: 70 } as const;

/** What the surroundings of a process say of its configuration, beside the command line; or sentences about what they contradict. */
export type Told =
  | {
      readonly ok: true;
      readonly environment: Environment;
      readonly saidBy?: ReadonlyMap<string, string>;
      readonly file?: { readonly path: string; readonly text: string } | undefined;
      /** By name, those that have a level of their own from the start. */
      readonly logLevels?: ReadonlyMap<string, KafkaLevel>;
      /** Lines for the log. */
      readonly notes: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly string[] };

export type ConfigSource = (configPath: string | undefined, files: Files) => Told;

const ofProcess: ConfigSource = (configPath, files) => ({
  ok: true,
  environment: process.env,
  file: configPath === undefined ? undefined : { path: configPath, text: propertiesOf(configPath, files) },
  notes: [],
});

/** Does what the command line says; returns once the node runs or the process is told to exit. */
export async function run(argv: readonly string[], source: ConfigSource = ofProcess): Promise<void> {
  const parsed = parseArguments(argv);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(usage);
      return;
    case 'version':
      process.stdout.write(`odradek ${packageJson.version}, speaks Apache Kafka ${kafkaVersion}\n`);
      return;
    case 'wrong':
      process.stderr.write(`odradek: ${parsed.why}\n\n${usage}`);
      process.exitCode = exitCodes.wrongUsage;
      return;
    case 'start':
      await start(parsed.arguments, source);
  }
}

/** Whose protocol, names and defaults these are. */
const kafkaVersion = '4.3.1';

async function start(given: StartArguments, source: ConfigSource): Promise<void> {
  const ports = systemPorts();
  const told = source(given.configPath, ports.files);
  if (!told.ok) refuseMistakes(told.problems, []);
  const loaded = configuration.loadNodeConfig({
    ...(told.file === undefined ? {} : { file: told.file }),
    ...(told.saidBy === undefined ? {} : { saidBy: told.saidBy }),
    environment: told.environment,
    overrides: given.overrides,
    workingDirectory: process.cwd(),
  });
  if (!loaded.ok) refuseMistakes(loaded.problems, [...told.notes, ...loaded.warnings]);
  const metrics = new MetricsRegistry();
  tellFromStart(metrics, 'process');
  metrics.gauge('odradek_build_info', { version: packageJson.version, kafka: kafkaVersion }).set(1);
  const log = await createLogger({
    level: given.logLevel ?? levelOf(loaded.config),
    format: process.stdout.isTTY ? 'text' : 'json',
    descriptor: 1,
    metrics,
  });
  const die = dieLoudly(log);
  for (const [name, level] of told.logLevels ?? []) log.levels.set(name, level);
  for (const note of told.notes) log.info({}, note);
  for (const warning of loaded.warnings) log.warn({}, warning);
  for (const { why, keys } of loaded.withoutEffect)
    log.info({ keys }, `keys that Kafka knows have no effect here: ${why}`);
  const own = named(log, 'kafka.server.KafkaRaftServer');
  const stop = stopOnSignals(own);
  const clusterId = given.clusterId ?? loaded.clusterId;
  const starting = startNode({
    ports,
    config: loaded.config,
    log,
    metrics,
    limits: limits.production,
    hostName: hostname(),
    standalone: given.standalone,
    onStarting: stop.attach,
    onBug: die,
    ...(clusterId === undefined ? {} : { clusterId }),
  });
  const early = await Promise.race([starting, passed(PATIENCE_MS)]);
  if (early?.ok === false && !stop.isStopping()) cannotStart(early.why);
  // What a start does in one go is no delay that anybody waits for.
  watchEventLoop({ clock: ports.clock, metrics, log: own, limits: limits.production });
  // Who waits for other nodes is asked how it is meanwhile; who does not loads this once it serves.
  const http = openHttp(stop.node(), { config: loaded.config, log, metrics, clock: ports.clock });
  const started = await starting;
  if (started.ok && !stop.isStopping()) announce(own, metrics);
  const httpWhy = await http;
  if (stop.isStopping()) return;
  if (httpWhy !== undefined) cannotStart(httpWhy);
  if (!started.ok) cannotStart(started.why);
  // Next to nothing when it is there already; the next start need not compile.
  flushCompileCache();
  collectSeldom();
}

/** A node that is not ready after so long waits for others. */
const PATIENCE_MS = 1_000;

function passed(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());
}

/** @returns why there is no HTTP port although there should be one; the node is stopped then */
async function openHttp(
  node: StartingNode | undefined,
  { config, log, metrics, clock }: { config: NodeConfig; log: Logger; metrics: MetricsRegistry; clock: Clock },
): Promise<string | undefined> {
  if (node === undefined) return undefined;
  const http = await serveHttp({
    config,
    log,
    metrics,
    clock,
    limits: limits.production,
    health: () => node.health(),
    whyNotStop: () => node.whyNotStop(),
    groups: () => node.groups(),
  });
  if (http.ok) return undefined;
  await node.stop();
  return http.why;
}

function refuseMistakes(problems: readonly string[], aside: readonly string[]): never {
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
  const listed = (lines: readonly string[]): string => lines.map((line) => `\n  - ${line}`).join('');
  const rest = aside.length === 0 ? '' : `\nnot in the way of a start:${listed(aside)}`;
  cannotStart(`the configuration has ${count}:${listed(problems)}${rest}`);
}

/** A file that was asked for and cannot be read is the end. */
function propertiesOf(path: string, files: Files): string {
  try {
    return readText(files, path);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    cannotStart(`the properties file cannot be read: ${fault.message}`);
  }
}

function levelOf(config: NodeConfig): 'debug' | 'info' | 'warn' | 'error' {
  const level = config.get('odradek.log.level');
  return level === 'debug' || level === 'warn' || level === 'error' ? level : 'info';
}

function announce(log: Logger, metrics: MetricsRegistry): void {
  const readyMs = Math.round(performance.now());
  metrics.gauge('odradek_start_seconds', {}).set(readyMs / 1_000);
  log.info({ readyMs }, `ready in ${readyMs} ms`);
}

/** One message for a person, no stack trace: what is wrong is outside the program. */
function cannotStart(why: string): never {
  process.stderr.write(`odradek: cannot start: ${why}\n`);
  process.exit(exitCodes.cannotStart);
}

/** A broken claim or a rejection that nobody caught: going on could do harm, so that the process ends, and says why. */
function dieLoudly(log: Logger): (error: unknown) => void {
  const die = (error: unknown): void => {
    const what = error instanceof AssertionError ? 'a claim of the program broke' : 'an error was not handled';
    log.error({ error }, `${what}: this is a bug, and the node stops at once`);
    process.exit(exitCodes.bug);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  return die;
}

/** The first signal stops in order within `shutdownDeadlineMs`, the second one at once. It may come before the node runs. */
function stopOnSignals(log: Logger): Stopping {
  let node: StartingNode | undefined;
  let signalled = false;
  const stop = async (signal: NodeJS.Signals, number: number): Promise<void> => {
    if (signalled) process.exit(128 + number);
    signalled = true;
    log.info({ signal }, `${signal}: stopping`);
    if (node !== undefined) await stopWithin(node, log, exitCodes.stopped);
  };
  const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
  for (const [signal, number] of Object.entries(numbers) as [keyof typeof numbers, number][]) {
    process.on(signal, () => void stop(signal, number));
  }
  return {
    node: () => node,
    isStopping: () => signalled,
    attach(begun) {
      node = begun;
      if (signalled) void stopWithin(begun, log, exitCodes.stopped);
      void begun.failed.then(async (fault) => {
        log.error({ error: fault }, 'the node cannot go on and stops');
        await stopWithin(begun, log, exitCodes.cannotStart);
      });
    },
  };
}

type Stopping = {
  readonly attach: (node: StartingNode) => void;
  readonly node: () => StartingNode | undefined;
  readonly isStopping: () => boolean;
};

async function stopWithin(node: StartingNode, log: Logger, code: number): Promise<void> {
  const from = performance.now();
  const late = setTimeout(() => {
    log.error({}, `not stopped within ${limits.production.shutdownDeadlineMs} ms: cut short, the next start recovers`);
    process.exit(exitCodes.cannotStart);
  }, limits.production.shutdownDeadlineMs);
  await node.stop();
  clearTimeout(late);
  log.info({}, `stopped in ${Math.round(performance.now() - from)} ms`);
  process.exit(code);
}
