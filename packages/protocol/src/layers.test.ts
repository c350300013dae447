import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Node's own codecs and its way to load native code when it is first needed; no file, socket or clock. */
const runtimeModules = ['node:zlib', 'node:module'];
const libraries = ['lz4-napi', 'snappy'];
const source = new URL('.', import.meta.url).pathname;

test('layers: the protocol imports base, its two codecs and nothing else', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('testing/'),
  );
  expect(files.length).toBeGreaterThan(100);
  const foreign = new Set<string>();
  for (const file of files) {
    for (const [, name = ''] of readFileSync(`${source}${file}`, 'utf8').matchAll(/from '([^'.][^']*)'/g))
      foreign.add(name);
  }
  expect([...foreign].sort()).toEqual(['@odradek/base', ...libraries, ...runtimeModules].sort());
  const manifest = JSON.parse(readFileSync(`${source}../package.json`, 'utf8')) as { dependencies: object };
  expect(Object.keys(manifest.dependencies).sort()).toEqual(['@odradek/base', ...libraries].sort());
});
