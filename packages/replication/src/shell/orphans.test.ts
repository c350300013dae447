import { MetricsRegistry, silent } from '@odradek/base';
import { SimClock, SimFiles } from '@odradek/base/testing';
import { writeMetaProperties } from '@odradek/log';
import { append, makeBatch, openLog, openManager, TOPIC_ID } from '@odradek/log/testing';
import { MetadataImage, record } from '@odradek/metadata';
import { expect, test } from 'vitest';
import { AlterLogDirs } from './alter-log-dirs.ts';
import { promoteOrphans } from './orphans.ts';

const [A, B] = ['AAAAAAAAAAAAAAAAAAAAAQ', 'BBBBBBBBBBBBBBBBBBBBBA'];

/** Metadata of one partition on broker 1, which is said to lie in that directory. */
function imageWith(directory: string, topicId = TOPIC_ID): MetadataImage {
  const image = new MetadataImage();
  const partition = {
    partitionId: 0,
    topicId,
    replicas: [1],
    isr: [1],
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderRecoveryState: 0,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [directory],
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  };
  const records = [record('TopicRecord', { name: 'topic', topicId }), record('PartitionRecord', partition)];
  image.applyBatch({ records, endOffset: 2, epoch: 1 });
  return image;
}

/** A disk on which the log of a replica has vanished from /a, while its whole copy waited in /b for the controller. */
async function vanished(): Promise<SimFiles> {
  const [files, clock] = [new SimFiles(), new SimClock()];
  for (const [path, directoryId] of [
    ['/a', A],
    ['/b', B],
  ] as const) {
    files.makeDirectory(path);
    writeMetaProperties(files, path, { clusterId: 'test', nodeId: 1, directoryId });
  }
  const logs = await openManager({ files, clock, logDirs: ['/a', '/b'] });
  const log = openLog(logs);
  for (const value of ['a', 'b', 'c']) append(log, makeBatch({ values: [value] }));
  const mover = new AlterLogDirs({
    clock,
    log: silent,
    metrics: new MetricsRegistry(),
    logs,
    teller: { moving: () => new Promise(() => undefined), settled: () => undefined },
    settings: () => ({ bytesPerSecond: Infinity, movesAtOnce: 1 }),
    chunkBytes: 1_000,
    bug: (cause) => {
      throw cause;
    },
  });
  mover.move(log, '/b');
  await clock.advance(100);
  expect(log.future?.logEndOffset).toBe(3);
  mover.close();
  await logs.close();
  files.remove('/a/topic-0');
  return files;
}

test.for([
  ['the controller knows it as the place of the replica', B, TOPIC_ID, true],
  ['the controller knows another place', A, TOPIC_ID, false],
  ['it is of another topic of that name', B, 'CCCCCCCCCCCCCCCCCCCCCA', false],
] as const)(
  'orphans: a copy without its log becomes the log only when it had caught up: %s',
  async ([, at, id, isPromoted]) => {
    const logs = await openManager({ files: await vanished(), logDirs: ['/a', '/b'], seed: 2 });
    promoteOrphans({ nodeId: 1, log: silent, logs }, imageWith(at, id));
    const log = logs.get('topic', 0);
    expect([log?.logDirectory, log?.logEndOffset]).toEqual(isPromoted ? ['/b', 3] : [undefined, undefined]);
    expect(logs.futures.orphans()).toHaveLength(isPromoted ? 0 : 1);
  },
);
