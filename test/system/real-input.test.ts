/** A few hundred MB of real text of this machine through the command line and back, byte for byte. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeRealInput, stream, type RealInput } from '../support/real-input.ts';
import { must, odradek } from '../support/run.ts';
import { freshName, target, type Target } from '../support/target.ts';

const MEGABYTES = 250;
/** Far below the size of the input: what the commands hold does not grow with it. */
const PEAK_RSS_MB_MAX = 450;

let cluster: Target;
let directory: string;
let input: RealInput;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-real-'));
  input = makeRealInput(join(directory, 'input.txt'), MEGABYTES);
  cluster = await target();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

test('real input: hundreds of MB through produce and consume have the same checksum', async () => {
  const place = ['--topic', freshName('real'), '--bootstrap-server', cluster.bootstrap];
  await must(odradek('topics', 'create', '--partitions', '1', ...place));
  const produced = await stream(['produce', ...place], input.path);
  const consumed = await stream(['consume', '--from-beginning', '--exit-at-end', ...place], undefined);
  expect(consumed.bytes).toBe(input.bytes);
  expect(consumed.sha256).toBe(input.sha256);
  expect(produced.peakRssMb).toBeLessThan(PEAK_RSS_MB_MAX);
  expect(consumed.peakRssMb).toBeLessThan(PEAK_RSS_MB_MAX);
});
