/** A cluster on one screen: its nodes with what each is, holds and lacks, and how its partitions are. */
import { partitionCounts, type PartitionCounts } from '../doctor/partitions.ts';
import type { LogDir, QuorumFacts, TopicFacts } from '../doctor/facts.ts';
import { counted, showBytes } from '../doctor/check.ts';
import { type Cell, MISSING, type Painter, renderTable } from '../groups/table.ts';
import { tame } from '../tame.ts';

/** A broker as the cluster tells of it, and what it told itself. */
export type BrokerSeen = {
  readonly id: number;
  readonly address: string;
  readonly rack: string | null;
  readonly isFenced: boolean;
  /** undefined: it did not answer. */
  readonly logDirs: readonly LogDir[] | undefined;
};

export type ClusterSeen = {
  readonly clusterId: string;
  readonly metadataVersion: number | undefined;
  readonly brokers: readonly BrokerSeen[];
  readonly quorum: QuorumFacts | undefined;
  /** Of controllers, by id. */
  readonly controllerAddresses: ReadonlyMap<number, string>;
  readonly topics: readonly TopicFacts[];
};

type State = 'up' | 'fenced' | 'no answer' | 'silent' | 'unknown';

export type NodeStatus = {
  readonly id: number;
  readonly roles: readonly ('broker' | 'controller')[];
  readonly isLeader: boolean;
  readonly address: string;
  readonly rack: string | null;
  readonly state: State;
  /** Partitions that it leads, replicas that it should have, and those of them that are not in sync. */
  readonly leads: number;
  readonly replicas: number;
  readonly outOfSync: number;
  /** Records of metadata that it lacks; null: not told. */
  readonly metadataLag: number | null;
  /** Since when it has not had all of it, as long ago. */
  readonly metadataCaughtUpAgoMs: number | null;
  readonly recordBytes: number | null;
  readonly usableBytes: number | null;
  readonly totalBytes: number | null;
  readonly offlineDirs: readonly string[];
};

export type Status = {
  readonly clusterId: string;
  readonly metadataVersion: number | null;
  readonly controllerId: number | null;
  readonly controllerEpoch: number | null;
  /** Why no controller is known to lead; null when one is. */
  readonly controllerTrouble: string | null;
  readonly topics: number;
  readonly partitions: PartitionCounts;
  readonly nodes: readonly NodeStatus[];
};

/** A controller that has not asked for so long is taken for one that is away: the others would have elected by now. */
const SILENT_MS = 5_000;

export function statusOf(seen: ClusterSeen): Status {
  const { quorum, brokers, topics } = seen;
  const voters = (quorum?.replicas ?? []).filter(({ isVoter }) => isVoter).map(({ id }) => id);
  const ids = [...new Set([...brokers.map(({ id }) => id), ...voters])].toSorted((left, right) => left - right);
  const isLed = quorum !== undefined && quorum.leaderId >= 0;
  const running = new Set(brokers.filter(({ isFenced }) => !isFenced).map(({ id }) => id));
  return {
    clusterId: seen.clusterId,
    metadataVersion: seen.metadataVersion ?? null,
    controllerId: isLed ? quorum.leaderId : null,
    controllerEpoch: isLed ? quorum.epoch : null,
    controllerTrouble: isLed ? null : (quorum?.trouble ?? 'nobody told of the quorum in time'),
    topics: topics.length,
    partitions: partitionCounts(topics, running),
    nodes: ids.map((id) => nodeStatus(id, seen, loads(topics))),
  };
}

type Load = { leads: number; replicas: number; outOfSync: number };

function loads(topics: readonly TopicFacts[]): Map<number, Load> {
  const loads = new Map<number, Load>();
  const of = (id: number): Load => {
    const known = loads.get(id) ?? { leads: 0, replicas: 0, outOfSync: 0 };
    loads.set(id, known);
    return known;
  };
  for (const { partitions } of topics) {
    for (const { leader, replicas, isr } of partitions) {
      if (leader !== undefined) of(leader).leads += 1;
      for (const id of replicas) {
        of(id).replicas += 1;
        if (!isr.includes(id)) of(id).outOfSync += 1;
      }
    }
  }
  return loads;
}

function nodeStatus(id: number, seen: ClusterSeen, all: ReadonlyMap<number, Load>): NodeStatus {
  const broker = seen.brokers.find((each) => each.id === id);
  const replica = seen.quorum?.replicas.find((each) => each.id === id);
  const isVoter = replica?.isVoter === true;
  const dirs = broker?.logDirs;
  return {
    id,
    roles: [...(broker === undefined ? [] : (['broker'] as const)), ...(isVoter ? (['controller'] as const) : [])],
    isLeader: seen.quorum?.leaderId === id,
    address: broker?.address ?? seen.controllerAddresses.get(id) ?? '',
    rack: broker?.rack ?? null,
    state: broker === undefined ? controllerState(id, seen) : brokerState(broker),
    ...(all.get(id) ?? { leads: 0, replicas: 0, outOfSync: 0 }),
    metadataLag: replica?.lag ?? null,
    metadataCaughtUpAgoMs: replica?.caughtUpAgoMs ?? null,
    recordBytes: dirs === undefined ? null : dirs.reduce((sum, { replicaBytes }) => sum + replicaBytes, 0),
    ...room(dirs),
    offlineDirs: (dirs ?? []).filter(({ wrong }) => wrong !== undefined).map(({ path }) => path),
  };
}

function brokerState({ isFenced, logDirs }: BrokerSeen): State {
  if (isFenced) return 'fenced';
  return logDirs === undefined ? 'no answer' : 'up';
}

function controllerState(id: number, { quorum }: ClusterSeen): State {
  const replica = quorum?.replicas.find((each) => each.id === id);
  if (quorum?.leaderId === id) return 'up';
  if (replica?.fetchedAgoMs === undefined) return 'unknown';
  return replica.fetchedAgoMs > SILENT_MS ? 'silent' : 'up';
}

/** Directories on one disk tell of the same bytes: those of equal size and room are taken for one. */
function room(dirs: readonly LogDir[] | undefined): Pick<NodeStatus, 'usableBytes' | 'totalBytes'> {
  const disks = new Map<string, { total: number; usable: number }>();
  for (const { totalBytes, usableBytes } of dirs ?? []) {
    if (totalBytes === undefined || usableBytes === undefined) continue;
    disks.set(`${totalBytes}/${usableBytes}`, { total: totalBytes, usable: usableBytes });
  }
  if (disks.size === 0) return { usableBytes: null, totalBytes: null };
  const sum = (of: 'total' | 'usable'): number => [...disks.values()].reduce((all, disk) => all + disk[of], 0);
  return { usableBytes: sum('usable'), totalBytes: sum('total') };
}

const columns = ['NODE', 'ROLES', 'ADDRESS', 'STATE', 'LEADS', 'REPLICAS', 'BEHIND', 'META-LAG', 'RECORDS', 'FREE'].map(
  (title) => ({ title, minWidth: 0 }),
);
/** Of a disk: below it is shown in yellow, below the second in red. */
const LOW_PART = 0.15;
const FULL_PART = 0.05;

export function statusScreen(status: Status, paint: Painter): string[] {
  const { clusterId, metadataVersion, controllerId, controllerTrouble, nodes, topics, partitions } = status;
  const led =
    controllerId === null
      ? paint('red', `no controller is known to lead (${tame(controllerTrouble ?? '')})`)
      : `controller ${controllerId} leads, epoch ${status.controllerEpoch}`;
  const level = metadataVersion === null ? '' : `, metadata.version ${metadataVersion}`;
  return [
    `${paint('bold', `cluster ${tame(clusterId)}`)}: ${led}${level}`,
    `${counted(topics, 'topic')}, ${counted(partitions.total, 'partition')}: ${health(partitions, paint)}`,
    '',
    ...renderTable(columns, nodes.map(row), paint),
    ...nodes.flatMap(({ id, offlineDirs }) =>
      offlineDirs.map((path) => paint('red', `node ${id}: ${tame(path)} is offline`)),
    ),
  ];
}

function health({ offline, underMinIsr, underReplicated, notPreferred }: PartitionCounts, paint: Painter): string {
  const parts = [
    ...(offline > 0 ? [paint('red', `${offline} without a leader`)] : []),
    ...(underMinIsr > 0 ? [paint('red', `${underMinIsr} under min ISR`)] : []),
    ...(underReplicated > 0 ? [paint('yellow', `${underReplicated} under-replicated`)] : []),
    ...(notPreferred > 0 ? [paint('dim', `${notPreferred} not led by the preferred replica`)] : []),
  ];
  return parts.length === 0 ? paint('green', 'all in sync') : parts.join(', ');
}

function row(node: NodeStatus): Cell[] {
  const { id, roles, isLeader, address, state, leads, replicas, outOfSync, recordBytes } = node;
  const isBroker = roles.includes('broker');
  return [
    isLeader ? { text: `${id}*`, style: 'green' } : String(id),
    roles.join(','),
    address === '' ? MISSING : address,
    state === 'up' ? { text: state, style: 'green' } : { text: state, style: state === 'unknown' ? 'dim' : 'red' },
    isBroker ? String(leads) : MISSING,
    isBroker ? String(replicas) : MISSING,
    outOfSync > 0 ? { text: String(outOfSync), style: 'yellow' } : isBroker ? '0' : MISSING,
    lagCell(node),
    recordBytes === null || !isBroker ? MISSING : showBytes(recordBytes),
    freeCell(node),
  ];
}

/** Kafka's followers are mostly a record behind, for as long as a fetch takes: that is no sign of anything. */
function lagCell({ metadataLag, metadataCaughtUpAgoMs }: NodeStatus): Cell {
  if (metadataLag === null) return MISSING;
  const isBehind = metadataLag > 0 && (metadataCaughtUpAgoMs === null || metadataCaughtUpAgoMs > SILENT_MS);
  return isBehind ? { text: String(metadataLag), style: 'yellow' } : String(metadataLag);
}

function freeCell({ usableBytes, totalBytes }: NodeStatus): Cell {
  if (usableBytes === null || totalBytes === null || totalBytes === 0) return MISSING;
  const part = usableBytes / totalBytes;
  const text = `${showBytes(usableBytes)} of ${showBytes(totalBytes)} (${Math.floor(part * 100)} %)`;
  if (part >= LOW_PART) return text;
  return { text, style: part < FULL_PART ? 'red' : 'yellow' };
}
