/** What `cluster status` asks for: the cluster of any broker, and each broker for its disks; whoever does not answer in time is left out. */
import { ApiKey, ErrorCode, type RequestInput, type ResponseOf } from '@odradek/protocol';
import type { BrokerSeen, ClusterSeen } from '../core/cluster/status.ts';
import { showAddress } from '../core/options.ts';
import { CommandError } from '../core/refusal.ts';
import type { ClusterAdmin, ClusterNode } from './cluster-admin.ts';
import { Link } from './chaos/links.ts';
import { logDirsOf } from './doctor/node.ts';
import { describeQuorum, type QuorumTold } from './doctor/quorum.ts';
import { topicConfigs, topicsOf } from './doctor/topics.ts';

/** One screen does not wait longer for a node that hangs. */
const NODE_WITHIN_MS = 2_000;
/** Version of DescribeCluster that can tell of fenced brokers (KIP-1073). */
const FENCED_SINCE = 2;

/**
 * Looks at a cluster as often as it is asked to, over connections that it keeps: answers of one connection come in order, so whatever may
 * never be answered (a node that hangs, a quorum without a leader) has one of its own.
 */
export class ClusterWatch implements Disposable {
  private readonly admin: ClusterAdmin;
  private readonly links = new Map<string, Link>();

  constructor(admin: ClusterAdmin) {
    this.admin = admin;
  }

  async look(): Promise<ClusterSeen> {
    const { admin } = this;
    const connection = await admin.anyone();
    const tellsFenced = connection.versionOf(ApiKey.DescribeCluster) >= FENCED_SINCE;
    const [{ clusterId, nodes }, metadata, versions] = await Promise.all([
      admin.describe(tellsFenced),
      admin.ask(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false }),
      admin.ask(ApiKey.ApiVersions, { clientSoftwareName: 'odradek-cli', clientSoftwareVersion: '0.1.0' }),
    ]);
    const topics = topicsOf(metadata);
    const names = topics.map(({ name }) => name);
    const [configs, quorum, brokers] = await Promise.all([
      topicConfigs(connection, names),
      this.quorum(nodes),
      Promise.all(nodes.map((node) => this.broker(node))),
    ]);
    const level = versions.finalizedFeatures.find(({ name }) => name === 'metadata.version');
    return {
      clusterId,
      metadataVersion: level?.maxVersionLevel,
      brokers,
      quorum: quorum?.quorum,
      controllerAddresses: quorum?.addresses ?? new Map(),
      topics: topics.map((topic) => ({ ...topic, configs: configs.get(topic.name) })),
    };
  }

  [Symbol.dispose](): void {
    for (const link of this.links.values()) link.close();
  }

  /** Of the first broker that says who leads; else what the last one said. */
  private async quorum(nodes: readonly ClusterNode[]): Promise<QuorumTold | undefined> {
    const asked = nodes
      .filter(({ fenced }) => !fenced)
      .map(async (node) => {
        const ask = (request: RequestInput<55>): Promise<ResponseOf<55>> =>
          this.ask(node, 'quorum', ApiKey.DescribeQuorum, request);
        const told = await describeQuorum(ask);
        return told;
      });
    const answers = await Promise.allSettled(asked);
    const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    return told.find(({ quorum }) => quorum.leaderId >= 0) ?? told.at(-1);
  }

  private async broker(node: ClusterNode): Promise<BrokerSeen> {
    const { id, rack, fenced } = node;
    const seen = { id, rack, isFenced: fenced, address: showAddress(node) };
    if (fenced) return { ...seen, logDirs: undefined };
    try {
      const answer = await this.ask(node, 'disks', ApiKey.DescribeLogDirs, { topics: null });
      return { ...seen, logDirs: answer.errorCode === ErrorCode.NONE ? logDirsOf(answer) : undefined };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return { ...seen, logDirs: undefined };
    }
  }

  private async ask<K extends ApiKey>(
    node: ClusterNode,
    about: 'quorum' | 'disks',
    key: K,
    request: RequestInput<K>,
  ): Promise<ResponseOf<K>> {
    const name = `${about} ${node.id} ${showAddress(node)}`;
    const link = this.links.get(name) ?? new Link(node, NODE_WITHIN_MS);
    this.links.set(name, link);
    const connection = await link.ready();
    if (connection === undefined) throw new CommandError(`broker ${node.id} at ${showAddress(node)} does not answer`);
    return connection.call(key, request);
  }
}
