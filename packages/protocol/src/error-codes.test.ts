import { expect, test } from 'vitest';
import { ApiKey, apis } from './apis.ts';
import { eachErrorCode } from './error-codes.ts';

function codesIn(key: ApiKey, response: object): number[] {
  const codes: number[] = [];
  eachErrorCode(key, response, (code) => void codes.push(code));
  return codes;
}

test('error codes: those of the whole, of topics and of their partitions are told, NONE is not', () => {
  const partition = (errorCode: number) => ({ errorCode, partitionIndex: 0 });
  const topics = [
    { errorCode: 3, partitions: [] },
    { errorCode: 0, partitions: [partition(5), partition(0), partition(5)] },
  ];
  expect(codesIn(ApiKey.Metadata, { errorCode: 7, topics })).toEqual([7, 3, 5, 5]);
});

test('error codes: an answer may leave out what it does not need, and hold null', () => {
  expect(codesIn(ApiKey.Metadata, {})).toEqual([]);
  expect(codesIn(ApiKey.DescribeTopicPartitions, { topics: [], nextCursor: null })).toEqual([]);
  expect(codesIn(ApiKey.AddPartitionsToTxn, { resultsByTopicV3AndBelow: null, errorCode: -1 })).toEqual([-1]);
});

test('error codes: every API whose answers can say no has a place where it is found', () => {
  const mute = apis.filter(({ key }) => {
    let found = 0;
    // Whatever field is looked at is there, and holds more of the same.
    const answer: object = new Proxy(
      {},
      { get: (_target, name) => (/errorCode$/i.test(String(name)) ? 1 : found > 9 ? [] : [answer]) },
    );
    eachErrorCode(key, answer, () => (found += 1));
    return found === 0;
  });
  expect(mute.map(({ name }) => name)).toEqual([]);
});
