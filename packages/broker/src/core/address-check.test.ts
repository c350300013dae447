import { MetadataImage, record } from '@odradek/metadata';
import { describe, expect, test } from 'vitest';
import { addressProblems } from './address-check.ts';
import type { CheckedAddress } from './address-check.ts';

/** Brokers by the `host:port` that each says of itself, from id 1 on. */
function clusterOf(...places: readonly string[]): MetadataImage {
  const image = new MetadataImage();
  const records = places.map((place, at) => {
    const [host = '', port] = place.split(':');
    return record('RegisterBrokerRecord', {
      brokerId: at + 1,
      isMigratingZkBroker: false,
      incarnationId: 'IIIIIIIIIIIIIIIIIIIIIA',
      brokerEpoch: at,
      endPoints: [{ name: 'INSIDE', host, port: Number(port), securityProtocol: 0, auto: null }],
      features: [],
      rack: null,
      fenced: false,
      inControlledShutdown: false,
      logDirs: [],
      cordonedLogDirs: null,
    });
  });
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

const at = (listener: string, host: string, resolved: readonly string[], unreached?: string): CheckedAddress => ({
  listener,
  key: 'advertised.listeners',
  host,
  port: 9092,
  resolved,
  unreached,
});
const inside = at('INSIDE', 'kafka-1', ['172.18.0.3']);
const forHost = at('HOST', 'localhost', ['127.0.0.1', '::1']);
const here = at('INSIDE', 'localhost', ['127.0.0.1']);

const oneMachine = clusterOf('localhost:9092', '127.0.0.1:9093', 'localhost:9094');
const several = clusterOf('kafka-1:9092', 'kafka-2:9092');
const copied = clusterOf('localhost:9092', 'localhost:9092');

const said = (addresses: readonly CheckedAddress[], image: MetadataImage): string[] =>
  addressProblems(addresses, { image, nodeId: 1, interBroker: 'INSIDE' }).map(
    ({ listener, kind }) => `${listener} ${kind}`,
  );

describe('advertised addresses', () => {
  test.for([
    ['a name that is known and answers', [inside], several, []],
    ['a name without an address', [at('INSIDE', 'kafka-x', [])], several, ['INSIDE unresolved']],
    [
      'an address that does not answer',
      [at('INSIDE', 'kafka-1', ['10.0.0.9'], 'ECONNREFUSED')],
      several,
      ['INSIDE unreached'],
    ],
    ['localhost where all are on one machine', [here], oneMachine, []],
    ['localhost on a node alone', [here], clusterOf('localhost:9092'), []],
    ['localhost among other machines', [here], clusterOf('localhost:9092', 'kafka-2:9092'), ['INSIDE loopback']],
    ['localhost copied to several machines', [here], copied, ['INSIDE loopback']],
    ['localhost for the host beside a name for others', [inside, forHost], several, []],
    ['localhost for clients, and nothing else', [here, forHost], several, ['INSIDE loopback', 'HOST loopback']],
    ['a name that stands for loopback', [at('INSIDE', 'node1', ['127.0.1.1'])], several, ['INSIDE loopback']],
  ] as const)('%s', ([, addresses, image, problems]) => {
    expect(said(addresses, image)).toEqual(problems);
  });

  test('each is told with its value, what is wrong and what to do', () => {
    const outside = { ...at('INSIDE', 'out.example.org', []), key: 'odradek.advertised.outside' } as const;
    const around = { image: several, nodeId: 1, interBroker: 'INSIDE' };
    expect(
      addressProblems([outside, at('INSIDE', 'fd00::9', ['fd00::9'], 'EHOSTUNREACH')], around).map(
        ({ what, advice }) => [what, advice],
      ),
    ).toEqual([
      [
        'odradek.advertised.outside: INSIDE://out.example.org:9092: this machine knows no address of out.example.org',
        'check the name, or name a host that all clients can resolve',
      ],
      [
        'advertised.listeners: INSIDE://[fd00::9]:9092: this machine itself cannot connect to it (EHOSTUNREACH)',
        'if clients cannot either, advertise what they reach, or auto',
      ],
    ]);
  });
});
