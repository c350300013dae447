/** Tables of the benchmarks in docs/performance.md, each between its own markers; the text around them is written by people. */
import { cpus, loadavg, totalmem } from 'node:os';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { root } from '../../test/support/run.ts';

const file = `${root}docs/performance.md`;

export function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** What others did on the machine before this began: on a busy one latency tells of them. */
const [loadBefore = Number.NaN] = loadavg();

/** What ran where: figures without their machine mean nothing. */
export function circumstances(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${first?.model.trim() ?? 'cpu'}, ${memory} GiB, Node ${process.version}; the load generator runs on the same machine; load average before: ${loadBefore.toFixed(1)}.`;
}

/** Puts `text` between the markers of `name`, which are added at the end when the file lacks them. */
export function writeSection(name: string, text: string): void {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '# Performance\n';
  const section = `${begin}\n${text.trim()}\n${end}`;
  const from = before.indexOf(begin);
  const to = before.indexOf(end);
  const after =
    from >= 0 && to > from
      ? before.slice(0, from) + section + before.slice(to + end.length)
      : `${before.trimEnd()}\n\n${section}\n`;
  writeFileSync(file, after);
}
