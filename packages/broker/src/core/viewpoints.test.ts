import type { NetworkFacts } from '@odradek/base';
import { MetadataImage, record } from '@odradek/metadata';
import type { Endpoint } from '@odradek/metadata';
import { expect, test } from 'vitest';
import { ownEndpoint } from './addresses.ts';
import { nodesOf } from './topic-view.ts';
import { Viewpoints } from './viewpoints.ts';
import { groundOf } from './ways-in.ts';

const factsAt = (address: string): NetworkFacts => ({
  kind: 'container',
  addresses: [{ interface: 'eth0', address, prefixLength: 16 }],
  gateways: [{ interface: 'eth0', address: '172.18.0.1' }],
});

function endpointAt(id: number, address: string): Endpoint {
  const bound = { name: 'PLAINTEXT', host: '', port: 9091 + id };
  const machine = { hostName: `kafka-${id}`, isNameKnown: false, facts: factsAt(address) };
  return ownEndpoint({ bound, told: undefined, outside: undefined }, machine);
}

function imageOf(...brokers: readonly (readonly [id: number, address: string])[]): MetadataImage {
  const image = new MetadataImage();
  const records = brokers.map(([brokerId, address], at) =>
    record('RegisterBrokerRecord', {
      brokerId,
      isMigratingZkBroker: false,
      incarnationId: 'IIIIIIIIIIIIIIIIIIIIIA',
      brokerEpoch: at,
      endPoints: [{ ...endpointAt(brokerId, address), auto: endpointAt(brokerId, address).auto ?? null }],
      features: [],
      rack: null,
      fenced: false,
      inControlledShutdown: false,
      logDirs: [],
      cordonedLogDirs: null,
    }),
  );
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

const told = (image: MetadataImage, reach: Parameters<typeof nodesOf>[1]): string[] =>
  nodesOf(image, reach).map(({ host, port }) => `${host}:${port}`);

function standing(options: Partial<ConstructorParameters<typeof Viewpoints>[0]> = {}): Viewpoints {
  const viewpoints = new Viewpoints({ nodeId: 1, rememberedMax: 8, ...options });
  viewpoints.stand([endpointAt(1, '172.18.0.3')], groundOf(factsAt('172.18.0.3'), []));
  return viewpoints;
}

test('viewpoints: two clients of one cluster, and the same configuration, are told what each reaches', () => {
  const viewpoints = standing();
  const image = imageOf([1, '172.18.0.3'], [2, '172.18.0.4']);
  const from = (client: string, local = '172.18.0.3'): string[] =>
    told(image, viewpoints.of('PLAINTEXT', client, local));
  expect(from('172.18.0.1')).toEqual(['localhost:9092', 'localhost:9093']);
  expect(from('172.18.0.9')).toEqual(['172.18.0.3:9092', '172.18.0.4:9093']);
  expect(from('127.0.0.1', '127.0.0.1')).toEqual(['127.0.0.1:9092', '172.18.0.4:9093']);
});

test('viewpoints: a broker that comes back elsewhere, and this one when it moves, are told anew', () => {
  const viewpoints = standing();
  const before = imageOf([1, '172.18.0.3'], [2, '172.18.0.4']);
  expect(told(before, viewpoints.of('PLAINTEXT', '172.18.0.9', '172.18.0.3'))[1]).toBe('172.18.0.4:9093');
  const after = imageOf([1, '172.18.0.3'], [2, '172.18.0.7']);
  expect(told(after, viewpoints.of('PLAINTEXT', '172.18.0.9', '172.18.0.3'))[1]).toBe('172.18.0.7:9093');
  viewpoints.stand([endpointAt(1, '172.18.0.8')], groundOf(factsAt('172.18.0.8'), []));
  const moved = imageOf([1, '172.18.0.8'], [2, '172.18.0.7']);
  expect(told(moved, viewpoints.of('PLAINTEXT', '172.18.0.9', '172.18.0.8'))[0]).toBe('172.18.0.8:9092');
});

test('viewpoints: what is told on one way is worked out once, whoever comes on it', () => {
  const viewpoints = standing();
  const image = imageOf([1, '172.18.0.3'], [2, '172.18.0.4']);
  const one = viewpoints.of('PLAINTEXT', '172.18.0.9', '172.18.0.3');
  const other = viewpoints.of('PLAINTEXT', '172.18.0.10', '172.18.0.3');
  expect(other).toBe(one);
  expect(nodesOf(image, other)[1]).toBe(nodesOf(image, one)[1]);
});

test('viewpoints: more clients than are remembered are told the same, and each way is named once', () => {
  const ways: string[] = [];
  const viewpoints = standing({
    rememberedMax: 4,
    isNew: ({ kind }, _listener, client) => ways.push(`${kind} ${client}`),
  });
  const image = imageOf([1, '172.18.0.3']);
  for (let client = 10; client < 40; client += 1)
    expect(told(image, viewpoints.of('PLAINTEXT', `172.18.0.${client}`, '172.18.0.3'))).toEqual(['172.18.0.3:9092']);
  viewpoints.of('PLAINTEXT', '172.18.0.1', '172.18.0.3');
  expect(ways).toEqual(['inside 172.18.0.10', 'published 172.18.0.1']);
});
