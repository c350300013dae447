/** What `odradek quorum recover` tells: who goes on, who is lost, what is kept and what may be missing, and what to do next. */
import { showEndpoint, type Endpoint } from './quorum.ts';

type Voter = { readonly id: number; readonly directoryId: string; readonly endpoints: readonly Endpoint[] };

/** As `packages/server/src/shell/recover-main.ts` prints it. */
export type Recovery = {
  /** Whether the properties of the nodes name the voters. */
  readonly isStatic: boolean;
  readonly clusterId: string;
  readonly directory: string;
  readonly report: {
    readonly isDone: boolean;
    readonly survivor: Voter;
    readonly votersBefore: readonly Voter[];
    readonly votersLost: readonly Voter[];
    readonly epochBefore: number;
    readonly epochAfter: number;
    readonly committedOffset: number;
    readonly end: { readonly offset: number; readonly epoch: number };
    readonly tail: { readonly fromOffset: number; readonly toOffset: number; readonly entryCount: number };
    readonly warnings: readonly string[];
  };
};

export function recoveryLines({ clusterId, directory, report, isStatic }: Recovery): string[] {
  const { survivor, votersBefore, votersLost, epochBefore, epochAfter, committedOffset, tail, end } = report;
  const ids = (voters: readonly Voter[]): string => voters.map(({ id }) => id).join(', ') || 'none';
  const reached = survivor.endpoints.map(showEndpoint).join(', ');
  const rows: [string, string][] = [
    ['Cluster', clusterId],
    ['Survivor', `controller ${survivor.id}, directory id ${survivor.directoryId}, reached at ${reached}`],
    ['Metadata log', directory],
    ['Voters before', ids(votersBefore)],
    ['Voters lost', ids(votersLost)],
    ['Epoch', `${epochBefore}, then ${epochAfter}`],
    ['Committed for certain', `up to offset ${committedOffset}`],
    ['Kept', `up to offset ${end.offset}: ${tail.entryCount} entries more`],
  ];
  const what = report.isDone ? 'is now' : 'would be';
  return [
    ...rows.map(([name, value]) => `${`${name}:`.padEnd(24)}${value}`),
    '',
    'What may be missing:',
    ...report.warnings.map((warning) => `  - ${warning}`),
    '  - Partitions whose replicas were all on lost nodes stay without a leader.',
    '',
    `Controller ${survivor.id} ${what} the only voter.`,
    ...(report.isDone ? nextSteps(survivor, isStatic) : ['Nothing was changed: give --yes to do it.']),
  ];
}

function nextSteps({ endpoints }: Voter, isStatic: boolean): string[] {
  const [first] = endpoints;
  const address = first === undefined ? '' : showEndpoint(first).replace(/^.*:\/\//, '');
  const change = `on every node, replace controller.quorum.voters by controller.quorum.bootstrap.servers=${address}`;
  return [
    ...(isStatic ? [`The voters are no longer those of the properties: ${change}.`] : []),
    'Start the nodes that are left. Start lost controllers with empty directories, then make them voters: `odradek quorum add`.',
  ];
}
