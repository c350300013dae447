/** What must hold of the house and no linter can say: READMEs, doors, generated documents, tables without ghosts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { config, limits, metricCatalogue } from '@odradek/base';
import { stale } from '../scripts/docs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');

const README_LINES_MAX = 120;
const HEADINGS = ['What it is', 'The way through it', 'Rooms', 'What always holds', 'How it is proved', 'Sources'];

function filesBelow(directory: string, wanted: (name: string) => boolean): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (entry.name === 'node_modules') return [];
    if (entry.isDirectory()) return filesBelow(path, wanted);
    return wanted(path) ? [path] : [];
  });
}

const sources = ['packages', 'scripts'].flatMap((directory) => filesBelow(directory, (path) => path.endsWith('.ts')));
const code = sources.filter((path) => !path.endsWith('.test.ts')).map((path) => ({ path, text: read(path) }));

describe.each(packages)('packages/%s', (name) => {
  test('has a README of at most 120 lines with the headings of every README', () => {
    const readme = read('packages', name, 'README.md');
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(README_LINES_MAX);
    const headings = [...readme.matchAll(/^##+ (.+)$/gm)].map(([, heading = '']) => heading.replace(/ \(.*\)$/, ''));
    expect(headings).toEqual(expect.arrayContaining(HEADINGS));
  });

  test('has an index.ts that is a door and nothing else', () => {
    const statements = read('packages', name, 'src', 'index.ts')
      .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      .split(';')
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '');
    for (const statement of statements)
      expect(statement).toMatch(/^export (type )?(\{[^}]*\}|\* as \w+|\*) from '[^']+'$/);
  });

  test('has the version, license and engine of the others', () => {
    const manifest = JSON.parse(read('packages', name, 'package.json')) as Record<string, unknown>;
    expect(manifest).toMatchObject({
      // What `npx odradek` looks for is a package of that name.
      name: name === 'cli' ? 'odradek' : `@odradek/${name}`,
      version: '0.1.0',
      license: 'Apache-2.0',
      type: 'module',
      engines: { node: '>=24' },
    });
    expect(existsSync(join(root, 'packages', name, 'tsconfig.json'))).toBe(true);
  });
});

describe('documents', () => {
  test('are what the tables say: `pnpm run docs` would change nothing', () => {
    expect(stale()).toEqual([]);
  });

  test('name only commands of package.json that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const builtIn = new Set(['install', 'run', 'exec', 'dlx', 'add']);
    const pages = ['README.md', 'docs/performance.md', ...packages.map((name) => `packages/${name}/README.md`)];
    for (const page of pages) {
      for (const [, run, command = ''] of read(page).matchAll(/(?:npx -y )?\bpnpm(?:@12)? (run )?([a-z][\w-]*)/g)) {
        if (run === undefined && builtIn.has(command)) continue;
        expect(Object.keys(scripts), `${page}: pnpm ${command}`).toContain(command);
      }
    }
    for (const script of Object.values(scripts))
      expect(existsSync(join(root, script.split(' ')[1] ?? '')), script).toBe(true);
  });
});

describe('tables have no ghosts:', () => {
  const declarations = /^packages\/base\/src\/(config|observe\/metrics|limits)/;
  const users = code.filter(({ path }) => !declarations.test(path));
  const used = (word: string): boolean => users.some(({ text }) => text.includes(word));

  test('every configuration key that is said to have an effect is read somewhere', () => {
    const tables: Readonly<Record<string, config.Spec & { brokerKey?: string }>>[] = [
      config.brokerKeys,
      config.topicKeys,
      config.groupKeys,
    ];
    const standIns = new Set<string>();
    for (const table of tables) {
      for (const spec of Object.values(table)) {
        if (spec.noEffect !== undefined) continue;
        if (spec.brokerKey !== undefined) standIns.add(spec.brokerKey);
        for (const { name } of spec.fallback ?? []) standIns.add(name);
      }
    }
    const loader = code.filter(
      ({ path }) =>
        /^packages\/base\/src\/config\/[\w-]+\.ts$/.test(path) && !/(topic|group|controller|broker)\.ts$/.test(path),
    );
    const isRead = (key: string): boolean => used(`'${key}'`) || loader.some(({ text }) => text.includes(`'${key}'`));
    const ghosts = tables.flatMap((table) =>
      Object.entries(table)
        .filter(
          ([key, spec]) => spec.noEffect === undefined && spec.internal !== true && !standIns.has(key) && !isRead(key),
        )
        .map(([key]) => key),
    );
    expect(ghosts).toEqual([]);
  });

  test('every metric of the catalogue is counted somewhere', () => {
    expect(Object.keys(metricCatalogue).filter((name) => !used(`'${name}'`))).toEqual([]);
  });

  test('every bound is asked for somewhere', () => {
    expect(
      Object.keys(limits.production).filter((name) => !used(`.${name}`) && !used(`${name},`) && !used(`${name} }`)),
    ).toEqual([]);
  });
});
