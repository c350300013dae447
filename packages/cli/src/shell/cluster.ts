/** The brokers of a cluster, each reached when it is first needed. For admin requests that must go to a certain broker. */
import { ApiKey, ErrorCode, errorName, type ResponseOf } from '@odradek/protocol';
import { parseBootstrap, showAddress } from '../core/options.ts';
import type { Broker } from '../core/groups/kinds.ts';
import { CommandError, exitCode } from '../core/refusal.ts';
import { AdminConnection, connectAny } from './admin-connection.ts';

export type Metadata = ResponseOf<typeof ApiKey.Metadata>;

export class Cluster {
  /** How long one answer may take, and how long a request is tried again while nothing comes of it. */
  readonly timeoutMs: number;
  private readonly bootstrap: string;
  private readonly connections = new Map<string, AdminConnection>();
  private last: AdminConnection | undefined;

  private constructor(bootstrap: string, timeoutMs: number) {
    this.bootstrap = bootstrap;
    this.timeoutMs = timeoutMs;
  }

  static async open(bootstrap: string, timeoutMs: number): Promise<Cluster> {
    parseBootstrap(bootstrap);
    const cluster = new Cluster(bootstrap, timeoutMs);
    await cluster.any();
    return cluster;
  }

  /** A connection to whichever broker answers. */
  async any(): Promise<AdminConnection> {
    if (this.last !== undefined && !this.last.lost) return this.last;
    for (const connection of this.connections.values()) {
      if (!connection.lost) return connection;
    }
    const connection = await connectAny(this.bootstrap, this.timeoutMs);
    this.keep(connection);
    this.last = connection;
    return connection;
  }

  /** The connection to one broker. Two callers at once must ask for different brokers: each would open one, and only one is kept. */
  async at(broker: Broker): Promise<AdminConnection> {
    const known = this.connections.get(showAddress(broker));
    if (known !== undefined && !known.lost) return known;
    try {
      const connection = await AdminConnection.open(broker, this.timeoutMs);
      this.keep(connection);
      return connection;
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode !== exitCode.unreachable) throw error;
      const why = `broker ${broker.nodeId}, which the cluster says is at ${showAddress(broker)}: ${error.message}`;
      throw new CommandError(why, exitCode.unreachable);
    }
  }

  async brokers(): Promise<Broker[]> {
    const { brokers } = await this.metadata([]);
    return brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port }));
  }

  /** @param topics names; an empty list asks for the brokers alone */
  async metadata(topics: readonly string[]): Promise<Metadata> {
    const connection = await this.any();
    const metadata = await connection.call(ApiKey.Metadata, {
      topics: topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    });
    const { errorCode } = metadata;
    if (errorCode !== ErrorCode.NONE) throw new CommandError(`the broker told no metadata: ${errorName(errorCode)}`);
    return metadata;
  }

  close(): void {
    for (const connection of this.connections.values()) connection.close();
  }

  private keep(connection: AdminConnection): void {
    this.connections.get(connection.address)?.close();
    this.connections.set(connection.address, connection);
  }
}
