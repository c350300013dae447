import { expect, test } from 'vitest';
import { main } from './main.ts';

async function run(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  return { code: await main(args, print, () => 7), lines };
}

test('sim: says how many seeds passed, in its last line', async () => {
  expect((await run('--seeds', '3', '--from', '1')).lines.at(-1)).toBe('3 passed, 0 failed');
  expect((await run('--seeds', '2', '--from', '1', '--gear', 'controllers')).lines.at(-1)).toBe('2 passed, 0 failed');
});

test('sim: one seed is run in every gear, unless one is chosen', async () => {
  const all = await run('--seed', '1');
  expect(all.code).toBe(0);
  expect(all.lines.filter((line) => line.includes('every claim held'))).toEqual([
    expect.stringContaining('(raft: '),
    expect.stringContaining('(controllers: '),
    expect.stringContaining('(cluster: '),
  ]);
  const { lines } = await run('--seed', '1', '--gear', 'raft');
  expect(lines.filter((line) => line.includes('every claim held'))).toHaveLength(1);
});

test('sim: every tenth of many seeds is run in the long gears, too', async () => {
  const [ninth, tenth] = [await run('--seeds', '1', '--from', '9'), await run('--seeds', '1', '--from', '10')];
  expect([ninth.code, tenth.code]).toEqual([0, 0]);
});

test('sim: help and mistakes are told', async () => {
  expect((await run('--seeds', 'x')).code).toBe(2);
  expect((await run('--sead', '1')).lines[0]).toContain("'--sead'");
  expect((await run('--seed', '1', '--gear', 'third')).lines[0]).toContain("'third'");
  expect((await run('--help')).code).toBe(0);
});
