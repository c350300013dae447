/**
 * Requests that the cluster's controller decides: through any broker, or at the active controller itself. Whoever says that it is not the
 * one to ask has done nothing, so the request is made again until somebody takes it or the time is over; nothing else is made again.
 */
import { ApiKey, EndpointType, ErrorCode, errorName, type RequestInput, type ResponseOf } from '@odradek/protocol';
import { showAddress, type Address } from '../core/options.ts';
import { CommandError, exitCode } from '../core/refusal.ts';
import { AdminConnection, connectAny } from './admin-connection.ts';

export type AdminTarget = { readonly of: 'brokers' | 'controllers'; readonly bootstrap: string };

export type ClusterNode = Address & { readonly id: number; readonly rack: string | null; readonly fenced: boolean };
export type ClusterNodes = {
  readonly clusterId: string;
  readonly adminId: number;
  readonly nodes: readonly ClusterNode[];
};

const AGAIN_MS = 100;
/** Version of DescribeCluster that can tell of fenced brokers (KIP-1073). */
const FENCED_SINCE = 2;
/** Asked of the wrong controller, these are answered in Raft's words. */
const quorumKeys: ReadonlySet<ApiKey> = new Set([ApiKey.DescribeQuorum, ApiKey.AddRaftVoter, ApiKey.RemoveRaftVoter]);

export class ClusterAdmin {
  readonly of: AdminTarget['of'];
  readonly timeoutMs: number;
  private readonly target: AdminTarget;
  private readonly open = new Set<AdminConnection>();
  private asked: AdminConnection | undefined;

  private constructor(target: AdminTarget, timeoutMs: number) {
    this.of = target.of;
    this.target = target;
    this.timeoutMs = timeoutMs;
  }

  static async connect(target: AdminTarget, timeoutMs: number): Promise<ClusterAdmin> {
    const admin = new ClusterAdmin(target, timeoutMs);
    try {
      await admin.anyone();
      return admin;
    } catch (error) {
      admin.close();
      throw error;
    }
  }

  /** @param newest not beyond this version */
  async decide<K extends ApiKey>(key: K, request: RequestInput<K>, newest?: number): Promise<ResponseOf<K>> {
    const untilMs = performance.now() + this.timeoutMs;
    for (;;) {
      const connection = await this.decider(untilMs);
      const response = await connection.call(key, request, newest);
      if (!saysNotMe(response, quorumKeys.has(key))) return response;
      if (performance.now() >= untilMs) throw nobodyDecides(this.timeoutMs);
      this.asked = undefined;
      await pause();
    }
  }

  /** Brokers of a cluster, or its controllers, as whoever is asked first knows them. */
  async describe(includeFenced = false): Promise<ClusterNodes> {
    const connection = await this.anyone();
    return this.of === 'brokers' ? brokersAt(connection, includeFenced) : controllersAt(connection);
  }

  /** What is not for the controller to decide: any node answers it. */
  async ask<K extends ApiKey>(key: K, request: RequestInput<K>, newest?: number): Promise<ResponseOf<K>> {
    return (await this.anyone()).call(key, request, newest);
  }

  /** One broker is asked, for what each tells or changes of itself. */
  async askBroker<K extends ApiKey>(id: number, key: K, request: RequestInput<K>): Promise<ResponseOf<K>> {
    const node = (await this.describe()).nodes.find((each) => each.id === id);
    if (node === undefined) throw new CommandError(`broker ${id} is not running in the cluster`);
    return (await this.at(node)).call(key, request);
  }

  /** The node that was asked last, or the first that answers. */
  async anyone(): Promise<AdminConnection> {
    for (const connection of this.open) if (!connection.lost) return connection;
    return this.keep(await connectAny(this.target.bootstrap, this.timeoutMs, optionOf(this.target)));
  }

  close(): void {
    for (const connection of this.open) connection.close();
  }

  private async decider(untilMs: number): Promise<AdminConnection> {
    if (this.asked !== undefined && !this.asked.lost) return this.asked;
    this.asked = this.of === 'brokers' ? await this.anyone() : await this.activeController(untilMs);
    return this.asked;
  }

  private async activeController(untilMs: number): Promise<AdminConnection> {
    for (;;) {
      const connection = await this.anyone();
      const { adminId, nodes } = await controllersAt(connection);
      const active = nodes.find(({ id }) => id === adminId);
      if (active !== undefined) return this.at(active);
      if (performance.now() >= untilMs) throw nobodyDecides(this.timeoutMs);
      await pause();
    }
  }

  /** The connection to one node. */
  async at(node: ClusterNode): Promise<AdminConnection> {
    for (const connection of this.open) {
      if (!connection.lost && connection.address === showAddress(node)) return connection;
    }
    try {
      return this.keep(await AdminConnection.open(node, this.timeoutMs));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const noun = this.of === 'brokers' ? 'broker' : 'controller';
      const why = `${noun} ${node.id}, which the cluster says is at ${showAddress(node)}: ${error.message}`;
      throw new CommandError(why, error.exitCode);
    }
  }

  private keep(connection: AdminConnection): AdminConnection {
    this.open.add(connection);
    return connection;
  }
}

function optionOf({ of }: AdminTarget): string {
  return of === 'brokers' ? '--bootstrap-server' : '--bootstrap-controller';
}

function nobodyDecides(afterMs: number): CommandError {
  const why = `no controller was active within ${afterMs} ms: are more than half of the controllers running and connected?`;
  return new CommandError(why, exitCode.timedOut);
}

async function brokersAt(connection: AdminConnection, includeFenced: boolean): Promise<ClusterNodes> {
  if (includeFenced && connection.versionOf(ApiKey.DescribeCluster) < FENCED_SINCE) {
    throw new CommandError(
      `the broker at ${connection.address} is too old to tell of fenced brokers (Kafka before 4.0)`,
    );
  }
  const fencedToo = includeFenced ? { includeFencedBrokers: true } : {};
  const asked = { includeClusterAuthorizedOperations: false, ...fencedToo };
  return nodesOf(await connection.call(ApiKey.DescribeCluster, asked), connection);
}

async function controllersAt(connection: AdminConnection): Promise<ClusterNodes> {
  const asked = { includeClusterAuthorizedOperations: false, endpointType: EndpointType.CONTROLLER };
  return nodesOf(await connection.call(ApiKey.DescribeCluster, asked), connection);
}

function nodesOf(answer: ResponseOf<typeof ApiKey.DescribeCluster>, { address }: AdminConnection): ClusterNodes {
  const { errorCode, errorMessage, clusterId, controllerId, brokers } = answer;
  if (errorCode === ErrorCode.MISMATCHED_ENDPOINT_TYPE) {
    const why = `${address} is not of the kind that it was given as: brokers go to --bootstrap-server, controllers to --bootstrap-controller`;
    throw new CommandError(why);
  }
  if (errorCode !== ErrorCode.NONE) {
    throw new CommandError(`${address} does not describe the cluster: ${errorName(errorCode)}: ${errorMessage ?? ''}`);
  }
  const nodes = brokers
    .map(({ brokerId, host, port, rack, isFenced }) => ({ id: brokerId, host, port, rack, fenced: isFenced }))
    .toSorted((left, right) => left.id - right.id);
  return { clusterId, adminId: controllerId, nodes };
}

/** Whether an answer says, at any place, that another node has to be asked. */
function saysNotMe(value: unknown, ofQuorum: boolean): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, inner]) =>
    name === 'errorCode'
      ? inner === ErrorCode.NOT_CONTROLLER || (ofQuorum && inner === ErrorCode.NOT_LEADER_OR_FOLLOWER)
      : saysNotMe(inner, ofQuorum),
  );
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
}
