import { MetadataImage, record, type MetadataRecord } from '@odradek/metadata';
import { expect, test } from 'vitest';
import { placeOf, strangerProblem } from './peers.ts';

function registered(brokerId: number, brokerEpoch: number, port: number): MetadataRecord {
  const endPoints = ['PLAINTEXT', 'INSIDE'].map((name, at) => ({
    name,
    host: `b${brokerId}.${name.toLowerCase()}`,
    port: port + at,
    securityProtocol: 0,
    auto: null,
  }));
  return record('RegisterBrokerRecord', {
    brokerId,
    isMigratingZkBroker: false,
    incarnationId: 'IIIIIIIIIIIIIIIIIIIIIA',
    brokerEpoch,
    endPoints,
    features: [],
    rack: null,
    fenced: true,
    inControlledShutdown: false,
    logDirs: [],
    cordonedLogDirs: null,
  });
}

function imageOf(...records: readonly MetadataRecord[]): MetadataImage {
  const image = new MetadataImage();
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

test('a broker is dialled where it has registered the listener that brokers use, in the life that listens there', () => {
  const image = imageOf(registered(2, 5, 9_000));
  expect(placeOf(image, 2, 'INSIDE')).toEqual({ host: 'b2.inside', port: 9_001, brokerEpoch: 5 });
  image.applyBatch({ records: [registered(2, 9, 7_000)], endOffset: image.endOffset + 1, epoch: 1 });
  expect(placeOf(image, 2, 'INSIDE')).toEqual({ host: 'b2.inside', port: 7_001, brokerEpoch: 9 });
});

test('a broker that is not registered, or has no such listener, is nowhere', () => {
  const image = imageOf(registered(2, 5, 9_000));
  expect(placeOf(image, 3, 'INSIDE')).toBeUndefined();
  expect(placeOf(image, 2, 'OTHER')).toBeUndefined();
});

test('a node that is not registered as a broker, and one that bears our own id, are refused in words', () => {
  const image = imageOf(registered(1, 4, 8_000), registered(2, 5, 9_000));
  expect(strangerProblem(image, 2, 1)).toBeUndefined();
  expect(strangerProblem(image, 7, 1)).toMatch(/node 7 is not registered as a broker/);
  expect(strangerProblem(image, 1, 1)).toMatch(/node.id/);
});
