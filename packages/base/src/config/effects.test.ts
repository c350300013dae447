import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { metricCatalogue } from '../index.ts';
import { brokerKeys } from './broker.ts';
import type { Table } from './declare.ts';
import { groupKeys } from './group.ts';
import { topicKeys } from './topic.ts';

/** Every source of the house, without tests and without the tables themselves. */
function sources(): string {
  const packages = fileURLToPath(new URL('../../../', import.meta.url));
  const files = readdirSync(packages).flatMap((name) => {
    const root = join(packages, name, 'src');
    return readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => join(root, path));
  });
  const isTable = /base\/src\/config\/(broker\/.*|topic|group|controller|broker)\.ts$|base\/src\/observe\/metrics\.ts$/;
  const skipped = /\.test\.ts$|\/testing\/|\/test-data\//;
  const read = files.filter((path) => path.endsWith('.ts') && !skipped.test(path) && !isTable.test(path));
  return read.map((path) => readFileSync(path, 'utf8')).join('\n');
}

const text = sources();
const isRead = (name: string): boolean => text.includes(`'${name}'`);
const broker: Table = brokerKeys;
const overrides = Object.entries({ ...topicKeys, ...groupKeys } satisfies Table as Table);

/** Read itself, or through the topic or group key that it is the default of, or as what another key falls back to. */
function hasReader(name: string): boolean {
  if (isRead(name)) return true;
  if (overrides.some(([other, spec]) => spec.brokerKey === name && isRead(other))) return true;
  return Object.values(broker).some((spec) => spec.fallback?.some((fallback) => fallback.name === name));
}

test('every key that is said to have an effect is read somewhere', () => {
  const tables: readonly Table[] = [brokerKeys, topicKeys, groupKeys];
  const unread = tables.flatMap((table) =>
    Object.entries(table)
      .filter(([name, spec]) => spec.noEffect === undefined && !hasReader(name))
      .map(([name]) => name),
  );
  expect(unread).toEqual([]);
});

test('every metric of the catalogue is counted somewhere', () => {
  expect(Object.keys(metricCatalogue).filter((name) => !isRead(name))).toEqual([]);
});
