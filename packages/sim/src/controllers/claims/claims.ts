/** All the claims of a run, wired together. */
import type { Limits } from '@odradek/base';
import type { BrokerImage, MetadataDelta, MetadataImage } from '@odradek/metadata';
import { Changes } from './changes.ts';
import { Leaders } from './images.ts';
import { Judge } from '../../nodes/judge.ts';
import { Ledger } from './ledger.ts';
import { RaftLog } from './raft-log.ts';
import { Registrations } from './registrations.ts';

export type ClaimsOptions = {
  readonly nowMs: () => number;
  /** Of the controllers that are watched. */
  readonly limits: Limits;
  /** How long a controller may believe that it leads after it has lost its majority. */
  readonly patienceMs: number;
  /** Of the disks, how many make something committed; where voters come and go, one at least. */
  readonly majority: number;
  /** Hears what becomes of controllers and brokers. */
  readonly trace: (line: string) => void;
  /** Hears of each change of the committed image. */
  readonly changed?: (delta: MetadataDelta, image: MetadataImage) => void;
};

export class Claims {
  readonly judge: Judge;
  readonly changes: Changes;
  readonly ledger: Ledger;
  readonly log: RaftLog;
  readonly leaders: Leaders;
  readonly registrations: Registrations;

  constructor({ nowMs, limits, patienceMs, majority, trace, changed }: ClaimsOptions) {
    this.judge = new Judge(nowMs);
    this.leaders = new Leaders(this.judge, limits.controllerRecordsPerSliceMax);
    this.registrations = new Registrations(this.judge, nowMs, patienceMs);
    this.changes = new Changes(this.judge);
    this.ledger = new Ledger(this.judge, {
      voters: (voters) => this.changes.voters(voters),
      record: (record, offset) => this.changes.record(record, offset),
      changed: (delta, image) => {
        this.leaders.changed(delta, image);
        this.registrations.changed(delta, image);
        changed?.(delta, image);
        for (const [id, before] of delta.brokers) trace(`${standing(image, id, before)} (${image.endOffset})`);
      },
    });
    this.log = new RaftLog({ judge: this.judge, ledger: this.ledger, majority, trace });
  }

  settle(): void {
    this.ledger.settle();
    this.changes.settle();
  }
}

function standing(image: MetadataImage, id: number, before: BrokerImage | undefined): string {
  const broker = image.cluster.broker(id);
  if (broker === undefined) return `broker ${id} is unregistered`;
  if (broker.epoch !== before?.epoch) return `broker ${id} is registered under epoch ${broker.epoch}`;
  return `broker ${id} is ${broker.fenced ? 'fenced' : broker.inControlledShutdown ? 'about to stop' : 'active'}`;
}
