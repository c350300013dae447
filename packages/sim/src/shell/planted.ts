/** For tests of the simulator: a copy of some of a package's source with one edit, which is a bug. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { assert } from '@odradek/base';

export type Bug = {
  readonly bug: string;
  /** Below the package's folder. */
  readonly file: string;
  /** What stands there once, and what in its place. */
  readonly from: string;
  readonly to: string;
};

/** Copies lie in the package that they are of, so that they find what it depends on. */
export class Planted {
  readonly #packageRoot: string;
  readonly #scratch: string;
  #count = 0;

  constructor(packageName: string) {
    this.#packageRoot = path.resolve(import.meta.dirname, '../../..', packageName);
    this.#scratch = mkdtempSync(path.join(this.#packageRoot, '.mutants-'));
  }

  /** @param folders of the source that are copied @returns a way to import from the copy */
  plant(folders: readonly string[], { file, from, to }: Bug): <T>(module: string) => Promise<T> {
    this.#count += 1;
    const home = path.join(this.#scratch, `bug-${this.#count}`);
    for (const folder of folders)
      cpSync(path.join(this.#packageRoot, 'src', folder), path.join(home, folder), { recursive: true });
    const target = path.join(home, file);
    const source = readFileSync(target, 'utf8');
    assert(source.split(from).length === 2, 'a bug is planted at one place', { file, from });
    writeFileSync(
      target,
      source.replace(from, () => to),
    );
    return async <T>(module: string) => (await import(pathToFileURL(path.join(home, module)).href)) as T;
  }

  remove(): void {
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}
