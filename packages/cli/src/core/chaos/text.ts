/** The verdict as a few lines for a terminal. */
import type { Report, Round } from './report.ts';

export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow', text: string) => string;

export function verdictLines(report: Report, paint: Paint): string[] {
  const { writes, gap, rounds, errors, seconds, cluster, settings } = report;
  const verdict = report.verdict === 'kept' ? paint('green', 'kept') : paint('red', 'broken');
  const nodes = `${cluster.nodes.length} ${cluster.nodes.length === 1 ? 'node' : 'nodes'}`;
  const promises = (['lost', 'duplicated', 'outOfOrder', 'misplaced', 'invented'] as const).map((what) => {
    const text = `${words[what]} ${report[what]}`;
    return report[what] === 0 ? text : paint('red', text);
  });
  return [
    `${paint('bold', report.scenario)}: ${verdict}`,
    ...report.violations.map((violation) => paint('red', `  ${violation}`)),
    ...report.partitions.flatMap(({ partition, judgement }) =>
      judgement.examples.map((example) => paint('dim', `  partition ${partition}: ${example}`)),
    ),
    `cluster  ${cluster.clusterId}, ${nodes}; ${settings.partitions} partitions, RF ${settings.replicationFactor}, min ISR ${settings.minInsyncReplicas}`,
    `writes   ${writes.acknowledged} of ${writes.issued} acknowledged in ${seconds} s, ${writes.failed} failed; ${writes.read} read back`,
    `records  ${promises.join(', ')}`,
    `gap      longest ${ms(gap.longestMs)} on partition ${gap.partition}${limitText(report)}`,
    ...(rounds.length === 0 ? [] : roundLines(rounds, report)),
    `errors   visible: ${counted(errors.visible)}; retried: ${counted(errors.retried)}`,
  ];
}

const words = {
  lost: 'lost',
  duplicated: 'duplicated',
  outOfOrder: 'out of order',
  misplaced: 'misplaced',
  invented: 'invented',
} as const;

function limitText({ gap: { longestMs, limitMs } }: Report): string {
  if (limitMs === null) return '';
  return longestMs <= limitMs ? `, within ${limitMs} ms` : `, more than ${limitMs} ms`;
}

function roundLines(rounds: readonly Round[], { gap }: Report): string[] {
  const spread = `median ${ms(gap.medianOfRoundsMs)}, worst ${ms(gap.worstOfRoundsMs)}`;
  const lines = rounds.map(({ round, victims, hitController, longestGapMs, longestGapPartition, fromMs, toMs }) => {
    const who = `${victims.length === 1 ? 'node' : 'nodes'} ${victims.join(', ')}${hitController ? ' (active controller)' : ''}`;
    const took = `${((toMs - fromMs) / 1_000).toFixed(1)} s`;
    return `  ${String(round).padStart(3)}  ${who}: longest gap ${ms(longestGapMs)} on partition ${longestGapPartition}, whole again after ${took}`;
  });
  return [`rounds   ${rounds.length}: ${spread}`, ...lines];
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function counted(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  return entries.length === 0 ? 'none' : entries.map(([what, count]) => `${what} ${count}`).join(', ');
}
