import { Prng, silent } from '@odradek/base';
import { PowerCut, drain } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { Compacted, compactedConfig } from '../testing/compacted.ts';
import { openLog, openManager } from '../testing/harness.ts';

const SWAP = /^\d{20}\.log\.swap$/;

/** Two compactions of a durable log; the power goes at `cutAt`. @returns what the disk holds then, when a swap was cut off */
async function cutOff(cutAt: number): Promise<{ truth: Compacted; endOffset: number; swap: string | undefined }> {
  const truth = new Compacted();
  let endOffset = 0;
  try {
    const manager = await truth.openManager();
    const log = openLog(manager, compactedConfig);
    for (let pass = 0; pass < 2; pass += 1) {
      for (let round = 0; round < 25; round += 1) truth.append(log, { keys: [round % 5, 5 + (round % 3), 9] });
      await log.flush();
      endOffset = log.logEndOffset;
      // The first pass is undisturbed, and leaves files that wait for their removal.
      if (pass === 1) truth.files.cutPowerAt(truth.files.writePoints + cutAt);
      await truth.compact(manager, log);
    }
  } catch (cause) {
    if (!(cause instanceof PowerCut)) throw cause;
  }
  await drain();
  truth.files.restart(new Prng(cutAt));
  return { truth, endOffset, swap: truth.files.list('/data/topic-0').find((name) => SWAP.test(name)) };
}

/** How the segment that was to be swapped in turns out to be unreadable. */
const faults: [string, (truth: Compacted, path: string) => void][] = [
  ['a bit has changed', ({ files }, path) => files.damage(path, 100, Buffer.from([0xff, 0xee]))],
  [
    'its last bytes have changed',
    ({ files }, path) => files.damage(path, (files.peek(path)?.length ?? 0) - 3, Buffer.alloc(3, 0x55)),
  ],
  [
    'it cannot be opened',
    ({ files }, path) => files.failWhen((point, at) => (point === 'open' && at === path ? 'EIO' : undefined)),
  ],
];

test.for(faults)(
  'swap: cut off at any point and %s: what it was made of is used, nothing is lost, and it is told',
  async ([, damage]) => {
    let undone = 0;
    for (let cutAt = 1; cutAt < 120; cutAt += 1) {
      const { truth, endOffset, swap } = await cutOff(cutAt);
      if (swap === undefined) continue;
      undone += 1;
      const where = `cut at ${cutAt}`;
      damage(truth, `/data/topic-0/${swap}`);
      const manager = await truth.openManager();
      const log = openLog(manager, compactedConfig);
      expect(manager.status()[0]?.online, where).toBe(true);
      expect(log.logEndOffset, where).toBe(endOffset);
      expect(await truth.complaint(log), where).toBeUndefined();
      truth.files.failWhen(undefined);
      const names = truth.files.list('/data/topic-0');
      expect(
        names.filter((name) => /\.(swap|cleaned|deleted)$/.test(name)),
        where,
      ).toEqual([]);
      expect(names, where).toContain(swap.replace('.swap', '.damaged'));
      expect(
        truth.said.some((said) => said.startsWith('a compaction was cut off and its result cannot be read')),
        where,
      ).toBe(true);
      // It goes on as if the compaction had not been.
      expect(await truth.compact(manager, log), where).toBe(1);
      expect(await truth.complaint(log), where).toBeUndefined();
      await manager.close();
    }
    expect(undone).toBeGreaterThan(8);
  },
);

test('swap: when what it was made of is gone as well, the directory says what to do, the other directories serve, and that way out works', async () => {
  for (let cutAt = 1; cutAt < 120; cutAt += 1) {
    const { truth, swap } = await cutOff(cutAt);
    if (swap === undefined) continue;
    const { files, clock } = truth;
    const base = swap.slice(0, 20);
    for (const name of files.list('/data/topic-0')) {
      if (name === `${base}.log` || name === `${base}.log.deleted`) files.remove(`/data/topic-0/${name}`);
    }
    files.damage(`/data/topic-0/${swap}`, 100, Buffer.from([0xff, 0xee]));
    const open = () =>
      openManager({ files, clock, logDirs: ['/data', '/other'], config: compactedConfig, logger: silent });
    const manager = await open();
    const [status, other] = manager.status();
    expect(status?.online).toBe(false);
    expect(status?.why).toContain('move /data/topic-0 out of it');
    expect(other?.online).toBe(true);
    await manager.close();
    files.rename('/data/topic-0', '/data/lost+found');
    const again = await open();
    expect(again.status().map(({ online }) => online)).toEqual([true, true]);
    await again.close();
    return;
  }
  expect.unreachable('no swap was cut off');
});
