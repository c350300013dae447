/** Commands of users: what is filled in, and what is refused in words. */
import { describe, expect, test } from 'vitest';
import { builtIn, checkTemplate, fill, lackOf, parseNodes, parseSpan } from './commands.ts';
import { scenarios, type Action } from './scenarios.ts';

const target = { id: 2, host: 'kafka-2.example', port: 9092 };

describe('templates', () => {
  test('take the node, its host and its port, as often as they are named', () => {
    expect(fill('ssh {host} kill-{node} {node} {port}', target)).toBe('ssh kafka-2.example kill-2 2 9092');
    expect(fill("docker ps --format '{{.Names}}' {node}", target)).toBe("docker ps --format '{{.Names}}' 2");
  });

  test('that hit the same whatever the node are refused', () => {
    expect(() => checkTemplate('kill', 'docker kill kafka')).toThrow(
      "--kill-command: 'docker kill kafka' names no node: put one of {node}, {host}, {port} in it",
    );
    expect(() => checkTemplate('kill', ' ')).toThrow('--kill-command is empty');
    expect(() => checkTemplate('start', 'x {id} {node}')).toThrow(
      '--start-command: {id} is none of {node}, {host}, {port}',
    );
    expect(checkTemplate('start', 'docker start {node}')).toBe('docker start {node}');
  });

  test('get no host that is more than a name: it comes from the cluster', () => {
    expect(() => fill('ssh {host}', { ...target, host: 'x; rm -rf /' })).toThrow('is no host name');
    expect(fill('ping {host}', { ...target, host: '::1' })).toBe('ping ::1');
  });
});

describe('a scenario that cannot be played', () => {
  const can =
    (...able: Action[]) =>
    (action: Action) =>
      able.includes(action);
  const named = (name: string) => scenarios.find((each) => each.name === name) ?? expect.fail(name);

  test('is refused with the flags that are missing and the drivers that would do', () => {
    expect(lackOf(named('kill'), can())).toBe(
      "'kill' needs --kill-command '… {node} …' and --start-command '… {node} …', or --processes, or --containers",
    );
    expect(lackOf(named('kill'), can('kill'))).toBe(
      "'kill' needs --start-command '… {node} …', or --processes, or --containers",
    );
    expect(lackOf(named('isolate'), can(...builtIn.processes.can))).toBe(
      "'isolate' needs --isolate-command '… {node} …' and --rejoin-command '… {node} …', or --containers",
    );
    expect(lackOf(named('half-partition'), can(...builtIn.containers.can))).toBe(
      "'half-partition' needs --mute-command '… {node} …' and --deafen-command '… {node} …', " +
        'or --containers as root where the nodes run',
    );
    expect(lackOf(named('full-disk'), can(...builtIn.containers.can))).toBe(
      "'full-disk' needs --fill-disk-command '… {node} …' and --free-disk-command '… {node} …'",
    );
  });

  test('and one that can is not', () => {
    expect(lackOf(named('kill'), can('kill', 'start'))).toBeUndefined();
  });
});

test('nodes: values by id; what is no pair, and a node named twice, is refused', () => {
  expect(parseNodes('--processes', '1=4711, 2=/run/kafka-2.pid')).toEqual(
    new Map([
      [1, '4711'],
      [2, '/run/kafka-2.pid'],
    ]),
  );
  expect(() => parseNodes('--processes', '4711')).toThrow("--processes: '4711' is not NODE=VALUE, as in 1=4711");
  expect(() => parseNodes('--containers', 'a=b')).toThrow("--containers: 'a=b' is not NODE=VALUE, as in 1=kafka-1");
  expect(() => parseNodes('--processes', '1=2,1=3')).toThrow('node 1 is named twice');
});

test('spans: with a unit or in seconds; nothing, too much and nonsense are refused', () => {
  expect(['15s', '500ms', '2m', '1h', '20', '1.5s'].map((text) => parseSpan('--duration', text))).toEqual([
    15_000, 500, 120_000, 3_600_000, 20_000, 1_500,
  ]);
  for (const text of ['', '0', '-1s', '25h', '5d', 's', '1 s']) {
    expect(() => parseSpan('--duration', text)).toThrow('is no time from 1ms to 24h');
  }
});
