/** Containers as docker tells of them, and which of them is a node. */
import { describe, expect, test } from 'vitest';
import { containerOf, readContainers } from './containers.ts';

/** What `docker inspect` says, cut to what is read and a little more. */
const inspected = (service: string, env: readonly string[], more: { id?: string; name?: string; ip?: string } = {}) => {
  const id = more.id ?? service.padEnd(64, '0');
  return {
    Id: id,
    Name: `/${more.name ?? `shop-${service}-1`}`,
    State: { Status: 'running' },
    Config: {
      Hostname: id.slice(0, 12),
      Env: ['PATH=/bin', ...env],
      Labels: { 'com.docker.compose.service': service },
    },
    NetworkSettings: {
      Networks: {
        shop_default: {
          Aliases: [id.slice(0, 12), service, 'broker'],
          IPAMConfig: more.ip === undefined ? null : { IPv4Address: more.ip },
          IPAddress: '172.18.0.3',
        },
      },
    },
  };
};

const read = (...containers: readonly unknown[]) => readContainers(JSON.stringify(containers));
const node = (id: number, host = 'localhost') => ({ id, host, port: 9092 });

test('networks are remembered by their names, aliases and fixed addresses', () => {
  const [one, two] = read(inspected('kafka-1', []), inspected('kafka-2', [], { ip: '172.18.0.9' }));
  expect(one?.networks).toEqual([{ name: 'shop_default', aliases: ['kafka-1', 'broker'], address: '' }]);
  expect(two?.networks[0]?.address).toBe('172.18.0.9');
});

describe('a node', () => {
  const three = [1, 2, 3].map((id) => inspected(`kafka-${id}`, [`KAFKA_NODE_ID=${id}`]));

  test('is the container with its id', () => {
    expect(containerOf(node(2), undefined, read(...three)).service).toBe('kafka-2');
  });

  test('or, where no id is set, the one whose service is the host that the broker advertises', () => {
    const all = read(inspected('alpha', []), inspected('beta', []), inspected('web', []));
    expect(containerOf(node(2, 'beta'), undefined, all).service).toBe('beta');
  });

  test('or the one that the user names: by container, service or id', () => {
    const all = read(...three, inspected('other', [], { id: 'f'.repeat(64), name: 'my-kafka' }));
    for (const name of ['my-kafka', 'other', 'ffffffffffff']) {
      expect(containerOf(node(9), name, all).name).toBe('my-kafka');
    }
  });

  test('that is nowhere, or twice, is refused in words', () => {
    const all = read(...three);
    expect(() => containerOf(node(7), undefined, all)).toThrow(
      'no container is node 7 (shop-kafka-1-1, shop-kafka-2-1, shop-kafka-3-1): name it, as in --containers 7=kafka-7',
    );
    expect(() => containerOf(node(1), undefined, read(...three, ...three))).toThrow(
      'shop-kafka-1-1 and shop-kafka-1-1 may both be node 1: name the container, or give --compose-project',
    );
    expect(() => containerOf(node(1), undefined, [])).toThrow('no container of compose is there');
  });
});

test('what is no list of containers is refused', () => {
  expect(() => readContainers('Error: no such object')).toThrow('docker inspect gave no JSON');
  expect(() => readContainers('{}')).toThrow('docker inspect gave no list');
});
