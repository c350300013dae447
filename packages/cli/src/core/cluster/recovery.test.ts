import { expect, test } from 'vitest';
import { recoveryLines, type Recovery } from './recovery.ts';

const voter = (id: number) => ({
  id,
  directoryId: 'AQEBAQEBAQEBAQEBAQEBAQ',
  endpoints: [{ name: 'CONTROLLER', host: `node-${id}`, port: 9093 }],
});
const recovery = (isDone: boolean, isStatic = true): Recovery => ({
  isStatic,
  clusterId: 'c',
  directory: '/data/__cluster_metadata-0',
  report: {
    isDone,
    survivor: voter(1),
    votersBefore: [voter(1), voter(2), voter(3)],
    votersLost: [voter(2), voter(3)],
    epochBefore: 7,
    epochAfter: 8,
    committedOffset: 100,
    end: { offset: 140, epoch: 7 },
    tail: { fromOffset: 100, toOffset: 140, entryCount: 12 },
    warnings: ['something is gone'],
  },
});

test('recovery: a rehearsal says what would be, what may be missing, and how to do it', () => {
  const lines = recoveryLines(recovery(false));
  expect(lines.slice(0, 8)).toEqual([
    'Cluster:                c',
    'Survivor:               controller 1, directory id AQEBAQEBAQEBAQEBAQEBAQ, reached at CONTROLLER://node-1:9093',
    'Metadata log:           /data/__cluster_metadata-0',
    'Voters before:          1, 2, 3',
    'Voters lost:            2, 3',
    'Epoch:                  7, then 8',
    'Committed for certain:  up to offset 100',
    'Kept:                   up to offset 140: 12 entries more',
  ]);
  expect(lines).toContain('  - something is gone');
  expect(lines.slice(-2)).toEqual([
    'Controller 1 would be the only voter.',
    'Nothing was changed: give --yes to do it.',
  ]);
});

test('recovery: once done, it says what the other nodes need', () => {
  const named = recoveryLines(recovery(true));
  expect(named).toContain('Controller 1 is now the only voter.');
  const change = 'replace controller.quorum.voters by controller.quorum.bootstrap.servers=node-1:9093';
  expect(named).toContain(`The voters are no longer those of the properties: on every node, ${change}.`);
  expect(named.at(-1)).toContain('odradek quorum add');
  expect(recoveryLines(recovery(true, false)).join('\n')).not.toContain('controller.quorum.voters');
});
