/** Runs commands, and finds the programs of this machine that a scenario needs; what is missing is named in the test's title. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Ran = { readonly code: number | null; readonly stdout: Buffer; readonly stderr: string };

export const root = fileURLToPath(new URL('../..', import.meta.url));

type RunOptions = {
  readonly input?: Buffer | string;
  readonly withinMs?: number;
  readonly environment?: Record<string, string>;
};

/** A second or two when the machine is idle. */
const RUN_WITHIN_MS = 120_000;

/** Runs to the end; a command that outlives its time is killed and fails with what it had written. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      timeout: options.withinMs ?? RUN_WITHIN_MS,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...options.environment },
    });
    const out: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => out.push(part));
    child.stderr.on('data', (part: Buffer) => errors.push(part));
    child.stdin.on('error', () => undefined); // a command need not read its input
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(errors).toString() }),
    );
    child.stdin.end(options.input ?? '');
  });
}

/** As {@link run}, but anything other than exit code 0 is thrown with both outputs. */
export async function must(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, options);
  if (code !== 0) throw new Error(`${command.join(' ')}: exit ${code ?? 'by signal'}\n${stdout.toString()}\n${stderr}`);
  return stdout.toString();
}

export function odradek(...args: string[]): string[] {
  return [process.execPath, `${root}packages/cli/src/main.ts`, ...args];
}

function onPath(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** A program of the machine: how to call it, or why not. */
export type Found<T> =
  | { readonly use: T; readonly missing: undefined }
  | { readonly use: undefined; readonly missing: string };

export function found<T>(use: T): Found<T> {
  return { use, missing: undefined };
}

export function missing<T>(why: string): Found<T> {
  return { use: undefined, missing: why };
}

export function kcat(): Found<string> {
  const name = ['kcat', 'kafkacat'].find(onPath);
  return name === undefined ? missing('kcat is not installed') : found(name);
}

/** Apache Kafka's own tools: `ODRADEK_KAFKA_TOOL` is a command that takes a class and its arguments. */
export function kafkaTool(): Found<(tool: string, ...args: string[]) => string[]> {
  const command = process.env['ODRADEK_KAFKA_TOOL']?.split(' ') ?? besideTool();
  if (command === undefined) return missing('no Apache Kafka tools: set ODRADEK_KAFKA_TOOL');
  if (!onPath('java')) return missing('no Java');
  return found((tool, ...args) => [...command, tool, ...args]);
}

/** Java that compiles, and the directory of Apache Kafka's jars: `ODRADEK_KAFKA_LIBS`, or what the benches have fetched. */
export function kafkaClasses(): Found<string> {
  if (!onPath('javac')) return missing('no Java compiler');
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'odradek', 'apache-kafka-4.3.1');
  const directory = process.env['ODRADEK_KAFKA_LIBS'] ?? join(cache, 'libs');
  return existsSync(directory) ? found(directory) : missing('no Apache Kafka jars: set ODRADEK_KAFKA_LIBS');
}

function besideTool(): string[] | undefined {
  const path = `${root}../shared/tools/apache-kafka`;
  return existsSync(path) ? [path, 'tool'] : undefined;
}

/** The title of a test that needs a program, with the reason when it is skipped. */
export function title(claim: string, need: Found<unknown>): string {
  return need.missing === undefined ? claim : `${claim} [skipped: ${need.missing}]`;
}
