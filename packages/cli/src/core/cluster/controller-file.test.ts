import { expect, test } from 'vitest';
import { directoryIdOf, parseControllerFile, parseEndpoints } from './controller-file.ts';

const lines = (...changed: string[]): string =>
  [
    'node.id=4',
    'process.roles=broker,controller',
    'log.dirs=/data/a,/data/b',
    'listeners=PLAINTEXT://:9092,CONTROLLER://:9093',
    'controller.listener.names=CONTROLLER',
    ...changed,
  ].join('\n');

test('controller file: who it is, where its metadata lies and where it is reached', () => {
  expect(parseControllerFile('f', lines())).toEqual({
    nodeId: 4,
    metadataDirectory: '/data/a',
    endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }],
  });
});

test('controller file: the metadata directory and the advertised listener come first', () => {
  const text = lines('metadata.log.dir=/meta', 'advertised.listeners=CONTROLLER://node-4:19093');
  expect(parseControllerFile('f', text)).toMatchObject({
    metadataDirectory: '/meta',
    endpoints: [{ name: 'CONTROLLER', host: 'node-4', port: 19093 }],
  });
});

test.each([
  ['node.id=', "node.id is ''"],
  ['process.roles=broker', 'does not have the controller role'],
  ['controller.listener.names=', 'controller.listener.names is missing'],
  ['controller.listener.names=OTHER', 'no listener is called OTHER'],
  ['listeners=CONTROLLER', 'listeners: CONTROLLER is not of the form'],
])('controller file: %s is refused', (line, why) => {
  expect(() => parseControllerFile('f', lines(line))).toThrow(why);
});

test('directory id: read from meta.properties, and missing there said so', () => {
  expect(directoryIdOf('m', 'version=1\ndirectory.id=AQEBAQEBAQEBAQEBAQEBAQ\n')).toBe('AQEBAQEBAQEBAQEBAQEBAQ');
  expect(() => directoryIdOf('m', 'version=1\nnode.id=1\n')).toThrow('m has no directory.id');
});

test('endpoints: of the command line', () => {
  expect(parseEndpoints('--endpoint', 'CONTROLLER://n:1, EXTRA://[::1]:2')).toEqual([
    { name: 'CONTROLLER', host: 'n', port: 1 },
    { name: 'EXTRA', host: '::1', port: 2 },
  ]);
  expect(() => parseEndpoints('--endpoint', 'n:1')).toThrow('--endpoint: n:1 is not of the form');
});
