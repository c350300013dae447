/** The process itself. */
import { metric } from '../row.ts';

export const nodeMetrics = {
  odradek_build_info: metric({
    kind: 'gauge',
    labels: ['version', 'kafka'],
    help: '1; the labels tell the versions.',
    kafka: 'kafka.server:type=app-info version',
    panel: { group: 'Process', title: 'Versions' },
  }),
  odradek_start_seconds: metric({
    kind: 'gauge',
    labels: [],
    help: 'Time from the start of the process to readiness.',
    kafka: '',
    panel: { group: 'Process', title: 'Time of the last start' },
  }),
  odradek_log_lines_total: metric({
    kind: 'counter',
    labels: ['level'],
    help: 'Lines logged as warning or error.',
    kafka: '',
    panel: { group: 'Process', title: 'Warnings and errors logged' },
  }),
} as const;
