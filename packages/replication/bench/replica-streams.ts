/**
 * Leader to follower over real streams between two processes, real logs on both sides: `node packages/replication/bench/replica-streams.ts
 * [directory] [seconds]`. Prints MB/s of records, and the CPU of each side for a GB of them, for several shapes of appends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { limits, MetricsRegistry, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { buildBatch } from '@odradek/protocol';
import { replicaFetchService } from '@odradek/rpc';
import { createGrpcClient, createGrpcServer } from '@odradek/rpc/grpc';
import { ReplicaFetcher } from '../src/shell/replica-fetcher.ts';
import { ReplicationThrottle } from '../src/shell/replication-throttle.ts';
import { ReplicaService } from '../src/shell/replica-service.ts';
import { ModelReplica } from '../src/testing/model-replica.ts';
import { CLUSTER_ID, openLogs } from '../src/testing/replica-cluster.ts';

const LEADER = 1;
const FOLLOWER = 2;
const PARTITIONS = 12;
const KIB = 1024;
/** What the leader appends ahead of its follower. */
const AHEAD_BYTES = 32 * KIB * KIB;
const TICKS_PER_SECOND = 100;
const ports = systemPorts();
const common = { clock: ports.clock, limits: limits.production, log: silent };
const quota = { windows: { count: 11, lengthMs: 1_000 }, bytesPerSecond: () => Infinity };
// The clock's timers do not keep a process alive.
setInterval(() => undefined, 1_000);

function identity(nodeId: number) {
  return { clusterId: CLUSTER_ID, nodeId, directoryId: CLUSTER_ID, incarnationId: CLUSTER_ID };
}

async function replicasIn(directory: string, nodeId: number): Promise<ModelReplica[]> {
  const logs = await openLogs({ ports, limits: limits.production, nodeId, directory, partitions: PARTITIONS });
  return logs.map((log) => new ModelReplica(log, nodeId));
}

async function follower(directory: string, port: number): Promise<void> {
  const replicas = await replicasIn(directory, FOLLOWER);
  const shared = { ...common, nodeId: FOLLOWER, metrics: new MetricsRegistry() };
  const fetcher = new ReplicaFetcher({
    ...shared,
    throttle: new ReplicationThrottle({ ...shared, ...quota, side: 'follower' }),
    random: ports.random,
    streams: createGrpcClient({ ...common, self: identity(FOLLOWER) }),
    peerOf: () => ({ host: '127.0.0.1', port, epoch: 1 }),
    brokerEpoch: () => 1,
    fetchBackoffMs: () => 1_000,
  });
  for (const replica of replicas) {
    replica.assign(LEADER, 1, []);
    fetcher.follow(replica);
  }
  process.stdin.resume().on('end', () => process.exit(0));
}

/** CPU seconds of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(directory: string, seconds: number): Promise<void> {
  const self = identity(LEADER);
  const server = createGrpcServer({ ...common, self, network: ports.network });
  const replicas = await replicasIn(`${directory}/leader`, LEADER);
  for (const replica of replicas) replica.assign(LEADER, 1, [FOLLOWER]);
  const partitionOf = (_topicId: string, partition: number): ModelReplica | undefined => replicas[partition];
  const shared = { ...common, nodeId: LEADER, metrics: new MetricsRegistry() };
  const throttle = new ReplicationThrottle({ ...shared, ...quota, side: 'leader' });
  server.serve(replicaFetchService, new ReplicaService({ ...shared, throttle, partitionOf, brokerEpochOf: () => 1 }));
  const { port } = await server.listen('127.0.0.1', 0);
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), 'follower', `${directory}/follower`, `${port}`],
    {
      stdio: ['pipe', 'inherit', 'inherit'],
    },
  );
  print('| appends of | MB/s | CPU-s/GB of the leader (its appends alone) | of the follower |');
  print('|---|---|---|---|');
  await shape(replicas, child.pid ?? 0, { recordsPerBatch: 1, seconds: 1, isPrinted: false });
  for (const recordsPerBatch of [1, 15, 127]) {
    await shape(replicas, child.pid ?? 0, { recordsPerBatch, seconds, isPrinted: true });
  }
  child.kill('SIGKILL');
  await once(child, 'close');
}

type Shape = { readonly recordsPerBatch: number; readonly seconds: number; readonly isPrinted: boolean };

async function shape(replicas: readonly ModelReplica[], pid: number, how: Shape): Promise<void> {
  const value = Buffer.alloc(KIB, 'v');
  const records = Array.from({ length: how.recordsPerBatch }, () => ({ timestampMs: 1_700_000_000_000, value }));
  const batch = buildBatch({}, records);
  const [ours, theirs, startMs] = [process.cpuUsage(), cpuSeconds(pid), performance.now()];
  let bytes = 0;
  let appendMs = 0;
  const behind = (): number => replicas.reduce((sum, each) => sum + each.logEndOffset - each.highWatermark, 0) * KIB;
  while (performance.now() - startMs < how.seconds * 1_000) {
    const fromMs = performance.now();
    for (let round = 0; round < 4 && behind() < AHEAD_BYTES; round += 1) {
      for (const replica of replicas) {
        replica.append(Buffer.from(batch), 1_700_000_000_000);
        bytes += batch.length;
      }
    }
    appendMs += performance.now() - fromMs;
    await turn();
  }
  while (behind() > 0) await turn();
  const tookSeconds = (performance.now() - startMs) / 1_000;
  const used = process.cpuUsage(ours);
  const gb = bytes / 1e9;
  const leader = ((used.user + used.system) / 1e6 / gb).toFixed(2);
  const alone = (appendMs / 1e3 / gb).toFixed(2);
  const followerCpu = ((cpuSeconds(pid) - theirs) / gb).toFixed(2);
  if (!how.isPrinted) return;
  print(
    `| ${batch.length} bytes | ${(bytes / 1e6 / tookSeconds).toFixed(0)} | ${leader} (${alone}) | ${followerCpu} |`,
  );
}

if (process.argv[2] === 'follower') await follower(process.argv[3] ?? '', Number(process.argv[4]));
else {
  const directory = mkdtempSync(`${process.argv[2] ?? tmpdir()}/odradek-streams-`);
  await main(directory, Number(process.argv[3] ?? 5));
  rmSync(directory, { recursive: true, force: true });
  process.exit(0);
}
