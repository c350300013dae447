import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, config as configuration, type NodeConfig } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatStorage, storageInfo } from './storage.ts';

const CLUSTER = 'abcdefghijklmnopqrstug';
const ports = systemPorts();
let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'odradek-storage-'))));
afterEach(() => rmSync(directory, { recursive: true }));

function nodeConfig(...overrides: string[]): NodeConfig {
  const loaded = configuration.loadNodeConfig({
    environment: {},
    overrides: [`log.dirs=${join(directory, 'b')},${join(directory, 'a')}`, 'node.id=7', ...overrides],
    workingDirectory: directory,
  });
  assert(loaded.ok, 'the configuration of a test is right', loaded);
  return loaded.config;
}
const format = (
  config: NodeConfig,
  more: { ignoreFormatted?: boolean; standalone?: boolean; clusterId?: string } = {},
) =>
  formatStorage(ports, {
    config,
    hostName: 'here',
    clusterId: CLUSTER,
    standalone: false,
    ignoreFormatted: false,
    ...more,
  });

test('directories that are not there, are files, or are empty are told as problems', () => {
  const config = nodeConfig();
  expect(storageInfo(ports.files, config)).toEqual({
    found: [],
    metadata: undefined,
    problems: [`${join(directory, 'a')} does not exist`, `${join(directory, 'b')} does not exist`],
  });
  writeFileSync(join(directory, 'a'), '');
  expect(storageInfo(ports.files, config).problems[0]).toBe(`${join(directory, 'a')} is not a directory`);
});

test('formatting gives every directory the id; once more it is refused, or has nothing to do', () => {
  const config = nodeConfig();
  expect(format(config)).toEqual({
    ok: true,
    value: {
      formatted: [
        { path: join(directory, 'a'), kind: 'data' },
        { path: join(directory, 'b'), kind: 'metadata' },
      ],
      needsStandalone: false,
    },
  });
  const { found, metadata, problems } = storageInfo(ports.files, config);
  expect(found).toEqual([...config.logDirs].toSorted());
  expect(problems).toEqual([]);
  expect(Object.keys(metadata ?? {})).toEqual(['cluster.id', 'directory.id', 'node.id', 'version']);
  expect(metadata?.['cluster.id']).toBe(CLUSTER);
  const before = readFileSync(join(directory, 'a', 'meta.properties'), 'utf8');
  expect(format(config)).toMatchObject({ ok: false, why: expect.stringContaining('already formatted') });
  expect(format(config, { ignoreFormatted: true })).toMatchObject({ ok: true, value: { formatted: [] } });
  expect(readFileSync(join(directory, 'a', 'meta.properties'), 'utf8')).toBe(before);
});

test('what is no cluster id, and directories of two clusters, are refused and told', () => {
  const config = nodeConfig();
  expect(format(config, { clusterId: 'mine' })).toMatchObject({ ok: false, why: expect.stringContaining("'mine'") });
  format(config);
  const meta = join(directory, 'b', 'meta.properties');
  writeFileSync(meta, readFileSync(meta, 'utf8').replace(CLUSTER, 'bbcdefghijklmnopqrstug'));
  expect(storageInfo(ports.files, config).problems).toEqual(['Mismatched cluster IDs between storage directories.']);
  expect(format(config, { ignoreFormatted: true }).ok).toBe(false);
});

test('a controller that others join says that its start has to say so too', () => {
  const servers = 'controller.quorum.bootstrap.servers=one:9093,two:9093';
  const listeners = 'listeners=PLAINTEXT://:9092,CONTROLLER://:9093';
  const joining = nodeConfig(servers, listeners, 'controller.listener.names=CONTROLLER');
  expect(format(joining, { standalone: true })).toMatchObject({ ok: true, value: { needsStandalone: true } });
});
