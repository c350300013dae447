/** Lint rules; the layers and the purity of cores (docs/design.md, section 2) are data here, so that a wrong import is an error. */

/** Which packages of the house a package may import, besides itself. */
const layers: Record<string, readonly string[]> = {
  base: [],
  protocol: ['base'],
  metadata: ['base', 'protocol'],
  log: ['base', 'protocol'],
  rpc: ['base'],
  replication: ['base', 'protocol', 'log', 'metadata'],
  coordinator: ['base', 'protocol', 'metadata'],
  controller: ['base', 'protocol', 'metadata'],
  broker: ['base', 'protocol', 'log', 'metadata', 'replication', 'coordinator'],
  server: ['base', 'protocol', 'log', 'metadata', 'rpc', 'broker', 'controller'],
  testkit: ['base', 'protocol', 'server'],
  cli: ['base', 'protocol'],
  sim: ['base', 'protocol', 'metadata', 'log', 'rpc', 'replication', 'controller', 'broker'],
};

/** A library has one home, so that replacing it is a change in one room. */
const homes: Record<string, readonly string[]> = {
  '@grpc/grpc-js': ['packages/rpc/src/shell/'],
  protobufjs: ['packages/rpc/src/'],
  level: ['packages/controller/src/shell/', 'packages/controller/src/raft/shell/'],
  pino: ['packages/base/src/observe/'],
  'pino-pretty': ['packages/base/src/observe/'],
  'prom-client': ['packages/base/src/observe/'],
  '@node-rs/crc32': ['packages/base/src/crc32c.ts'],
  snappy: ['packages/protocol/src/batch/'],
  'lz4-napi': ['packages/protocol/src/batch/'],
  fastify: ['packages/broker/src/shell/'],
  commander: ['packages/cli/src/'],
  uplot: ['packages/cli/src/shell/'],
  re2js: ['packages/coordinator/src/', 'packages/cli/src/core/'],
  '@platformatic/kafka': ['packages/cli/src/', 'test/'],
};

/** What only shells may import from the runtime. */
const worldly = ['fs', 'net', 'http', 'http2', 'https', 'tls', 'dgram', 'dns', 'child_process', 'worker_threads'];

/** The name that a package is imported by: the command line's is what `npx` is given. */
function published(name: string): string {
  return name === 'cli' ? 'odradek' : `@odradek/${name}`;
}

type Path = { name: string; message: string };
type Pattern = { group: string[]; message: string };
type Options = { paths: Path[]; patterns: Pattern[] };

function restrictions(packageName: string, room: 'core' | 'shell' | 'other', prefix: string): Options {
  // Any shell may speak to other nodes.
  const allowed = [...(layers[packageName] ?? []), ...(room === 'shell' && packageName !== 'base' ? ['rpc'] : [])];
  const forbidden = Object.keys(layers).filter((name) => name !== packageName && !allowed.includes(name));
  const paths: Path[] = [];
  for (const [library, rooms] of Object.entries(homes)) {
    if (rooms.some((home) => home.startsWith(prefix) || prefix.startsWith(home))) continue;
    paths.push({ name: library, message: `${library} lives in ${rooms.join(', ') || 'no package yet'} only` });
  }
  const patterns: Pattern[] = [];
  if (forbidden.length > 0) {
    const group = forbidden.map(published).flatMap((name) => [name, `${name}/*`]);
    patterns.push({
      group,
      message: `${packageName} may import ${allowed.join(', ') || 'no other package'}: see the layers`,
    });
  }
  if (room === 'core') {
    patterns.push({ group: ['node:*', '**/shell/**'], message: 'a core does no I/O: take it as an input or a port' });
  } else if (room === 'other') {
    patterns.push({
      group: worldly.flatMap((name) => [`node:${name}`, `node:${name}/*`]),
      message: 'only a shell touches the world',
    });
  }
  return { paths, patterns };
}

const bannedInCore = [
  'Promise',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Date',
  'performance',
  'console',
  'process',
  'crypto',
  'fetch',
].map((name) => ({ name, message: 'a core has no clock, luck or world: it comes in as an input' }));

const packageRules = Object.keys(layers).flatMap((name) => {
  const root = `packages/${name}/src/`;
  return [
    { files: [`${root}**/*.ts`], rules: { 'no-restricted-imports': ['error', restrictions(name, 'other', root)] } },
    {
      files: [`${root}**/shell/**/*.ts`, `${root}**/testing/**/*.ts`],
      rules: { 'no-restricted-imports': ['error', restrictions(name, 'shell', `${root}shell/`)] },
    },
    {
      files: [`${root}**/core/**/*.ts`],
      rules: {
        'no-restricted-imports': ['error', restrictions(name, 'core', `${root}core/`)],
        'no-restricted-globals': ['error', ...bannedInCore],
        'no-restricted-properties': [
          'error',
          { object: 'Math', property: 'random', message: 'a core has no luck: take a Random' },
        ],
        'house/no-async': 'error',
      },
    },
  ];
});

export default {
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'vitest'],
  jsPlugins: ['./scripts/lint/purity.ts'],
  options: { typeAware: true },
  categories: { correctness: 'error' },
  ignorePatterns: ['**/node_modules/**', '**/test-data/**'],
  rules: {
    'max-lines': ['warn', { max: 400, skipBlankLines: true, skipComments: true }],
    'max-lines-per-function': ['warn', { max: 60, skipBlankLines: true, skipComments: true }],
    'max-params': ['warn', { max: 4 }],
    'no-warning-comments': ['error', { terms: ['fixme', 'todo', 'xxx', 'hack'] }],
    'import/no-default-export': 'error',
    'import/no-cycle': 'error',
    'no-eval': 'error',
    'unicorn/no-new-array': 'off',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/require-array-sort-compare': ['error', { ignoreStringArrays: true }],
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/ban-ts-comment': 'error',
    'vitest/no-focused-tests': 'error',
    'vitest/no-disabled-tests': 'error',
    'vitest/no-conditional-tests': 'off',
    'vitest/expect-expect': 'off',
    'vitest/no-standalone-expect': 'off',
    'vitest/no-conditional-expect': 'off',
    // The second argument is what a failure says.
    'vitest/valid-expect': ['error', { maxArgs: 2 }],
    'vitest/require-mock-type-parameters': 'off',
    'vitest/valid-title': 'off',
    'no-console': 'error',
  },
  overrides: [
    ...packageRules,
    {
      files: ['**/*.test.ts', '**/testing/**/*.ts', 'test/**/*.ts', 'packages/*/bench/**/*.ts', 'scripts/**/*.ts'],
      rules: {
        'max-lines-per-function': 'off',
        'no-restricted-globals': 'off',
        'no-restricted-imports': 'off',
        'no-restricted-properties': 'off',
        'house/no-async': 'off',
        'no-console': 'off',
      },
    },
    {
      files: ['oxlint.config.ts', 'vitest.config.ts', 'scripts/lint/*.ts'],
      rules: { 'import/no-default-export': 'off' },
    },
  ],
};
