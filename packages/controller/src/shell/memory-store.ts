/** The log of one node that forgets with the process: for in-memory nodes. */
import { UUID_ZERO } from '@odradek/base';
import type { MetadataRecord } from '@odradek/metadata';
import { MemoryRaftStore } from '../raft/shell/memory-store.ts';
import { encodeRecords } from './batch-codec.ts';

export class MemoryStore extends MemoryRaftStore {
  /** @param nodeId the only voter */
  constructor(nodeId = 1) {
    super([{ id: nodeId, directoryId: UUID_ZERO, endpoints: [] }]);
  }

  /** As if a controller before had committed these, and nothing else, in epoch 1. */
  async begin(records: readonly MetadataRecord[]): Promise<void> {
    const epoch = 1;
    const data = encodeRecords(records, epoch);
    const entry = { kind: 'data', offset: 0, endOffset: records.length, epoch, data } as const;
    const hardState = { epoch, votedFor: null, recoverTo: 0 };
    await this.persist([{ kind: 'persist', seq: 1, hardState, truncate: null, entries: [entry] }]);
  }
}
