import { expect, test } from 'vitest';
import { isWantedGroup, type GroupFilter } from './filters.ts';

const groups = [
  ['Classic', 'consumer'],
  ['Classic', ''],
  ['Classic', 'connect'],
  ['Consumer', 'consumer'],
  ['Share', 'share'],
] as const;
const wanted = (filter: GroupFilter): number[] =>
  groups.flatMap(([type, protocolType], at) => (isWantedGroup({ type, protocolType }, filter) ? [at] : []));

test('groups of consumers are those of the new protocol, and classic ones that are no workers', () => {
  expect(wanted({ kind: 'consumers' })).toEqual([0, 1, 3]);
});

test('a type and a protocol are both asked for, or either', () => {
  expect(wanted({ kind: 'exactly', type: 'Classic', protocol: 'connect' })).toEqual([2]);
  expect(wanted({ kind: 'exactly', type: 'Share', protocol: undefined })).toEqual([4]);
  expect(wanted({ kind: 'exactly', type: undefined, protocol: undefined })).toEqual([0, 1, 2, 3, 4]);
});
