/**
 * `pnpm run image`: the container image `odradek:dev` (another name: `pnpm run image NAME`). Gathers what the image holds in a directory
 * of its own, so that the build needs neither network nor compiler: the packages as they are published (`scripts/build.ts`), each program of
 * them as a few files (`bundle.ts`), the libraries that the lock file names, as installed here, and what lies in `deploy/docker`.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { kafkaTools } from '../packages/cli/src/kafka-tools.ts';
import { shippedProperties } from '../packages/server/src/container/core/mounted-file.ts';
import { bundle } from './bundle.ts';

const root = new URL('..', import.meta.url).pathname;

/** Whose dependencies, and theirs, make up the image: the command line brings the server with it. */
const START = join(root, 'packages/cli');

/** What libraries carry and no program reads; licences stay. */
const unread = /\.(?:[cm]?ts|map|md|markdown|flow|gyp|cc?|h|tsbuildinfo)$/i;
const unreadDirectories = new Set(['test', 'tests', '__tests__', 'docs', 'example', 'examples', 'benchmark', 'deps']);

type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
};

/** Where a package lies now, and where it goes. */
type Place = { readonly from: string; readonly to: string };

function must(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${done.status ?? done.signal}`);
}

function manifestOf(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
}

/** The directory of a library as the package at `from` would find it; undefined for an optional one of another platform. */
function find(name: string, from: string): string | undefined {
  for (let at = from; at !== dirname(at); at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
  }
  return undefined;
}

/** Every package that the first one needs; one directory a name, a second version of a name below who asked for it. */
function places(modules: string): Place[] {
  const found: Place[] = [];
  const top = new Map<string, string>();
  const visit = (name: string, asker: Place | undefined): void => {
    const from = asker === undefined ? START : find(name, asker.from);
    if (from === undefined) return;
    const there = top.get(name);
    if (there === from) return;
    const to = there === undefined || asker === undefined ? join(modules, name) : join(asker.to, 'node_modules', name);
    if (there === undefined) top.set(name, from);
    const place = { from, to };
    found.push(place);
    const { dependencies, optionalDependencies } = manifestOf(from);
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) visit(each, place);
  };
  visit(manifestOf(START).name, undefined);
  return found;
}

function copy({ from, to }: Place, built: string): void {
  const staged = from.startsWith(join(root, 'packages/')) ? join(built, basename(from)) : from;
  cpSync(staged, to, { recursive: true, filter: (path) => path === staged || isRead(path.slice(staged.length)) });
}

function isRead(path: string): boolean {
  const name = basename(path);
  if (name === 'node_modules' || unreadDirectories.has(name)) return false;
  if (/^\/prebuilds\/./.test(path))
    return path.includes(`${process.platform}-${process.arch}`) && !name.includes('musl');
  return !unread.test(name) || /^(?:licen[cs]e|notice)/i.test(name);
}

/** @param built where the packages are staged: not `dist`, which another build may be writing */
async function gather(into: string, built: string): Promise<void> {
  mkdirSync(built);
  must('node', ['scripts/build.ts', built]);
  for (const place of places(join(into, 'app/node_modules'))) copy(place, built);
  await bundle(join(into, 'app/node_modules'));
  for (const name of readdirSync(join(root, 'deploy/docker'))) {
    cpSync(join(root, 'deploy/docker', name), join(into, name), { recursive: true });
  }
  cpSync(join(root, 'LICENSE'), join(into, 'app/LICENSE'));
  writeTools(join(into, 'bin'));
  writeFileSync(join(into, 'server.properties'), shippedProperties);
}

/** Kafka's names of the commands. */
function writeTools(into: string): void {
  const write = (name: string, script: string): void => writeFileSync(join(into, name), script, { mode: 0o755 });
  for (const [name, { words }] of Object.entries(kafkaTools)) {
    write(name, `#!/bin/sh\nexec node /opt/odradek/node_modules/odradek/dist/main.js ${words.join(' ')} "$@"\n`);
  }
  write('kafka-run-class', runClass());
}

/** The tools by their classes, which old scripts name. */
function runClass(): string {
  const tools = Object.entries(kafkaTools).map(([name, { classes }]) => `  ${classes.join(' | ')}) tool=${name} ;;`);
  return `#!/bin/sh
# kafka-run-class CLASS [ARGUMENT]...
class=\${1:-}
[ $# -eq 0 ] || shift
case "$class" in
  kafka.Kafka) tool=kafka-server-start ;;
${tools.join('\n')}
  *)
    echo "kafka-run-class: $class is a Java class, and there is no Java here; odradek --help lists the commands" >&2
    exit 1
    ;;
esac
exec "/opt/odradek/bin/$tool" "$@"
`;
}

const tag = process.argv[2] ?? 'odradek:dev';
const directory = mkdtempSync(join(tmpdir(), 'odradek-image-'));
try {
  const context = join(directory, 'context');
  await gather(context, join(directory, 'built'));
  must('docker', ['build', '--quiet', '--network', 'none', '--tag', tag, context]);
  // The stage before the last one stays behind, nameless. Those of the last minutes may be of a build that runs.
  must('docker', ['image', 'prune', '--force', '--filter', 'label=odradek.stage=system', '--filter', 'until=15m']);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
