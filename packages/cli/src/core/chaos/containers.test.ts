/** Containers as docker tells of them, which of them is a node, and the commands that cut one off. */
import { describe, expect, test } from 'vitest';
import { containerOf, cutting, looking, mending, peerAddresses, readContainers } from './containers.ts';

type More = {
  id?: string;
  name?: string;
  ip?: string;
  at?: string;
  project?: string;
  port?: number;
  oneOff?: string;
  image?: string;
};

/** What `docker inspect` says, cut to what is read and a little more. */
const inspected = (service: string, env: readonly string[], more: More = {}) => {
  const project = more.project ?? 'shop';
  const id = more.id ?? `${project}${service}`.padEnd(64, '0');
  return {
    Id: id,
    Name: `/${more.name ?? `${project}-${service}-1`}`,
    State: { Status: 'running', Running: true },
    Config: {
      Hostname: id.slice(0, 12),
      Image: more.image ?? 'odradek:dev',
      Env: ['PATH=/bin', ...env],
      Labels: {
        'com.docker.compose.project': project,
        'com.docker.compose.service': service,
        'com.docker.compose.oneoff': more.oneOff ?? 'False',
      },
    },
    HostConfig: {
      PortBindings:
        more.port === undefined ? {} : { '9092/tcp': [{ HostIp: '127.0.0.1', HostPort: String(more.port) }] },
    },
    NetworkSettings: {
      SandboxKey: '/var/run/docker/netns/5f1c',
      Networks: {
        shop_default: {
          Aliases: [id.slice(0, 12), service, 'broker'],
          IPAMConfig: more.ip === undefined ? null : { IPv4Address: more.ip },
          IPAddress: more.at ?? '172.18.0.3',
          GlobalIPv6Address: '',
        },
      },
    },
  };
};

const read = (...containers: readonly unknown[]) => readContainers(JSON.stringify(containers));
const node = (id: number, host = 'localhost', port = 9092) => ({ id, host, port });

test('networks are remembered by their names, aliases and fixed addresses', () => {
  const [one, two] = read(inspected('kafka-1', []), inspected('kafka-2', [], { ip: '172.18.0.9', at: '172.18.0.9' }));
  expect(one?.networks).toEqual([
    { name: 'shop_default', aliases: ['kafka-1', 'broker'], address: '', addresses: ['172.18.0.3'] },
  ]);
  expect(two?.networks[0]?.address).toBe('172.18.0.9');
});

test('a namespace is there only while the container runs', () => {
  const stopped = { ...inspected('kafka-1', []), State: { Running: false } };
  expect(read(inspected('kafka-1', []), stopped).map(({ sandbox }) => sandbox)).toEqual([
    '/var/run/docker/netns/5f1c',
    '',
  ]);
});

describe('a node', () => {
  const three = [1, 2, 3].map((id) => inspected(`kafka-${id}`, [`KAFKA_NODE_ID=${id}`]));

  test('is the container with its id, in the variable of whichever image', () => {
    expect(containerOf(node(2), undefined, read(...three)).service).toBe('kafka-2');
    const others = ['KAFKA_CFG_NODE_ID=1', 'KAFKA_BROKER_ID=2', 'KAFKA_CFG_BROKER_ID=3'];
    const all = read(...others.map((variable, at) => inspected(`broker-${at + 1}`, [variable])));
    expect([1, 2, 3].map((id) => containerOf(node(id), undefined, all).service)).toEqual([
      'broker-1',
      'broker-2',
      'broker-3',
    ]);
  });

  test('or, where no id is set, the one whose service is the host that the broker advertises', () => {
    const all = read(inspected('alpha', []), inspected('beta', []), inspected('web', []));
    expect(containerOf(node(2, 'beta'), undefined, all).service).toBe('beta');
  });

  test('or the one whose port is published here, where it advertises this machine', () => {
    const all = read(inspected('alpha', [], { port: 9092 }), inspected('beta', [], { port: 9093 }));
    expect(containerOf(node(7, 'localhost', 9093), undefined, all).service).toBe('beta');
  });

  test('of two projects is the one whose port is published here', () => {
    const twice = read(
      inspected('kafka-1', ['KAFKA_NODE_ID=1'], { port: 9092 }),
      inspected('kafka-1', ['KAFKA_NODE_ID=1'], { project: 'other', port: 9192 }),
    );
    expect(containerOf(node(1, 'localhost', 9192), undefined, twice).project).toBe('other');
  });

  test('is no container that was run once from its service', () => {
    const all = read(
      ...three,
      inspected('kafka-2', ['KAFKA_NODE_ID=2'], { name: 'shop_kafka-2_run_1', oneOff: 'True' }),
    );
    expect(containerOf(node(2), undefined, all).name).toBe('shop-kafka-2-1');
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

describe('a partition', () => {
  test('is between nodes of one project; clients, tools and other projects are none', () => {
    const all = read(
      inspected('kafka-1', ['KAFKA_NODE_ID=1'], { at: '172.18.0.2' }),
      inspected('kafka-2', ['KAFKA_NODE_ID=2'], { at: '172.18.0.3' }),
      inspected('controller', [], { at: '172.18.0.4' }),
      inspected('web', [], { at: '172.18.0.5', image: 'nginx' }),
      inspected('kafka-2', ['KAFKA_NODE_ID=2'], { at: '172.19.0.3', project: 'other' }),
    );
    const [one] = all;
    expect(one === undefined ? [] : peerAddresses(one, all)).toEqual(['172.18.0.3', '172.18.0.4']);
  });

  test('drops what comes from the others, what goes to them, or both', () => {
    const drops = (cut: 'isolate' | 'mute' | 'deafen') =>
      cutting(cut, ['172.18.0.3'])
        .filter((command) => command.includes('DROP'))
        .map((command) => command.join(' '));
    const from = 'iptables -w -A ODRADEK-CHAOS -s 172.18.0.3 -j DROP';
    const to = 'iptables -w -A ODRADEK-CHAOS -d 172.18.0.3 -j DROP';
    expect(drops('mute')).toEqual([to]);
    expect(drops('deafen')).toEqual([from]);
    expect(drops('isolate')).toEqual([to, from]);
  });

  test('is made and mended for each family of addresses', () => {
    const both = ['172.18.0.3', 'fd00::3'];
    for (const commands of [cutting('isolate', both), mending(both), looking(both)]) {
      expect(new Set(commands.map(([table]) => table))).toEqual(new Set(['iptables', 'ip6tables']));
    }
    expect(mending(['172.18.0.3']).every(([table]) => table === 'iptables')).toBe(true);
  });
});

test('what is no list of containers is refused', () => {
  expect(() => readContainers('Error: no such object')).toThrow('docker inspect gave no JSON');
  expect(() => readContainers('{}')).toThrow('docker inspect gave no list');
});
