/**
 * Builds the packages for npm: sources run by type stripping in the workspace, but Node strips no types below node_modules, so what is
 * published is JavaScript with declarations. Each package is staged whole in `dist/NAME`, ready for `npm publish`.
 *
 * `--check` stages into a temporary directory, installs the staged packages side by side as a user would have them, and runs the
 * command line and a node from there.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;

type Json = { [key: string]: unknown };

function packages(): string[] {
  return readdirSync(join(root, 'packages')).filter((name) => existsSync(join(root, 'packages', name, 'package.json')));
}

function must(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (done.status !== 0) {
    process.stdout.write(`${done.stdout}${done.stderr}`);
    throw new Error(`${command} ${args.join(' ')}: exit ${done.status ?? done.signal}`);
  }
  return done.stdout;
}

function compile(into: string): void {
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: join(root, 'packages'),
      outDir: into,
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [join(root, 'packages/*/src/**/*.ts')],
    exclude: [join(root, 'packages/*/src/**/*.test.ts')],
  };
  const file = `${into}.tsconfig.json`;
  writeFileSync(file, JSON.stringify(config));
  must('tsc', ['-p', file], root);
}

/** `./src/x.ts` in a manifest becomes what the compiler made of it. */
function built(path: string): Json {
  const stem = path.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '');
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}

function manifest(name: string): Json {
  const source = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Json;
  const exports = Object.entries((source['exports'] ?? {}) as Record<string, string>);
  const bin = Object.entries((source['bin'] ?? {}) as Record<string, string>);
  const versions = catalog();
  const dependencies = Object.entries((source['dependencies'] ?? {}) as Record<string, string>).map(
    ([library, range]) => [
      library,
      range === 'catalog:' ? (versions.get(library) ?? '*') : range.replace('workspace:*', String(source['version'])),
    ],
  );
  return {
    ...source,
    exports: Object.fromEntries(exports.map(([door, path]) => [door, built(path)])),
    ...(bin.length > 0
      ? { bin: Object.fromEntries(bin.map(([command, path]) => [command, built(path)['default']])) }
      : {}),
    dependencies: Object.fromEntries(dependencies),
    files: ['dist'],
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

function stage(into: string): void {
  const compiled = mkdtempSync(join(tmpdir(), 'odradek-build-'));
  try {
    compile(join(compiled, 'out'));
    for (const name of packages()) {
      const target = join(into, name);
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target, { recursive: true });
      cpSync(join(compiled, 'out', name, 'src'), join(target, 'dist'), { recursive: true });
      writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest(name), null, 2)}\n`);
      cpSync(join(root, 'packages', name, 'README.md'), join(target, 'README.md'));
      cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
    }
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
}

/** Third-party libraries of a package, linked beside its staged copy. */
function linkLibraries(name: string, into: string): void {
  const from = join(root, 'packages', name, 'node_modules');
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
    for (const name of packages()) linkLibraries(name, join(modules, name, 'node_modules'));
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

if (process.argv.includes('--check')) {
  check();
} else {
  stage(join(root, 'dist'));
  process.stdout.write(`staged ${packages().length} packages in dist/\n`);
}
