/** Groups as tables with Kafka's columns, and as JSON. Pure: what is printed, but not where. */
import type { OffsetRow as NewOffsetRow } from './csv.ts';
import type { Group, Member, PartitionFacts } from './kinds.ts';
import { assignmentText, comparePartitions, compareText, countPartitions, flatten, keyOf } from './partitions.ts';
import { MISSING, orMissing, type Cell, type Column } from './table.ts';
import { showDuration } from './time.ts';

export type Table = { readonly columns: readonly Column[]; readonly rows: readonly (readonly Cell[])[] };

/** A partition and who reads it. */
export type OffsetRow = { readonly facts: PartitionFacts; readonly member: Member | undefined };

const column = (title: string, minWidth = 0): Column => ({ title, minWidth });
const GROUP = column('GROUP', 15);
const WIDE = 15;

/** Rows in Kafka's order: members with most partitions first, then what nobody owns. */
export function offsetRows(group: Group, partitions: readonly PartitionFacts[]): OffsetRow[] {
  const facts = new Map(partitions.map((each) => [keyOf(each.topic, each.partition), each]));
  const rows: OffsetRow[] = [];
  const owned = new Set<string>();
  const owners = group.members
    .filter(({ assignment }) => countPartitions(assignment) > 0)
    .toSorted((left, right) => countPartitions(right.assignment) - countPartitions(left.assignment));
  for (const member of owners) {
    for (const at of flatten(member.assignment).toSorted(comparePartitions)) {
      const key = keyOf(at.topic, at.partition);
      owned.add(key);
      rows.push({ facts: facts.get(key) ?? unknownFacts(at), member });
    }
  }
  for (const each of partitions.toSorted(comparePartitions)) {
    const left = !owned.has(keyOf(each.topic, each.partition)) && each.committedOffset !== undefined;
    if (left) rows.push({ facts: each, member: undefined });
  }
  return rows;
}

function unknownFacts({ topic, partition }: { readonly topic: string; readonly partition: number }): PartitionFacts {
  return {
    topic,
    partition,
    committedOffset: undefined,
    committedLeaderEpoch: undefined,
    logEndOffset: undefined,
    lag: undefined,
    lagMs: undefined,
    note: undefined,
  };
}

export type OffsetColumns = { readonly verbose: boolean; readonly timeLag: boolean };

/** TIME-LAG stands last, so that scripts which cut Kafka's columns by number find them. */
export function offsetsTable(groupId: string, rows: readonly OffsetRow[], { verbose, timeLag }: OffsetColumns): Table {
  const columns = [
    GROUP,
    column('TOPIC', WIDE),
    column('PARTITION', 10),
    ...(verbose ? [column('LEADER-EPOCH', WIDE)] : []),
    column('CURRENT-OFFSET', WIDE),
    column('LOG-END-OFFSET', WIDE),
    column('LAG', WIDE),
    column('CONSUMER-ID', WIDE),
    column('HOST', WIDE),
    column('CLIENT-ID', timeLag ? WIDE : 0),
    ...(timeLag ? [column('TIME-LAG')] : []),
  ];
  return {
    columns,
    rows: rows.map(({ facts, member }) => [
      groupId,
      facts.topic,
      String(facts.partition),
      ...(verbose ? [orMissing(facts.committedLeaderEpoch)] : []),
      orMissing(facts.committedOffset),
      orMissing(facts.logEndOffset),
      lagCell(facts.lag),
      orMissing(member?.memberId),
      orMissing(member?.host),
      orMissing(member?.clientId),
      ...(timeLag ? [facts.lagMs === undefined ? MISSING : showDuration(facts.lagMs)] : []),
    ]),
  };
}

function lagCell(lag: number | undefined): Cell {
  if (lag === undefined) return MISSING;
  return { text: String(lag), style: lag === 0 ? 'green' : 'yellow' };
}

export function membersTable(group: Group, verbose: boolean): Table {
  const withInstance = group.members.some(({ instanceId }) => orMissing(instanceId) !== MISSING);
  const mixed = new Set(group.members.map(({ upgraded }) => upgraded).filter((each) => each !== undefined)).size > 1;
  const epochs = [
    column('CURRENT-EPOCH', WIDE),
    column('CURRENT-ASSIGNMENT', 20),
    column('TARGET-EPOCH', WIDE),
    column('TARGET-ASSIGNMENT', 20),
    ...(mixed ? [column('UPGRADED')] : []),
  ];
  return {
    columns: [
      GROUP,
      column('CONSUMER-ID', WIDE),
      ...(withInstance ? [column('GROUP-INSTANCE-ID', 17)] : []),
      column('HOST', WIDE),
      column('CLIENT-ID', WIDE),
      column('#PARTITIONS', WIDE),
      ...(verbose ? epochs : []),
    ],
    rows: group.members.map((member) => [
      group.groupId,
      member.memberId,
      ...(withInstance ? [member.instanceId ?? ''] : []),
      member.host,
      member.clientId,
      String(countPartitions(member.assignment)),
      ...(verbose ? epochCells(group, member, mixed) : []),
    ]),
  };
}

function epochCells(group: Group, member: Member, mixed: boolean): Cell[] {
  return [
    orMissing(member.epoch),
    orMissing(assignmentText(member.assignment)),
    orMissing(group.assignmentEpoch),
    orMissing(assignmentText(member.target ?? [])),
    ...(mixed ? [orMissing(member.upgraded === undefined ? undefined : String(member.upgraded))] : []),
  ];
}

export function stateTable(group: Group, verbose: boolean): Table {
  const { host, port, nodeId } = group.coordinator;
  return {
    columns: [
      GROUP,
      column('COORDINATOR (ID)', 25),
      column('ASSIGNMENT-STRATEGY', 20),
      column('STATE', 20),
      ...(verbose ? [column('GROUP-EPOCH', WIDE), column('TARGET-ASSIGNMENT-EPOCH', 25)] : []),
      column('#MEMBERS'),
    ],
    rows: [
      [
        group.groupId,
        `${host}:${port}  (${nodeId})`,
        orMissing(group.assignor),
        stateCell(group.state),
        ...(verbose ? [orMissing(group.groupEpoch), orMissing(group.assignmentEpoch)] : []),
        String(group.members.length),
      ],
    ],
  };
}

export function stateCell(state: string): Cell {
  if (state === 'Stable') return { text: state, style: 'green' };
  if (state === 'Empty' || state === 'Dead') return { text: state, style: 'dim' };
  return { text: orMissing(state), style: 'yellow' };
}

export type Listed = {
  readonly groupId: string;
  readonly protocolType: string;
  readonly type: string;
  readonly state: string;
};

export function listTable(
  groups: readonly Listed[],
  shown: { readonly type: boolean; readonly state: boolean },
): Table {
  const widest = groups.reduce((width, { groupId }) => Math.max(width, groupId.length), WIDE);
  return {
    columns: [
      column('GROUP', widest + 10),
      ...(shown.type ? [column('TYPE', 20)] : []),
      ...(shown.state ? [column('STATE', 20)] : []),
    ],
    rows: groups.map((group) => [
      group.groupId,
      ...(shown.type ? [orMissing(group.type)] : []),
      ...(shown.state ? [stateCell(group.state)] : []),
    ]),
  };
}

export function resetTable(rows: readonly NewOffsetRow[]): Table {
  return {
    columns: [GROUP, column('TOPIC', WIDE), column('PARTITION', 10), column('NEW-OFFSET')],
    rows: rows.map(({ group, topic, partition, offset }) => [group, topic, String(partition), String(offset)]),
  };
}

export type DeletedRow = {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly error: string | undefined;
};

export function deletedTable(rows: readonly DeletedRow[]): Table {
  return {
    columns: [column('TOPIC', WIDE), column('PARTITION', 10), column('STATUS')],
    rows: rows
      .toSorted(
        (left, right) => compareText(left.topic, right.topic) || (left.partition ?? -1) - (right.partition ?? -1),
      )
      .map(({ topic, partition, error }) => [
        topic,
        orMissing(partition),
        error === undefined ? { text: 'Successful', style: 'green' } : { text: `Error: ${error}`, style: 'red' },
      ]),
  };
}

export function offsetsJson(group: Group, rows: readonly OffsetRow[]): object {
  const known = rows.filter(({ facts }) => facts.lag !== undefined);
  const lags = rows.map(({ facts }) => facts.lagMs).filter((each) => each !== undefined);
  return {
    group: group.groupId,
    type: group.type,
    state: group.state,
    members: group.members.length,
    lag: known.reduce((sum, { facts }) => sum + (facts.lag ?? 0), 0),
    lagMs: lags.length === 0 ? null : lags.reduce((left, right) => Math.max(left, right)),
    partitions: rows.map(({ facts, member }) => ({
      topic: facts.topic,
      partition: facts.partition,
      committedOffset: facts.committedOffset ?? null,
      leaderEpoch: facts.committedLeaderEpoch ?? null,
      logEndOffset: facts.logEndOffset ?? null,
      lag: facts.lag ?? null,
      lagMs: facts.lagMs ?? null,
      memberId: member?.memberId ?? null,
      instanceId: member?.instanceId ?? null,
      host: member?.host ?? null,
      clientId: member?.clientId ?? null,
      note: facts.note ?? null,
    })),
  };
}

export function membersJson(group: Group): object {
  return {
    group: group.groupId,
    type: group.type,
    state: group.state,
    assignmentEpoch: group.assignmentEpoch ?? null,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId ?? null,
      rackId: member.rackId ?? null,
      clientId: member.clientId,
      host: member.host,
      epoch: member.epoch ?? null,
      partitions: countPartitions(member.assignment),
      assignment: flatten(member.assignment).toSorted(comparePartitions),
      target: member.target === undefined ? null : flatten(member.target).toSorted(comparePartitions),
      upgraded: member.upgraded ?? null,
      subscribedTopics: member.subscribedTopics ?? null,
      subscribedRegex: member.subscribedRegex ?? null,
    })),
  };
}

export function stateJson(group: Group): object {
  return {
    group: group.groupId,
    type: group.type,
    state: group.state,
    coordinator: group.coordinator,
    assignor: group.assignor === '' ? null : group.assignor,
    groupEpoch: group.groupEpoch ?? null,
    assignmentEpoch: group.assignmentEpoch ?? null,
    members: group.members.length,
    authorizedOperations: group.authorizedOperations ?? null,
  };
}
