/** A user of the packages as npm gives them: tarballs of the build, installed into an empty directory by plain npm, with no compiler. */
import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { found, missing, must, root, type Found } from './run.ts';

const REGISTRY_WITHIN_MS = 15_000;
const INSTALL_WITHIN_MS = 150_000;
const FILES = join(root, 'test/data/npm');

/** npm, and a registry that the libraries of others come from. */
export function npm(): Found<string> {
  const probe = ['view', 'kafkajs', 'version', '--fetch-retries=0', `--fetch-timeout=${REGISTRY_WITHIN_MS}`];
  const { error, status } = spawnSync('npm', probe, { stdio: 'ignore', timeout: 2 * REGISTRY_WITHIN_MS });
  if (error !== undefined) return missing('npm is not installed');
  return status === 0 ? found('npm') : missing('no npm registry answers');
}

export class NpmUser implements Disposable {
  /** The user's project. */
  readonly directory: string;
  readonly tarballs: string;
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
    this.directory = join(home, 'project');
    this.tarballs = join(home, 'tarballs');
  }

  /** Builds, packs and installs; the project holds the files of `test/data/npm`. */
  static async install(): Promise<NpmUser> {
    const user = new NpmUser(mkdtempSync(join(tmpdir(), 'odradek-npm-')));
    try {
      await user.#install();
    } catch (error) {
      user[Symbol.dispose]();
      throw error;
    }
    return user;
  }

  async #install(): Promise<void> {
    mkdirSync(this.tarballs);
    cpSync(FILES, this.directory, { recursive: true });
    writeFileSync(join(this.directory, 'package.json'), '{ "name": "shop", "private": true, "type": "module" }\n');
    await must([process.execPath, join(root, 'scripts/build.ts'), this.tarballs], { withinMs: INSTALL_WITHIN_MS });
    const tarballs = globSync('*.tgz', { cwd: this.tarballs }).map((name) => join(this.tarballs, name));
    // `kafkajs` is the user's own client. Whatever would be compiled fails.
    const environment = { CC: 'false', CXX: 'false', PYTHON: 'false', npm_config_update_notifier: 'false' };
    const install = ['npm', 'install', '--prefix', this.directory, '--no-audit', '--no-fund', '--prefer-offline'];
    await must([...install, 'kafkajs@^2.2.4', ...tarballs], { environment, withinMs: INSTALL_WITHIN_MS });
    // The project's own; it is large, and not what is installed here.
    symlinkSync(join(root, 'node_modules/vitest'), join(this.directory, 'node_modules/vitest'));
  }

  /** A command in the project, as the user types it. */
  command(...words: readonly string[]): string[] {
    const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
    return [
      'env',
      '-C',
      this.directory,
      '-u',
      'VITEST',
      '-u',
      'NODE_ENV',
      '-u',
      'NODE_TEST_CONTEXT',
      `PATH=${path}`,
      ...words,
    ];
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}
