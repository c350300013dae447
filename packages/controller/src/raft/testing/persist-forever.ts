/** Run as a process of its own by the store's test: keeps entries until it is killed or its disk is full, with a snapshot now and then. */
import { writeSync } from 'node:fs';
import { limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { openRaftStore } from '../shell/store.ts';
import { firstVoters } from './store-model.ts';

const [directory = '', entryBytes = '10'] = process.argv.slice(2);
const { files } = systemPorts();
const store = await openRaftStore({ directory, files, limits: limits.production, log: silent, voters: firstVoters });
const { snapshot, entries } = await store.load();
let end = entries.at(-1)?.endOffset ?? snapshot.offset;
let saving: Promise<unknown> | undefined;
try {
  for (let seq = 1; ; seq += 1) {
    const data = Buffer.alloc(Number(entryBytes), `${end} `);
    const entry = { kind: 'data', offset: end, endOffset: end + 1, epoch: 1, data } as const;
    const hardState = { epoch: 1, votedFor: { id: 1, directoryId: 'AAAAAAAAAAAAAAAAAAAAAA' }, recoverTo: 0 };
    await store.persist([{ kind: 'persist', seq, hardState, truncate: null, entries: [entry] }]);
    end += 1;
    writeSync(1, `${end}\n`);
    if (seq % 7 !== 0 || saving !== undefined) continue;
    const parts = [Buffer.from(`state at `), Buffer.from(String(end))];
    saving = store.saveSnapshot({ offset: end, epoch: 1, voters: firstVoters }, parts).then(() => (saving = undefined));
  }
} catch (cause) {
  writeSync(2, `${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exit(3);
}
