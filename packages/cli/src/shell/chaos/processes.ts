/**
 * Nodes that are processes of this machine: found by the port they listen on, or by a process id or a file that holds one. A node that was
 * killed is started again as it was (command line, directory and environment, as the system remembers them), or by --start-command; what it
 * says then is in a temporary directory.
 */
import { spawn, type StdioOptions } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { flagOf, type builtIn, type Target } from '../../core/chaos/commands.ts';
import type { Action } from '../../core/chaos/scenarios.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { note } from '../terminal.ts';
import { driverOf, type Driver, type Table } from './driver.ts';

const GONE_WITHIN_MS = 60_000;
const LOOK_MS = 5;
const LISTENS = '0A';

/** How a process was started. */
type Recipe = {
  readonly command: readonly string[];
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
};

/** @param named node → process id, or a file that holds one; empty: each node is found by its port */
export function processes(named: ReadonlyMap<number, string>): Driver {
  const recipes = new Map<number, Recipe>();
  const pids = new Map(named);
  const pidOf = (target: Target): number => {
    const text = pids.get(target.id);
    if (named.size > 0 && text === undefined) throw usageError(`--processes names no process of node ${target.id}`);
    return text === undefined ? listenerOf(target) : pidFrom(text);
  };
  let directory: string | undefined;
  const outputs = (): string => {
    if (directory === undefined) {
      directory = mkdtempSync(join(tmpdir(), 'odradek-chaos-'));
      note(`what nodes say that are started again is in ${directory}`);
    }
    return directory;
  };
  const end = async (target: Target, signal: NodeJS.Signals): Promise<void> => {
    const pid = pidOf(target);
    recipes.set(target.id, recipeOf(pid));
    process.kill(pid, signal);
    await gone(pid, target);
  };
  const start = (target: Target): void => {
    const recipe = recipes.get(target.id);
    if (recipe === undefined) throw new CommandError(`node ${target.id} was not stopped by this run`);
    const pid = startAgain(recipe, join(outputs(), `node-${target.id}.log`));
    // An id that was given is that of a process that has ended.
    if (/^\d+$/.test(pids.get(target.id) ?? '')) pids.set(target.id, String(pid));
  };
  const table: Record<(typeof builtIn.processes.can)[number], NonNullable<Table[Action]>> = {
    kill: (target) => end(target, 'SIGKILL'),
    stop: (target) => end(target, 'SIGTERM'),
    pause: (target) => void process.kill(pidOf(target), 'SIGSTOP'),
    resume: (target) => void process.kill(pidOf(target), 'SIGCONT'),
    start,
  };
  return driverOf('processes', table);
}

function pidFrom(text: string): number {
  const found = /^\d+$/.test(text) ? text : existsSync(text) ? readFileSync(text, 'utf8').trim() : '';
  const pid = Number(found);
  if (!Number.isSafeInteger(pid) || pid <= 1) {
    throw usageError(`--processes: '${text}' is neither a process id nor a file that holds one`);
  }
  return pid;
}

function recipeOf(pid: number): Recipe {
  try {
    const words = (file: string): string[] => readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1);
    const variables = words('environ').map((word): [string, string] => {
      const at = word.indexOf('=');
      return [word.slice(0, at), word.slice(at + 1)];
    });
    const [, ...args] = words('cmdline');
    // The program itself: the name it was called by may mean another one here.
    const command = [readlinkSync(`/proc/${pid}/exe`), ...args];
    return { command, directory: readlinkSync(`/proc/${pid}/cwd`), environment: Object.fromEntries(variables) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`how process ${pid} was started cannot be read (${why}): give ${flagOf('start')}`);
  }
}

/** It goes on when this run has ended. @param output a file for what it says, written anew */
function startAgain({ command: [file = '', ...args], directory, environment }: Recipe, output: string): number {
  const descriptor = openSync(output, 'w');
  const stdio: StdioOptions = ['ignore', descriptor, descriptor];
  const child = spawn(file, args, { cwd: directory, env: environment, detached: true, stdio });
  closeSync(descriptor);
  child.on('error', () => undefined); // it does not answer then, which is told
  child.unref();
  return child.pid ?? -1;
}

async function gone(pid: number, { id }: Target): Promise<void> {
  const untilMs = performance.now() + GONE_WITHIN_MS;
  while (isAlive(pid)) {
    if (performance.now() >= untilMs) throw new CommandError(`process ${pid} of node ${id} has not ended`);
    await sleep(LOOK_MS);
  }
}

/** A process that has ended and that nobody has asked for yet (`Z`) holds nothing any more. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^\d+ \(.*\) [ZX] /s.test(stat);
  } catch {
    return false;
  }
}

/** Linux: who has the listening socket of the port open. */
function listenerOf({ id, host, port }: Target): number {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listening(file, port)));
  if (sockets.size === 0)
    throw new CommandError(`nothing on this machine listens on port ${port} of node ${id} (${host})`);
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || !holds(entry, sockets)) continue;
    const name = readFileSync(`/proc/${entry}/comm`, 'utf8').trim();
    if (name === 'docker-proxy') throw new CommandError(`node ${id} runs in a container: use --containers`);
    return Number(entry);
  }
  throw new CommandError(
    `port ${port} of node ${id} belongs to a process of another user: name it with --processes ${id}=PID`,
  );
}

function listening(file: string, port: number): string[] {
  if (!existsSync(file))
    throw usageError('--processes finds nodes by port on Linux only: name them, as in 1=4711,2=4712');
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => state === LISTENS && local.endsWith(`:${hex}`))
    .map((columns) => columns[9] ?? '');
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const socket = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`));
      return socket !== null && sockets.has(socket[1] ?? '');
    });
  } catch {
    return false; // of another user, or ended meanwhile
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
