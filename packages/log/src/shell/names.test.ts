import { expect, test } from 'vitest';
import { parsePartitionDirectory } from './names.ts';

test('names: the last dash parts a topic from its partition, and nothing but a plain number is one', () => {
  expect(parsePartitionDirectory('my-topic-12')).toEqual({ topic: 'my-topic', partition: 12 });
  expect(parsePartitionDirectory('topic-01')).toBeUndefined();
  expect(parsePartitionDirectory('topic-')).toBeUndefined();
  expect(parsePartitionDirectory('meta.properties')).toBeUndefined();
});

test("names: the controller's metadata beside the logs is nobody's log", () => {
  expect(parsePartitionDirectory('__cluster_metadata-0')).toBeUndefined();
});
