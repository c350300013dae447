/** The report as one file: the chart library is put into it, so that the page works without a network. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pageOf } from '../../core/chaos/page.ts';
import type { Report } from '../../core/chaos/report.ts';
import { CommandError } from '../../core/refusal.ts';

export function writePage(file: string, report: Report): void {
  const library = dirname(fileURLToPath(import.meta.resolve('uplot')));
  const read = (name: string): string => readFileSync(join(library, name), 'utf8');
  const page = pageOf(report, { script: read('uPlot.iife.min.js'), style: read('uPlot.min.css') });
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new CommandError(
      `--html: '${file}' cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}
