import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageFault } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { afterAll, expect, test } from 'vitest';
import { readText } from '../../shell/read-text.ts';
import { gather, mountPoints } from './gather.ts';

const directory = mkdtempSync(join(tmpdir(), 'odradek-gather-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const { files } = systemPorts();

function written(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

test('gather: what is mounted is the fifth field of each line, spaces written in octal', () => {
  const info = [
    '22 1 0:21 / /proc rw,nosuid - proc proc rw',
    '30 1 8:1 /volumes/a /bitnami/kafka rw,relatime master:1 - ext4 /dev/sda1 rw',
    '31 1 8:1 /b /with\\040space rw - ext4 /dev/sda1 rw',
    '',
  ];
  expect(mountPoints(info.join('\n'))).toEqual(['/proc', '/bitnami/kafka', '/with space']);
});

test('gather: secrets and the file of the command line are read from the disk', () => {
  const secret = written('id', 'MkU3OEVBNTcwNTJENDM2Qk\n');
  const givenFile = written('server.properties', 'node.id=4\nlog.dirs=/elsewhere\n');
  const told = gather({ environment: { CLUSTER_ID_FILE: secret }, hostName: 'host', givenFile }, files);
  expect(told).toMatchObject({
    ok: true,
    environment: { CLUSTER_ID: 'MkU3OEVBNTcwNTJENDM2Qk' },
    file: { path: givenFile },
  });
});

test('gather: a file of the command line that is not there, and a secret that is a directory, are told', () => {
  const nowhere = join(directory, 'nowhere');
  expect(gather({ environment: {}, hostName: 'host', givenFile: nowhere }, files)).toMatchObject({
    ok: false,
    problems: [expect.stringContaining(nowhere)],
  });
  const environment = { KAFKA_NODE_ID_FILE: directory };
  expect(gather({ environment, hostName: 'host', givenFile: undefined }, files)).toMatchObject({
    ok: false,
    problems: [expect.stringContaining('KAFKA_NODE_ID_FILE')],
  });
});

test('read-text: a file is read to its end whatever size it says, and one without end is a fault', () => {
  const long = 'x'.repeat(100_000);
  expect(readText(files, written('long', long))).toBe(long);
  expect(readText(files, '/proc/self/status')).toContain('Pid:');
  expect(() => readText(files, '/dev/zero')).toThrow(StorageFault);
});
