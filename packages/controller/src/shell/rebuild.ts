/** The image anew, from what is committed: the snapshot in force and the log after it. Others have their turn in between. */
import type { Clock, Limits } from '@odradek/base';
import type { MetadataImage, MetadataRecord } from '@odradek/metadata';
import type { Entry } from '../raft/core/messages.ts';
import type { PinnedSnapshot } from '../raft/ports.ts';
import type { RaftDriver } from '../raft/shell/driver.ts';
import { imageOfParts, recordsOf } from './image-parts.ts';

export type RebuildOptions = { readonly driver: RaftDriver; readonly clock: Clock; readonly limits: Limits };

/** @returns undefined when the log begins with a snapshot of another's, which is told next */
export async function rebuiltImage(options: RebuildOptions): Promise<MetadataImage | undefined> {
  const { driver } = options;
  for (;;) {
    const pinned = driver.pinSnapshot();
    const image = await imageAfter(pinned, options).finally(() => pinned.release());
    if (image !== undefined) return image;
    const newest = driver.pinSnapshot();
    newest.release();
    // Otherwise an own one came into force meanwhile.
    if (newest.mark.offset === pinned.mark.offset) return undefined;
  }
}

/** @returns undefined when the log does not reach back to the snapshot any more */
async function imageAfter(pinned: PinnedSnapshot, options: RebuildOptions): Promise<MetadataImage | undefined> {
  const { driver, clock, limits } = options;
  const { image } = await imageOfParts(pinned.mark, pinned.parts());
  for (;;) {
    const at = { offset: image.endOffset, epoch: image.epoch };
    const entries = driver.appliedAfter(at, limits.raftAppliedBytesPerTurn);
    if (entries === undefined || entries.length === 0) return entries === undefined ? undefined : image;
    for (const entry of entries) {
      const { endOffset, epoch } = entry;
      image.applyBatch({ records: recordsIn(entry), endOffset, epoch });
    }
    await new Promise<void>((resolve) => clock.after(0, resolve));
  }
}

/** None in what the quorum says of itself. @throws StorageFault when this version cannot read them */
export function recordsIn(entry: Entry): readonly MetadataRecord[] {
  return entry.kind === 'data' ? recordsOf(entry.data, `the entry at offset ${entry.offset}`) : [];
}
