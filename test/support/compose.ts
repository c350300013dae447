/**
 * Projects of docker compose for tests: the files of deploy/compose as they are, under a project's name of the test's own, and what is done to
 * their containers. Works with compose 1.29 and 2; what is missing is named in the tests' titles.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { IMAGE } from './container-image.ts';
import { found, missing, must, root, type Found } from './run.ts';
import { eventually } from './target.ts';

const COMMAND_WITHIN_MS = 120_000;
const HEALTHY_WITHIN_MS = 120_000;

/** How compose is called here: the plugin of docker, or the program that was before it. */
export function compose(): Found<readonly string[]> {
  const succeeds = (file: string, ...args: string[]): boolean => spawnSync(file, args).status === 0;
  if (!succeeds('docker', 'info')) return missing('no docker engine');
  if (succeeds('docker', 'compose', 'version')) return found(['docker', 'compose']);
  return succeeds('docker-compose', 'version') ? found(['docker-compose']) : missing('no docker compose');
}

/** Whether one direction of a partition can be made here: by packets that vanish in a container's network namespace. */
export function halfPartitions(): Found<true> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return missing("not root on the engine's machine");
  const lacks = ['nsenter', 'iptables'].find((program) => spawnSync(program, ['--version']).status !== 0);
  return lacks === undefined ? found(true) : missing(`no ${lacks}`);
}

export type ProjectOptions = {
  readonly command: readonly string[];
  readonly name: string;
  /** Of deploy/compose, or absolute. */
  readonly files: readonly string[];
  /** For what the files leave open. */
  readonly environment?: Readonly<Record<string, string>>;
};

/** What the engine tells of one container. */
export type Inspected = {
  readonly Id: string;
  readonly RestartCount: number;
  readonly State: { readonly Running: boolean; readonly Pid: number; readonly Health?: { readonly Status: string } };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
};

export class Project implements AsyncDisposable {
  readonly name: string;
  readonly #options: ProjectOptions;
  readonly #command: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;

  constructor(options: ProjectOptions) {
    const { command, name, files, environment = {} } = options;
    this.#options = options;
    this.name = name;
    const given = files.flatMap((file) => ['-f', resolve(root, 'deploy/compose', file)]);
    this.#command = [...command, '-p', name, ...given];
    this.#environment = environment;
  }

  /** The same project by other files, as who stays in a directory has it. */
  with(...files: readonly string[]): Project {
    return new Project({ ...this.#options, files });
  }

  /** The network that compose makes for the project. */
  get network(): string {
    return `${this.name}_default`;
  }

  /** Starts services, all unless some are named, and waits until those that have a health check are healthy. @returns milliseconds */
  async up(...services: string[]): Promise<number> {
    const fromMs = performance.now();
    // As the guide has it; the program before the plugin has no such flag.
    const waits = this.#command[0] === 'docker' ? ['--wait'] : [];
    await this.compose('up', '-d', ...waits, ...services);
    await this.healthy();
    return performance.now() - fromMs;
  }

  /** Ends the containers and removes them and their network; their volumes are kept. */
  async down(): Promise<void> {
    await this.compose('down');
  }

  async services(): Promise<string[]> {
    return (await this.compose('config', '--services')).split('\n').filter((line) => line !== '');
  }

  async healthy(): Promise<void> {
    let ill: string[] = [];
    const isHealthy = async (): Promise<boolean> => {
      const all = await this.#all();
      ill = all
        .filter(({ State }) => !State.Running || (State.Health !== undefined && State.Health.Status !== 'healthy'))
        .map(({ Id, State }) => `${Id.slice(0, 12)} ${State.Health?.Status ?? 'ended'}`);
      return all.length > 0 && ill.length === 0;
    };
    await eventually(`${this.name} is healthy`, isHealthy, HEALTHY_WITHIN_MS).catch(async (error: unknown) => {
      throw new Error(`${String(error)}: ${ill.join(', ')}\n${(await this.logs()).slice(-8_000)}`);
    });
  }

  async id(service: string): Promise<string> {
    return (await this.compose('ps', '-a', '-q', service)).trim();
  }

  async inspect(service: string): Promise<Inspected> {
    const [told] = await inspect(await this.id(service));
    if (told === undefined) throw new Error(`${this.name} has no container of ${service}`);
    return told;
  }

  /** Where a service is on the project's network; empty while it is not there. */
  async address(service: string): Promise<string> {
    return (await this.inspect(service)).NetworkSettings.Networks[this.network]?.IPAddress ?? '';
  }

  /**
   * Ends its process as the kernel ends one that takes too much memory: after `docker kill` no restart policy counts. The engine does it, in a
   * container that sees its processes, so that nobody need be root here.
   */
  async crash(service: string): Promise<void> {
    const { Pid } = (await this.inspect(service)).State;
    const beside = ['docker', 'run', '--rm', '--pid', 'host', '--user', '0', '--network', 'none'];
    await must([...beside, '--entrypoint', 'sh', IMAGE, '-c', `kill -KILL ${Pid}`], { withinMs: COMMAND_WITHIN_MS });
  }

  logs(...services: string[]): Promise<string> {
    return this.compose('logs', '--no-color', '--tail', '40', ...services);
  }

  compose(...args: string[]): Promise<string> {
    return must([...this.#command, ...args], { withinMs: COMMAND_WITHIN_MS, environment: this.#environment });
  }

  /** A container beside those of the project, on its network. */
  async beside(args: readonly string[]): Promise<AsyncDisposable> {
    const command = ['docker', 'run', '--detach', '--network', this.network, ...args];
    const id = (await must(command, { withinMs: COMMAND_WITHIN_MS })).trim();
    return { [Symbol.asyncDispose]: async () => void (await must(['docker', 'rm', '--force', id])) };
  }

  /** With its volumes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.compose('down', '--volumes', '--remove-orphans', '--timeout', '5');
  }

  async #all(): Promise<Inspected[]> {
    const ids = (await this.compose('ps', '-a', '-q')).split('\n').filter((id) => id !== '');
    return inspect(...ids);
  }
}

async function inspect(...ids: string[]): Promise<Inspected[]> {
  return ids.length === 0 ? [] : (JSON.parse(await must(['docker', 'inspect', ...ids])) as Inspected[]);
}
