import { expect, test } from 'vitest';
import { ErrorCode, errorName, errors, isRetriable } from './errors.ts';

test('errors: -1 and 0 to the newest without a gap, each name once', () => {
  const codes = errors.map(({ code }) => code).sort((a, b) => a - b);
  expect(codes).toEqual(codes.map((_, i) => i - 1));
  expect(new Set(errors.map(({ name }) => name)).size).toBe(errors.length);
});

test('errors: names, retriability and staleness of metadata are told by code', () => {
  expect(errorName(ErrorCode.NOT_LEADER_OR_FOLLOWER)).toBe('NOT_LEADER_OR_FOLLOWER');
  expect(errorName(9_999)).toBe('UNKNOWN(9999)');
  expect(errors.find(({ code }) => code === ErrorCode.NOT_LEADER_OR_FOLLOWER)).toMatchObject({
    retriable: true,
    invalidMetadata: true,
  });
  expect(isRetriable(ErrorCode.INVALID_REQUEST)).toBe(false);
  expect(isRetriable(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)).toBe(true);
});
