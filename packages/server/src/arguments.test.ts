import { expect, test } from 'vitest';
import { parseArguments, usage } from './arguments.ts';

const nothing = {
  configPath: undefined,
  overrides: [],
  logLevel: undefined,
  clusterId: undefined,
  standalone: false,
};

test('arguments: none at all starts with the defaults', () => {
  expect(parseArguments([])).toEqual({ kind: 'start', arguments: nothing });
});

test('arguments: file, overrides, level and cluster id are taken in every order, the file with or without its flag', () => {
  const want = {
    kind: 'start',
    arguments: {
      configPath: 'a.properties',
      overrides: ['a=1', 'b=x=y'],
      logLevel: 'debug',
      clusterId: 'c',
      standalone: true,
    },
  };
  const flags = ['--override', 'a=1', '--log-level', 'debug', '--standalone', '--override=b=x=y', '--cluster-id', 'c'];
  expect(parseArguments(['a.properties', ...flags])).toEqual(want);
  expect(parseArguments([...flags, '--config', 'a.properties'])).toEqual(want);
  expect(parseArguments(['--', ...flags, 'a.properties'])).toEqual(want);
});

test.each([
  [['--nonsense'], 'nonsense'],
  [['--override'], 'override'],
  [['a', 'b'], 'one properties file can be read, not 2: a, b'],
  [['a', '--config', 'b'], 'not 2'],
  [['--log-level', 'loud'], '--log-level loud: it must be one of debug, info, warn, error'],
])('arguments: %j is told to be wrong', (argv, why) => {
  const parsed = parseArguments(argv);
  expect(parsed.kind === 'wrong' ? parsed.why : parsed.kind).toContain(why);
});

test('arguments: help names every flag and every exit code', () => {
  expect(parseArguments(['-h'])).toEqual({ kind: 'help' });
  expect(parseArguments(['--version', 'x'])).toEqual({ kind: 'version' });
  for (const word of [
    '--config',
    '--override',
    '--cluster-id',
    '--standalone',
    '--log-level',
    '--version',
    ' 0 ',
    ' 1 ',
    ' 2 ',
    '70 ',
  ]) {
    expect(usage).toContain(word);
  }
});
