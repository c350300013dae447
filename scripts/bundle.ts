/**
 * Packages as few files: what a program of the image runs of `@odradek/*` is put together, split where programs share it or load it late.
 * All programs together are some eighty files instead of six hundred: a node starts in half the processor time and holds some 10 MB less
 * (docs/performance.md).
 * So is the JavaScript of the libraries that every node loads; the others stay as they are installed. Names are kept, so that a stack trace
 * says who it was.
 */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';

/** What is started, or loaded by a name that is looked up at run time: below `node_modules`, without `.js`. */
const programs = [
  'odradek/dist/main',
  '@odradek/server/dist/main',
  '@odradek/server/dist/container/main',
  '@odradek/server/dist/container/shell/health',
  '@odradek/server/dist/container/shell/kafka-ready',
  '@odradek/server/dist/shell/recover-main',
  '@odradek/server/dist/shell/storage-main',
  '@odradek/server/dist/shell/metadata-log-main',
  '@odradek/log/dist/shell/compaction-worker',
];
const CHUNKS = '@odradek/server/dist/chunks';

/** Libraries of every node, and theirs. What has native code, or finds files of its own by their names (pino's threads), is not among them. */
const withLibraries = new Set(
  (
    '@grpc/grpc-js @grpc/proto-loader @js-sdsl/ordered-map lodash.camelcase long protobufjs level abstract-level buffer is-buffer ' +
    'level-supports level-transcoder maybe-combine-errors module-error re2js'
  ).split(' '),
);

function isBundled(id: string): boolean {
  if (/^[./]/.test(id)) return true;
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? id;
  return name.startsWith('@odradek/') || name.startsWith('@protobufjs/') || withLibraries.has(name);
}

/** V8 keeps the text of a file as long as its functions live, and one character beyond Latin-1 makes it twice as large. */
function inAscii(code: string): string {
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** @param modules a `node_modules` with the staged packages, whose files are replaced by the programs of them */
export async function bundle(modules: string): Promise<void> {
  const packages = ['odradek', ...readdirSync(join(modules, '@odradek')).map((name) => `@odradek/${name}`)];
  for (const name of packages) {
    const own = join(modules, name, 'node_modules');
    if (existsSync(own)) throw new Error(`${own}: a library in two versions, one of which a bundle would not find`);
  }
  const into = mkdtempSync(join(dirname(modules), 'bundle-'));
  const build = await rolldown({
    input: Object.fromEntries(programs.map((program) => [program, join(modules, `${program}.js`)])),
    platform: 'node',
    external: (id) => !isBundled(id),
  });
  await build.write({
    dir: into,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
    comments: { legal: true, annotation: false, jsdoc: false },
    plugins: [{ name: 'ascii', renderChunk: inAscii }],
  });
  await build.close();
  for (const name of packages) {
    rmSync(join(modules, name, 'dist'), { recursive: true });
    if (existsSync(join(into, name, 'dist'))) renameSync(join(into, name, 'dist'), join(modules, name, 'dist'));
    else rmSync(join(modules, name), { recursive: true });
  }
  rmSync(into, { recursive: true });
}
