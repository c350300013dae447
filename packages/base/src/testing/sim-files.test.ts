import { expect, test } from 'vitest';
import { StorageFault } from '../outcome.ts';
import { Prng } from '../prng.ts';
import { PowerCut, SimFiles } from './sim-files.ts';

const text = (files: SimFiles, path: string): string | undefined => files.peek(path)?.toString();

function write(files: SimFiles, path: string, content: string, at = 0): void {
  const handle = files.open(path, 'write');
  handle.writeSync([Buffer.from(content)], at);
  handle.close();
}

/** What is found over many draws of luck. */
function outcomes(
  prepare: (files: SimFiles) => void,
  look: (files: SimFiles) => string | undefined,
): Set<string | undefined> {
  const seen = new Set<string | undefined>();
  for (let seed = 1; seed <= 60; seed += 1) {
    const files = new SimFiles();
    files.makeDirectory('/d');
    files.syncDirectory('/');
    prepare(files);
    files.cutPowerNow();
    files.restart(new Prng(seed));
    seen.add(look(files));
  }
  return seen;
}

test('sim files: what was synced, names included, survives a power cut', () => {
  const seen = outcomes(
    (files) => {
      const handle = files.open('/d/f', 'write');
      handle.writeSync([Buffer.from('abc'), Buffer.from('def')], 0);
      handle.syncNow();
      files.syncDirectory('/d');
      handle.close();
    },
    (files) => text(files, '/d/f'),
  );
  expect(seen).toEqual(new Set(['abcdef']));
});

test('sim files: a synced file whose name was not synced may be gone', () => {
  const seen = outcomes(
    (files) => {
      const handle = files.open('/d/f', 'write');
      handle.writeSync([Buffer.from('abc')], 0);
      handle.syncNow();
    },
    (files) => text(files, '/d/f'),
  );
  expect(seen).toEqual(new Set([undefined, 'abc']));
});

test('sim files: unsynced writes are kept, lost or torn, and a later one never without the earlier', () => {
  const seen = outcomes(
    (files) => {
      write(files, '/d/f', 'a'.repeat(600));
      files.syncDirectory('/d');
      write(files, '/d/f', 'b', 600);
    },
    (files) =>
      (text(files, '/d/f') ?? '').replaceAll(/(.)\1*/g, (run) => `${run[0] === '\0' ? '0' : run[0]}${run.length} `),
  );
  expect(seen).toContain('');
  expect(seen).toContain('a600 b1 ');
  expect(Array.from(seen).some((found) => found?.startsWith('a512 ') || found?.includes('0512'))).toBe(true);
  expect(Array.from(seen).filter((found) => found?.includes('b'))).toEqual(['a600 b1 ']);
});

test('sim files: a rename is there or not; the old content is never mixed with the new', () => {
  const seen = outcomes(
    (files) => {
      const old = files.open('/d/f', 'write');
      old.writeSync([Buffer.from('old')], 0);
      old.syncNow();
      files.syncDirectory('/d');
      const next = files.open('/d/f.tmp', 'write');
      next.writeSync([Buffer.from('new')], 0);
      next.syncNow();
      files.rename('/d/f.tmp', '/d/f');
    },
    (files) => text(files, '/d/f'),
  );
  expect(seen).toEqual(new Set(['old', 'new']));
});

test('sim files: a sync covers what was written before it was called, not after', async () => {
  const seen = new Set<string | undefined>();
  for (let seed = 1; seed <= 20; seed += 1) {
    const files = new SimFiles();
    files.makeDirectory('/d');
    files.syncDirectory('/');
    const handle = files.open('/d/f', 'write');
    files.syncDirectory('/d');
    handle.writeSync([Buffer.from('abc')], 0);
    const syncing = handle.sync();
    handle.writeSync([Buffer.from('def')], 3);
    await syncing;
    files.cutPowerNow();
    expect(() => handle.sizeBytes()).toThrow(PowerCut);
    files.restart(new Prng(seed));
    seen.add(text(files, '/d/f')?.slice(0, 3));
    seen.add(text(files, '/d/f'));
  }
  expect(seen).toContain('abc');
  expect(seen).toContain('abcdef');
  expect(Array.from(seen).every((found) => found?.startsWith('abc'))).toBe(true);
});

test('sim files: the power goes at the very change that is named', () => {
  const files = new SimFiles();
  files.makeDirectory('/d');
  files.cutPowerAt(files.writePoints + 2);
  const handle = files.open('/d/f', 'write');
  expect(() => handle.writeSync([Buffer.from('a')], 0)).toThrow(PowerCut);
  expect(files.isOff).toBe(true);
  expect(() => files.list('/d')).toThrow(PowerCut);
});

test('sim files: a full disk takes a part of the write and says ENOSPC; removal makes room', () => {
  const files = new SimFiles({ capacityBytes: 10 });
  files.makeDirectory('/d');
  write(files, '/d/f', 'abcdef');
  expect(() => write(files, '/d/g', 'ghijkl')).toThrow(StorageFault);
  expect(text(files, '/d/g')).toBe('ghij');
  expect(files.freeBytes('/d')).toBe(0);
  files.remove('/d/f');
  expect(files.freeBytes('/d')).toBe(6);
});

test('sim files: a device that fails, a file system that is read-only, a lock that is taken', () => {
  const files = new SimFiles();
  files.makeDirectory('/d');
  write(files, '/d/f', 'a');
  files.failWhen((point, path) => (point === 'write' && path === '/d/f' ? 'EIO' : undefined));
  expect(() => write(files, '/d/f', 'b')).toThrow(expect.objectContaining({ systemCode: 'EIO' }));
  files.failWhen(undefined);
  files.setReadOnly(true);
  expect(() => write(files, '/d/f', 'b')).toThrow(expect.objectContaining({ systemCode: 'EROFS' }));
  expect(files.open('/d/f', 'read').sizeBytes()).toBe(1);
  expect([files.lock('/d/.lock'), files.lock('/d/.lock')]).toEqual([true, false]);
  files.killProcess();
  expect(files.lock('/d/.lock')).toBe(true);
});

test('sim files: a sync of the file system keeps all that was there when it began, names and bytes', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const files = new SimFiles();
    files.makeDirectory('/d');
    write(files, '/d/f', 'abc');
    const syncing = files.syncFileSystem('/d');
    write(files, '/d/later', 'x');
    expect(await syncing).toBe(true);
    files.cutPowerNow();
    files.restart(new Prng(seed));
    expect(text(files, '/d/f')).toBe('abc');
  }
});
