/**
 * Chaos for the controllers: again and again the active one is killed, stopped in mid-air, robbed of its disk or cut off, while an admin
 * client of each node changes topics. Measures how long no change is taken, and judges in the end what every node knows of every topic.
 */
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { startCluster, type Cluster, type ClusterNode, type ClusterOptions } from '../cluster.ts';
import type { PrivateNetwork } from '../network.ts';
import { eventually } from '../target.ts';
import { createTopic } from '../wire.ts';
import { AdminClient, readTopics, TOPIC, type TopicFound } from './admin-client.ts';
import type { TopicRecord } from './ledger.ts';

/**
 * What happens to the active controller:
 * - `kill`: kill -9, then a restart; `wipe`: the same, with an empty disk
 * - `pause`: SIGSTOP, then SIGCONT
 * - `isolate`: nothing goes to or from the other nodes; `mute`: nothing goes to them; `deaf`: nothing comes from them
 */
export type Fault = 'kill' | 'wipe' | 'pause' | 'isolate' | 'mute' | 'deaf';

export type Round = {
  readonly fault: Fault;
  readonly victim: number;
  /** The active controller that came next, and its epoch. */
  readonly next: number;
  readonly epoch: number;
  /** From the fault until a change that was sent after it was acknowledged through the first other node. */
  readonly firstMs: number;
  /** The same through every other node. */
  readonly everyMs: number;
  /** From the end of the fault until a change was acknowledged through the victim, and all agree. */
  readonly backMs: number;
};

export type ChaosReport = {
  readonly rounds: readonly Round[];
  /** Empty when all that was promised was kept. */
  readonly violations: readonly string[];
  readonly topics: number;
  readonly acknowledged: number;
  /** Answers that were lost: what came of them must be all or nothing. */
  readonly lost: number;
  readonly refused: number;
  /** Snapshots that a wiped controller received in place of the log before them. */
  readonly snapshotsInstalled: number;
};

export type ChaosOptions = {
  readonly faults: readonly Fault[];
  /** Needed by faults of the network. */
  readonly network?: PrivateNetwork;
  /** Three combined nodes when left out. */
  readonly shape?: Pick<ClusterOptions, 'nodes' | 'controllers' | 'brokers'>;
  readonly config?: ClusterOptions['config'];
  readonly say?: (text: string) => void;
};

const COMMITS_WITHIN_MS = 60_000;
const BACK_WITHIN_MS = 60_000;
/** How long a fault lasts after the others work again, and how long there is peace before the next. */
const HOLD_MS = 500;
const PEACE_MS = 700;
const LOOK_MS = 2;
const HEARD_WITHIN_MS = 20_000;
const READ_AT_ONCE = 100;

/** Snapshots often, and more in the log than is kept beside one, so that a wiped controller has to be sent one. */
const config = { 'metadata.log.max.record.bytes.between.snapshots': '1000000' };
const BALLAST_CHANGES = 200;
const BALLAST_TEXT = Array.from({ length: 4_000 }, (_, index) => `${index}:1`).join(',');
const BALLAST_KEY = 'follower.replication.throttled.replicas';

export async function controllersChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { network, say = () => undefined } = options;
  await using cluster = await startCluster({
    ...options.shape,
    config: { ...config, ...options.config },
    ...(network === undefined ? {} : { network }),
  });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  await ballast(cluster);
  const clients = cluster.brokers.map((node) => new AdminClient(node.id, node.address));
  for (const client of clients) client.start();
  const rounds: Round[] = [];
  let snapshotsInstalled = 0;
  try {
    for (const [index, fault] of options.faults.entries()) {
      await pause(PEACE_MS);
      const round = await playRound(cluster, clients, { fault, network });
      rounds.push(round);
      if (fault === 'wipe') snapshotsInstalled += await installed(cluster.node(round.victim));
      say(`${index + 1}/${options.faults.length} ${describe(round)}`);
    }
  } finally {
    await Promise.all(clients.map((client) => client.stop()));
  }
  const violations = [
    ...clients.flatMap((client) => client.violations),
    ...electedTwice(cluster),
    ...(await judge(cluster, clients)),
  ];
  const sum = (what: 'acknowledged' | 'lost' | 'refused'): number =>
    clients.reduce((total, { counts }) => total + counts[what], 0);
  return {
    rounds,
    violations,
    topics: clients.reduce((total, client) => total + client.topics.length, 0),
    acknowledged: sum('acknowledged'),
    lost: sum('lost'),
    refused: sum('refused'),
    snapshotsInstalled,
  };
}

/** Some megabytes of metadata, of which little counts in the end. */
async function ballast({ brokers }: Cluster): Promise<void> {
  using wire = await Wire.open(brokers[0]?.address ?? '');
  await createTopic(wire, 'ballast');
  for (let change = 0; change < BALLAST_CHANGES; change += 1) {
    const configs = [{ name: BALLAST_KEY, configOperation: 0, value: `${change}:2,${BALLAST_TEXT}` }];
    const resources = [{ resourceType: TOPIC, resourceName: 'ballast', configs }];
    const { responses } = await wire.call(ApiKey.IncrementalAlterConfigs, { resources, validateOnly: false });
    if (responses[0]?.errorCode !== ErrorCode.NONE)
      throw new Error(`the ballast is refused: ${responses[0]?.errorMessage}`);
  }
}

export function describe({ fault, victim, next, epoch, firstMs, everyMs, backMs }: Round): string {
  const times = `first ${firstMs.toFixed(0)} ms, every node ${everyMs.toFixed(0)} ms, back ${backMs.toFixed(0)} ms`;
  return `${fault.padEnd(7)} node ${victim} -> ${next} in epoch ${epoch}: ${times}`;
}

type Playing = { readonly fault: Fault; readonly network: PrivateNetwork | undefined };

async function playRound(cluster: Cluster, clients: readonly AdminClient[], playing: Playing): Promise<Round> {
  const victim = await cluster.agreed();
  const others = clients.filter(({ nodeId }) => nodeId !== victim.id);
  const { fromMs, end } = await inflict(cluster, victim, playing);
  const times = await Promise.all(others.map((client) => committedAfter(client, fromMs, COMMITS_WITHIN_MS)));
  const next = await activeOf(cluster, victim);
  await pause(HOLD_MS);
  const endMs = performance.now();
  await end();
  await victim.ready(BACK_WITHIN_MS);
  const own = clients.find(({ nodeId }) => nodeId === victim.id);
  if (own !== undefined) await committedAfter(own, endMs, BACK_WITHIN_MS);
  await cluster.agreed(BACK_WITHIN_MS);
  return {
    fault: playing.fault,
    victim: victim.id,
    next: next.id,
    epoch: next.epoch,
    firstMs: Math.min(...times) - fromMs,
    everyMs: Math.max(...times) - fromMs,
    backMs: performance.now() - endMs,
  };
}

type Inflicted = {
  /** What is sent from then on cannot reach the victim, or be answered by it. */
  readonly fromMs: number;
  readonly end: () => Promise<void>;
};

async function inflict(cluster: Cluster, victim: ClusterNode, playing: Playing): Promise<Inflicted> {
  const { fault, network } = playing;
  const fromMs = performance.now();
  switch (fault) {
    case 'kill':
      await victim.kill();
      return { fromMs, end: () => victim.start() };
    case 'wipe':
      await victim.kill();
      return {
        fromMs,
        end: () => {
          victim.wipe();
          return victim.start();
        },
      };
    case 'pause':
      victim.pause();
      return { fromMs, end: () => Promise.resolve(victim.resume()) };
    case 'isolate':
    case 'mute':
    case 'deaf': {
      if (network === undefined) throw new Error(`${fault}: faults of the network need a private network`);
      const others = cluster.nodes.filter((node) => node !== victim).map(({ id }) => id);
      const out = others.map((id) => [victim.id, id] as const);
      const into = others.map((id) => [id, victim.id] as const);
      await network.cut(...(fault === 'deaf' ? [] : out), ...(fault === 'mute' ? [] : into));
      // Until the last rule is there something may still get through.
      return { fromMs: performance.now(), end: () => network.heal() };
    }
    default:
      throw new Error(`no such fault: ${JSON.stringify(fault satisfies never)}`);
  }
}

/** When a change was acknowledged that the client sent after `fromMs`. */
async function committedAfter(client: AdminClient, fromMs: number, withinMs: number): Promise<number> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const first = client.firstAfter(fromMs);
    if (first !== undefined) return first.ackedMs;
    if (performance.now() > deadline) throw new Error(`node ${client.nodeId} took no change for ${withinMs} ms`);
    await pause(LOOK_MS);
  }
}

/** The active controller among those that are not the victim. */
async function activeOf(
  cluster: Cluster,
  victim: ClusterNode,
): Promise<{ readonly id: number; readonly epoch: number }> {
  const others = cluster.controllers.filter((node) => node !== victim);
  let found: { readonly id: number; readonly epoch: number } | undefined;
  await eventually('one of the others is the active controller', async () => {
    const views = await Promise.all(
      others.map(async (node) => ({ id: node.id, view: await node.view().catch(() => undefined) })),
    );
    const active = views.find(({ view }) => view?.isActive === true);
    found = active?.view === undefined ? undefined : { id: active.id, epoch: active.view.epoch };
    return found !== undefined;
  });
  return found ?? { id: -1, epoch: -1 };
}

async function installed(node: ClusterNode): Promise<number> {
  return node.metric('odradek_raft_snapshots_total', { kind: 'installed' });
}

/** One epoch has one active controller: what the nodes themselves have written down. */
function electedTwice(cluster: Cluster): string[] {
  const elected = new Map<number, number>();
  const wrong: string[] = [];
  for (const { id, output } of cluster.controllers) {
    for (const [, text = ''] of output().matchAll(/was elected active controller in epoch (\d+)/g)) {
      const epoch = Number(text);
      const other = elected.get(epoch);
      if (other !== undefined) wrong.push(`epoch ${epoch} has two active controllers: node ${other} and node ${id}`);
      elected.set(epoch, id);
    }
  }
  return wrong;
}

/** Every topic, as every node knows it, is what its client was told. */
async function judge(cluster: Cluster, clients: readonly AdminClient[]): Promise<string[]> {
  const records = clients.flatMap((client) => client.topics);
  await sameEverywhere(cluster);
  let wrong: string[] = [];
  const isRight = async (): Promise<boolean> => {
    wrong = [];
    for (const node of cluster.brokers) wrong.push(...(await wrongAt(node, records)));
    return wrong.length === 0;
  };
  // Brokers hear a moment later of what is committed; nothing is changed any more, so what stays wrong is wrong.
  await eventually('every broker knows it', isRight, HEARD_WITHIN_MS).catch(() => undefined);
  return wrong;
}

async function wrongAt(node: ClusterNode, records: readonly TopicRecord[]): Promise<string[]> {
  const found = await readAll(node, records);
  return records.flatMap((record) => {
    const topic = found.get(record.name);
    const why = record.judge(topic?.state, topic?.id);
    return why === undefined ? [] : [`node ${node.id}: ${why}`];
  });
}

/** Nothing is under way any more: all nodes have the same end of the committed log. */
async function sameEverywhere(cluster: Cluster): Promise<void> {
  await eventually('all nodes know all that is committed', async () => {
    const ends = await Promise.all(cluster.controllers.map((node) => node.metric('odradek_raft_high_watermark')));
    return ends.every((end) => end === ends[0]);
  });
}

async function readAll(node: ClusterNode, records: readonly TopicRecord[]): Promise<Map<string, TopicFound>> {
  using wire = await Wire.open(node.address);
  const found = new Map<string, TopicFound>();
  for (let at = 0; at < records.length; at += READ_AT_ONCE) {
    const names = records.slice(at, at + READ_AT_ONCE).map(({ name }) => name);
    for (const topic of await readTopics(wire, names)) found.set(topic.name, topic);
  }
  return found;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
