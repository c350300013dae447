/**
 * For tests of the simulator: copies of the source of some packages with one edit, which is a bug. The copies see each other, and of all other
 * packages the real ones.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { assert } from '@odradek/base';

export type Bug = {
  readonly bug: string;
  /** Below `src` of the package. */
  readonly file: string;
  /** What stands there once, and what in its place. */
  readonly from: string;
  readonly to: string;
};

const SCOPE = '@odradek';
const packagesRoot = path.resolve(import.meta.dirname, '../../..');

export class Planted {
  readonly #packages: readonly string[];
  readonly #scratch: string;
  #count = 0;

  /** @param packages the one that gets bugs, then those that are to be run with it and import it */
  constructor(...packages: readonly [string, ...string[]]) {
    this.#packages = packages;
    this.#scratch = mkdtempSync(path.join(packagesRoot, packages[0], '.mutants-'));
  }

  /** @returns a way to import a module of the copies, named by its package and its path below `src` */
  plant({ file, from, to }: Bug): <T>(packageName: string, module: string) => Promise<T> {
    this.#count += 1;
    const home = path.join(this.#scratch, `bug-${this.#count}`);
    for (const name of this.#packages) this.#copy(name, home);
    const target = path.join(home, this.#packages[0] ?? '', 'src', file);
    const source = readFileSync(target, 'utf8');
    assert(source.split(from).length === 2, 'a bug is planted at one place', { file, from });
    writeFileSync(
      target,
      source.replace(from, () => to),
    );
    return async <T>(packageName: string, module: string) => {
      const file = path.join(home, packageName, 'src', module);
      return (await import(pathToFileURL(file).href)) as T;
    };
  }

  remove(): void {
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  #copy(name: string, home: string): void {
    const [from, to] = [path.join(packagesRoot, name), path.join(home, name)];
    const filter = (file: string): boolean => !file.endsWith('.test.ts');
    cpSync(path.join(from, 'src'), path.join(to, 'src'), { recursive: true, filter });
    cpSync(path.join(from, 'package.json'), path.join(to, 'package.json'));
    for (const [place, link] of linksOf(path.join(from, 'node_modules'))) {
      const sibling = this.#packages.find((each) => place === path.join(SCOPE, each));
      const at = path.join(to, 'node_modules', place);
      mkdirSync(path.dirname(at), { recursive: true });
      symlinkSync(sibling === undefined ? link : path.join(home, sibling), at);
    }
  }
}

/** What a package depends on: the name, and where it lies. */
function linksOf(modules: string): [string, string][] {
  if (!existsSync(modules)) return [];
  return readdirSync(modules).flatMap((name): [string, string][] => {
    if (name.startsWith('.')) return [];
    if (!name.startsWith('@')) return [[name, realpathSync(path.join(modules, name))]];
    return readdirSync(path.join(modules, name)).map((each) => {
      const place = path.join(name, each);
      return [place, realpathSync(path.join(modules, place))];
    });
  });
}
