/** All the claims of a run, wired together. */
import type { Limits } from '@odradek/base';
import { Changes } from './changes.ts';
import { Leaders } from './images.ts';
import { Judge } from './judge.ts';
import { Ledger } from './ledger.ts';
import { RaftLog } from './raft-log.ts';
import { Registrations } from './registrations.ts';

export class Claims {
  readonly judge: Judge;
  readonly changes: Changes;
  readonly ledger: Ledger;
  readonly log: RaftLog;
  readonly leaders: Leaders;
  readonly registrations: Registrations;

  /** @param patienceMs how long a controller may believe that it leads after it has lost its majority */
  constructor(nowMs: () => number, { limits, patienceMs }: { readonly limits: Limits; readonly patienceMs: number }) {
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
      },
    });
    this.log = new RaftLog(this.judge, this.ledger);
  }

  settle(): void {
    this.ledger.settle();
    this.changes.settle();
  }
}
