/** A large text of this machine through `produce` and `consume`: how fast, with how much memory, and whether it is the same text. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnKafka } from '@odradek/testkit/process';
import { makeRealInput, stream, type Streamed } from '../../test/support/real-input.ts';
import { must, odradek } from '../../test/support/run.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export async function benchRealInput(options: { readonly megabytes: number; readonly write: boolean }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-real-'));
  try {
    const input = makeRealInput(join(directory, 'input.txt'), options.megabytes);
    await using node = await spawnKafka();
    const place = ['--topic', 'real', '--bootstrap-server', node.bootstrap];
    await must(odradek('topics', 'create', '--partitions', '1', ...place));
    const produced = await stream(['produce', '--quiet', ...place], input.path);
    const consumed = await stream(['consume', '--from-beginning', '--exit-at-end', ...place], undefined);
    const row = (what: string, { seconds, peakRssMb }: Streamed): string[] => [
      what,
      (input.bytes / 1e6 / seconds).toFixed(1),
      Math.round(input.lines / seconds).toLocaleString('en'),
      peakRssMb.toFixed(0),
    ];
    const same =
      consumed.sha256 === input.sha256 ? 'the same' : `DIFFERENT: ${consumed.sha256}, written ${input.sha256}`;
    const about = `${(input.bytes / 1e6).toFixed(0)} MB, ${input.lines} lines; the SHA-256 of what came back is ${same}. ${circumstances()}`;
    const table = markdownTable(
      ['command', 'MB/s', 'lines/s', 'peak memory, MB'],
      [row('produce', produced), row('consume', consumed)],
    );
    process.stdout.write(`${about}\n\n${table}\n`);
    if (options.write) writeSection('real-input', `${about}\n\n${table}`);
    if (consumed.sha256 !== input.sha256) throw new Error('what was consumed is not what was produced');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
