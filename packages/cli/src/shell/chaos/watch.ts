/** Asks every node over and over who leads, who is in sync and who is the active controller, each on a connection of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import type { Target } from '../../core/chaos/commands.ts';
import type { Sightings } from '../../core/chaos/sightings.ts';
import { METADATA_TOPIC } from '../../core/cluster/quorum.ts';
import type { AdminConnection } from '../admin-connection.ts';
import { Link } from './links.ts';

const POLL_MS = 50;
const QUORUM_POLL_MS = 200;
const ANSWER_WITHIN_MS = 2_000;

export class Watch {
  private readonly topic: string;
  private readonly sightings: Sightings;
  private readonly now: () => number;
  private readonly heard: () => void;
  private readonly links: Link[];
  private readonly loops: Promise<void>[];
  private quorumEpoch = -1;
  private isStopped = false;

  /** @param heard is called after every answer about the topic */
  constructor(
    nodes: readonly Target[],
    of: { topic: string; sightings: Sightings; now: () => number },
    heard: () => void,
  ) {
    this.topic = of.topic;
    this.sightings = of.sightings;
    this.now = of.now;
    this.heard = heard;
    this.links = nodes.flatMap((node) => [new Link(node, ANSWER_WITHIN_MS), new Link(node, ANSWER_WITHIN_MS)]);
    this.loops = this.links.map((link, index) =>
      index % 2 === 0
        ? this.loop(link, POLL_MS, (connection) => this.askLeaders(link, connection))
        : this.loop(link, QUORUM_POLL_MS, (connection) => this.askQuorum(connection)),
    );
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    for (const link of this.links) link.close();
    await Promise.all(this.loops);
  }

  private async loop(link: Link, everyMs: number, ask: (connection: AdminConnection) => Promise<void>): Promise<void> {
    while (!this.isStopped) {
      const connection = await link.ready();
      // A node that is down or hangs says nothing; that is what the run is about.
      if (connection !== undefined) await ask(connection).catch(() => undefined);
      await sleep(everyMs);
    }
  }

  private async askLeaders(link: Link, connection: AdminConnection): Promise<void> {
    const request = { topics: [{ name: this.topic }], allowAutoTopicCreation: false };
    const { topics } = await connection.call(ApiKey.Metadata, request);
    const topic = topics.find(({ name }) => name === this.topic);
    if (topic === undefined || this.isStopped) return;
    this.sightings.heard(link.target.id, topic, this.now());
    this.heard();
  }

  private async askQuorum(connection: AdminConnection): Promise<void> {
    const topics = [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }];
    const answer = await connection.call(ApiKey.DescribeQuorum, { topics });
    const quorum = answer.topics[0]?.partitions[0];
    if (answer.errorCode !== ErrorCode.NONE || quorum === undefined || quorum.errorCode !== ErrorCode.NONE) return;
    if (quorum.leaderEpoch < this.quorumEpoch || this.isStopped) return;
    this.quorumEpoch = quorum.leaderEpoch;
    this.sightings.heardController(quorum.leaderId, this.now());
  }
}
