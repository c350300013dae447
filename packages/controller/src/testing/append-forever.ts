/** Run as a process of its own by the store's test: appends until it is killed, with a snapshot now and then. */
import { writeSync } from 'node:fs';
import { systemPorts } from '@odradek/base/system';
import { record } from '@odradek/metadata';
import { openLevelStore } from '../shell/level-store.ts';

const store = await openLevelStore(process.argv[2] ?? '', systemPorts().files);
const { snapshot, batches } = await store.load();
let end = batches.at(-1)?.endOffset ?? snapshot?.endOffset ?? 0;
for (;;) {
  end += 1;
  const next = record('ProducerIdsRecord', { brokerId: 1, brokerEpoch: 1, nextProducerId: end });
  await store.append({ records: [next], endOffset: end, epoch: 1 });
  if (end % 7 === 0) await store.saveSnapshot({ records: [next], endOffset: end, epoch: 1 });
  writeSync(1, `${end}\n`);
}
