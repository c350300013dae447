/**
 * Builds the packages for npm: sources run by type stripping in the workspace, but Node strips no types below node_modules, so what is
 * published is JavaScript with declarations, and of that only what the doors of the packages lead to.
 *
 * `node scripts/build.ts [DIRECTORY]` stages each package whole in `DIRECTORY/NAME` (`dist/`, if none is named) and packs it beside, as
 * `npm pack` does: `npm install dist/*.tgz` in an empty directory is an installation.
 *
 * `--check` stages into a temporary directory, links the libraries of the workspace beside (no registry is asked), and runs the command
 * line, a node and three from there. `test/system/npm.test.ts` does it with npm itself.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = new URL('..', import.meta.url).pathname;

type Texts = Readonly<Record<string, string>>;
type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports?: Texts;
  readonly bin?: Texts;
  readonly dependencies?: Texts;
  readonly devDependencies?: Texts;
};
type Package = { readonly folder: string; readonly manifest: Manifest };

/** A door for tests is published only if something else that is published stands in it. */
const TESTING_DOOR = './testing';
/** Any version that the user has: two copies of these declarations in one program contradict each other. */
const NODE_TYPES = { name: '@types/node', range: '>=24' };

function packages(): Package[] {
  return readdirSync(join(root, 'packages')).flatMap((folder) => {
    const file = join(root, 'packages', folder, 'package.json');
    if (!existsSync(file)) return [];
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
    return manifest.private === true ? [] : [{ folder, manifest }];
  });
}

function must(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (done.status !== 0) {
    process.stdout.write(`${done.stdout}${done.stderr}`);
    throw new Error(`${command} ${args.join(' ')}: exit ${done.status ?? done.signal}`);
  }
  return done.stdout;
}

/** Compiles what the doors and commands of all packages lead to, and nothing else. */
function compile(into: string): void {
  const roots: string[] = [];
  // What is found through node_modules would be taken for somebody else's and not be compiled.
  const paths: Record<string, string[]> = {};
  for (const { folder, manifest } of packages()) {
    const source = (path: string): string => join(root, 'packages', folder, path);
    for (const [door, path] of Object.entries(manifest.exports ?? {})) {
      paths[`${manifest.name}${door.slice(1)}`] = [source(path)];
      if (door !== TESTING_DOOR) roots.push(source(path));
    }
    roots.push(...Object.values(manifest.bin ?? {}).map(source));
  }
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: join(root, 'packages'),
      outDir: into,
      typeRoots: [join(root, 'node_modules/@types')],
      paths,
    },
    files: [...new Set(roots)],
  };
  const file = `${into}.tsconfig.json`;
  writeFileSync(file, JSON.stringify(config));
  must('tsc', ['-p', file], root);
}

/**
 * Declarations for compilers of any age and with any `types`: files are named as they lie there, and one that speaks of Node's types says
 * where they come from. @returns whether any does
 */
function finishDeclarations(directory: string): boolean {
  let speaksOfNode = false;
  for (const file of globSync('**/*.d.ts', { cwd: directory })) {
    const path = join(directory, file);
    const written = readFileSync(path, 'utf8');
    const text = written.replace(/((?:\bfrom |\bimport\(|\bimport )['"]\.{1,2}\/[^'"\n]*)\.ts(['"])/g, '$1.js$2');
    const isOfNode = /\b(?:Buffer|NodeJS|AbortSignal)\b|['"]node:/.test(text);
    speaksOfNode ||= isOfNode;
    writeFileSync(path, isOfNode ? `/// <reference types="node" />\n${text}` : text);
  }
  return speaksOfNode;
}

/** `./src/x.ts` in a manifest becomes what the compiler made of it. */
function built(path: string): Door {
  const stem = path.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '');
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}

type Door = { readonly types: string; readonly default: string };
type Published = Omit<Manifest, 'exports'> & {
  readonly exports: Readonly<Record<string, Door>>;
  readonly files: readonly string[];
  readonly publishConfig: { readonly access: 'public' };
};

function published({ manifest }: Package, target: string, speaksOfNode: boolean): Published {
  const { devDependencies: _, ...kept } = manifest;
  const doors = Object.entries(manifest.exports ?? {}).map(([door, path]) => [door, built(path)] as const);
  const open = doors.filter(([, door]) => existsSync(join(target, door.default)));
  const bin = Object.entries(manifest.bin ?? {}).map(([command, path]) => [command, built(path).default]);
  const versions = catalog();
  const dependencies = Object.entries(manifest.dependencies ?? {}).map(([library, range]) => [
    library,
    range === 'catalog:' ? (versions.get(library) ?? '*') : range.replace('workspace:*', manifest.version),
  ]);
  if (speaksOfNode) dependencies.push([NODE_TYPES.name, NODE_TYPES.range]);
  return {
    ...kept,
    exports: Object.fromEntries(open),
    ...(bin.length > 0 ? { bin: Object.fromEntries(bin) } : {}),
    dependencies: Object.fromEntries(dependencies),
    files: ['dist'],
    publishConfig: { access: 'public' },
  };
}

function catalog(): Map<string, string> {
  const found = new Map<string, string>();
  const lines = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8').split('\n');
  for (const line of lines.slice(lines.indexOf('catalog:') + 1)) {
    const entry = /^ {2}'?([^':]+)'?: (\S+)$/.exec(line);
    if (entry === null) break;
    found.set(entry[1] ?? '', entry[2] ?? '');
  }
  return found;
}

/** In the workspace a library is found that a neighbour depends on; in an installation it need not be. */
function refuseUndeclared(directory: string, { name, dependencies = {} }: Published): void {
  for (const file of globSync('dist/**/*.{js,d.ts}', { cwd: directory })) {
    const text = readFileSync(join(directory, file), 'utf8');
    for (const [, specifier = ''] of text.matchAll(/^(?:import|export|\}).*?\bfrom ['"]([^.'"][^'"]*)['"]/gm)) {
      const library = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '';
      if (library === name || library in dependencies || specifier.startsWith('node:')) continue;
      const why = builtinModules.includes(library) ? 'write node: before it' : 'declare it in its package.json';
      throw new Error(`${name}: ${file} imports ${specifier}: ${why}`);
    }
  }
}

/** @returns the directories of the staged packages */
function stage(into: string): string[] {
  const compiled = mkdtempSync(join(tmpdir(), 'odradek-build-'));
  try {
    compile(join(compiled, 'out'));
    return packages().map((each) => {
      const target = join(into, each.folder);
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target, { recursive: true });
      cpSync(join(compiled, 'out', each.folder, 'src'), join(target, 'dist'), { recursive: true });
      const manifest = published(each, target, finishDeclarations(join(target, 'dist')));
      refuseUndeclared(target, manifest);
      writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
      cpSync(join(root, 'packages', each.folder, 'README.md'), join(target, 'README.md'));
      cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
      return target;
    });
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
}

type Packed = { readonly filename: string; readonly size: number; readonly unpackedSize: number };

function pack(into: string): void {
  for (const old of globSync('*.tgz', { cwd: into })) rmSync(join(into, old));
  const staged = stage(into);
  const told = must('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', into, ...staged], into);
  const packed = JSON.parse(told) as readonly Packed[];
  const line = ({ filename, size, unpackedSize }: Packed): string =>
    `${filename.padEnd(36)} ${String(Math.ceil(size / 1_024)).padStart(5)} KiB, unpacked ${Math.ceil(unpackedSize / 1_024)} KiB\n`;
  for (const each of packed) process.stdout.write(line(each));
  const filename = `${packed.length} tarballs in ${into}`;
  const [size, unpackedSize] = (['size', 'unpackedSize'] as const).map((key) =>
    packed.reduce((sum, each) => sum + each[key], 0),
  );
  process.stdout.write(line({ filename, size: size ?? 0, unpackedSize: unpackedSize ?? 0 }));
}

/** Third-party libraries of a package, linked beside its staged copy. */
function linkLibraries(folder: string, into: string): void {
  const from = join(root, 'packages', folder, 'node_modules');
  if (!existsSync(from)) return;
  const entries = readdirSync(from).flatMap((entry) =>
    entry.startsWith('@') ? readdirSync(join(from, entry)).map((scoped) => `${entry}/${scoped}`) : [entry],
  );
  for (const library of entries) {
    if (library.startsWith('.') || library.startsWith('@odradek/')) continue;
    mkdirSync(dirname(join(into, library)), { recursive: true });
    symlinkSync(join(from, library), join(into, library));
  }
}

function check(): void {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-install-'));
  try {
    const modules = join(directory, 'node_modules', '@odradek');
    stage(modules);
    for (const { folder } of packages()) linkLibraries(folder, join(modules, folder, 'node_modules'));
    writeFileSync(join(directory, 'try.mjs'), TRY);
    must('node', ['try.mjs'], directory);
    must('node', [join(modules, 'cli/dist/main.js'), '--version'], directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What a user of the published test kit does first. */
const TRY = `
import { startKafka } from '@odradek/testkit';
await using cluster = await startKafka();
await cluster.createTopic('built', { partitions: 2 });
if (!/:[0-9]+$/.test(cluster.bootstrap)) throw new Error('no bootstrap address: ' + cluster.bootstrap);
await using three = await startKafka({ nodes: 3 });
await three.createTopic('built', { partitions: 3 });
`;

if (process.argv[2] === '--check') check();
else pack(resolve(process.argv[2] ?? join(root, 'dist')));
