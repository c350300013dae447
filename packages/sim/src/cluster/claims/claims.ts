/** All the claims of a run of whole nodes, wired together. */
import type { Limits } from '@odradek/base';
import type { ControllerLink, PartitionImage } from '@odradek/metadata';
import { Claims } from '../../controllers/claims/claims.ts';
import type { Judge } from '../../nodes/judge.ts';
import { watchedLink } from '../../controllers/claims/watched-link.ts';
import { InSync } from './in-sync.ts';
import { Reads } from './reads.ts';
import { ReplicaLogs } from './replicas.ts';
import { Watermarks } from './watermarks.ts';
import { Written } from './written.ts';

export type ClusterClaimsOptions = {
  /** A replica has come into an ISR: who leads the partition. */
  readonly joined: (leader: number) => void;
  readonly nowMs: () => number;
  readonly limits: Limits;
  readonly patienceMs: number;
  readonly majority: number;
  readonly dataDirectory: string;
  readonly trace: (line: string) => void;
};

export class ClusterClaims {
  /** Of the metadata: the controllers' log, what is told of it, and the images that it makes. */
  readonly metadata: Claims;
  readonly judge: Judge;
  readonly written: Written;
  readonly reads: Reads;
  readonly watermarks: Watermarks;
  readonly replicas: ReplicaLogs;

  constructor(options: ClusterClaimsOptions) {
    const { dataDirectory, trace, joined } = options;
    const metadata = new Claims({
      ...options,
      changed: (delta, image) => {
        inSync.changed(delta, image);
        for (const { topic, before, after } of delta.partitions()) {
          trace(toldOf(topic.name, after));
          if (before !== undefined && after.isr.some((id) => !before.isr.includes(id))) joined(after.leader);
        }
      },
    });
    this.metadata = metadata;
    this.judge = metadata.judge;
    const inSync = new InSync(this.judge);
    this.written = new Written(this.judge);
    this.reads = new Reads(this.judge);
    this.watermarks = new Watermarks(this.judge);
    this.replicas = new ReplicaLogs(this.judge, dataDirectory, trace);
  }

  watchedLink(brokerId: number, link: ControllerLink): ControllerLink {
    return watchedLink(link, { claims: this.metadata, brokerId, who: `broker ${brokerId}` });
  }
}

function toldOf(topic: string, partition: PartitionImage): string {
  const { leader, leaderEpoch, isr, elr, lastKnownElr, addingReplicas, removingReplicas } = partition;
  const lists = { isr, elr, lastKnownElr, addingReplicas, removingReplicas };
  const told = Object.entries(lists).flatMap(([name, ids]) => (ids.length === 0 ? [] : [`${name} ${ids.join(' ')}`]));
  return `${topic}-${partition.partition} is led by ${leader} in epoch ${leaderEpoch}; ${told.join(', ')}`;
}
