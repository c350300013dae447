import { expect, test } from 'vitest';
import { UUID_ZERO } from '@odradek/base';
import { ConfigResourceType, ErrorCode, type DeleteTopicsRequest } from '@odradek/protocol';
import { Harness, type HarnessOptions } from '../testing/harness.ts';

const UNKNOWN_ID = 'dW5rbm93bnVua25vd251bg';

function withTopics(options: HarnessOptions = {}): Harness {
  const harness = new Harness({ brokers: [1], ...options });
  harness.create({ name: 'a', configs: { 'retention.ms': '1' } }, { name: 'b' });
  return harness;
}

const idOf = (harness: Harness, name: string): string => harness.image.topics.byName(name)?.id ?? UUID_ZERO;

function remove(harness: Harness, asked: Partial<DeleteTopicsRequest>) {
  const request = { topics: [], topicNames: [], timeoutMs: 1_000, ...asked };
  return harness.admin({ kind: 'deleteTopics', request }).responses;
}

test('deleteTopics: by name (to version 5) and by id (version 6), the answer holds both', () => {
  const harness = withTopics();
  const [a, b] = [idOf(harness, 'a'), idOf(harness, 'b')];
  expect(remove(harness, { topicNames: ['a'] })).toEqual([{ name: 'a', topicId: a, errorCode: 0, errorMessage: null }]);
  expect(remove(harness, { topics: [{ name: null, topicId: b }] })).toEqual([
    { name: 'b', topicId: b, errorCode: 0, errorMessage: null },
  ]);
  expect(harness.image.topics.size).toBe(0);
  expect(harness.image.configs.names(ConfigResourceType.TOPIC)).toEqual([]);
});

test('deleteTopics: what is not there is refused as the kind of its naming', () => {
  const harness = withTopics();
  const responses = remove(harness, {
    topics: [
      { name: 'none', topicId: UUID_ZERO },
      { name: null, topicId: UNKNOWN_ID },
    ],
  });
  const codes = new Map(responses.map((each) => [each.name ?? each.topicId, each.errorCode]));
  expect(codes).toEqual(
    new Map<string, number>([
      [UNKNOWN_ID, ErrorCode.UNKNOWN_TOPIC_ID],
      ['none', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]),
  );
});

test('deleteTopics: a topic named twice, in no way, or in two ways, is refused and stays', () => {
  const harness = withTopics();
  const [a, b] = [idOf(harness, 'a'), idOf(harness, 'b')];
  const said = (asked: Partial<DeleteTopicsRequest>) =>
    remove(harness, asked).map((each) => [each.errorCode, each.errorMessage]);
  const code = ErrorCode.INVALID_REQUEST;
  expect(said({ topicNames: ['a', 'a'] })).toEqual([[code, 'Duplicate topic name.']]);
  const byId = { name: null, topicId: a };
  expect(said({ topics: [byId, byId] })).toEqual([[code, 'Duplicate topic id.']]);
  expect(said({ topics: [{ name: null, topicId: UUID_ZERO }] })).toEqual([
    [code, 'Neither topic name nor id were specified.'],
  ]);
  expect(said({ topics: [{ name: 'a', topicId: a }] })).toEqual([
    [code, 'You may not specify both topic name and topic id.'],
  ]);
  expect(idOf(harness, 'a')).toBe(a);
  const twice = said({ topics: [byId, { name: 'a', topicId: UUID_ZERO }] });
  expect(twice).toEqual([[code, 'The provided topic name maps to an ID that was already supplied.']]);
  expect(idOf(harness, 'a')).toBe(a);
  expect(idOf(harness, 'b')).toBe(b);
});

test('deleteTopics: with delete.topic.enable=false nothing is deleted', () => {
  const harness = withTopics({ properties: { 'delete.topic.enable': 'false' } });
  expect(remove(harness, { topicNames: ['a'] })[0]?.errorCode).toBe(ErrorCode.TOPIC_DELETION_DISABLED);
  expect(harness.image.topics.byName('a')).toBeDefined();
});
