/** The image that tests of deploy/ run: the one named by ODRADEK_IMAGE, else `odradek:dev`, made when it is not there or older than its sources. */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { found, missing, must, root, type Found } from './run.ts';

export const IMAGE = process.env['ODRADEK_IMAGE'] ?? 'odradek:dev';
const BASE = 'node:24-bookworm-slim';
export const BUILT_WITHIN_MS = 300_000;

function isThere(image: string): boolean {
  return spawnSync('docker', ['image', 'inspect', image]).status === 0;
}

function hasEngine(): boolean {
  return spawnSync('docker', ['info']).status === 0;
}

/** Whether the image can be made anew here. */
export function isBuildable(): boolean {
  return hasEngine() && isThere(BASE);
}

/** Whether containers can run here. */
export function containers(): Found<string> {
  if (!hasEngine()) return missing('no docker engine');
  return isThere(IMAGE) || isThere(BASE) ? found(IMAGE) : missing(`no image ${BASE} to build upon`);
}

/** What the image is made of, and files beside it that no image holds. */
const sources = [
  'packages',
  'proto',
  'deploy/docker',
  'scripts/image.ts',
  'scripts/bundle.ts',
  'scripts/build.ts',
  'pnpm-lock.yaml',
];
const isBeside = (path: string): boolean =>
  path.includes('node_modules/') || path.includes('/testing/') || /\.(?:test\.ts|md)$/.test(path);

function isFresh(image: string): boolean {
  const { status, stdout } = spawnSync('docker', ['image', 'inspect', '--format', '{{.Created}}', image]);
  if (status !== 0) return false;
  const madeMs = Date.parse(stdout.toString().trim());
  return sources.every((source) => {
    const path = join(root, source);
    if (!statSync(path).isDirectory()) return statSync(path).mtimeMs < madeMs;
    const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = files.map(({ parentPath, name }) => join(parentPath, name)).filter((file) => !isBeside(file));
    return paths.every((file) => statSync(file).mtimeMs < madeMs);
  });
}

export async function build(): Promise<void> {
  if (process.env['ODRADEK_IMAGE'] === undefined ? isFresh(IMAGE) : isThere(IMAGE)) return;
  await must([process.execPath, `${root}scripts/image.ts`, IMAGE], { withinMs: BUILT_WITHIN_MS });
}

/** A container in the background, removed with its volumes at the end. */
export class Container implements AsyncDisposable {
  readonly id: string;

  private constructor(id: string) {
    this.id = id;
  }

  static async start(args: readonly string[]): Promise<Container> {
    return new Container((await must(['docker', 'run', '--detach', ...args])).trim());
  }

  exec(...command: string[]): Promise<string> {
    return must(['docker', 'exec', this.id, ...command]);
  }

  logs(): Promise<string> {
    return must(['sh', '-c', 'docker logs "$1" 2>&1', 'sh', this.id]);
  }

  async inspect<T>(format: string): Promise<T> {
    return JSON.parse(await must(['docker', 'inspect', '--format', `{{json ${format}}}`, this.id])) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await must(['docker', 'rm', '--force', '--volumes', this.id]);
  }
}
