/** All the claims of a run, wired together. */
import type { Limits } from '@odradek/base';
import { Changes } from './changes.ts';
import { Leaders } from './images.ts';
import { Judge } from './judge.ts';
import { Ledger } from './ledger.ts';
import { RaftLog } from './raft-log.ts';

export class Claims {
  readonly judge: Judge;
  readonly changes: Changes;
  readonly ledger: Ledger;
  readonly log: RaftLog;
  readonly leaders: Leaders;

  /** @param limits of the controllers that are watched */
  constructor(nowMs: () => number, limits: Limits) {
    this.judge = new Judge(nowMs);
    this.leaders = new Leaders(this.judge, limits.controllerRecordsPerSliceMax);
    this.changes = new Changes(this.judge);
    this.ledger = new Ledger(this.judge, {
      record: (record, offset) => this.changes.record(record, offset),
      changed: (delta, image) => this.leaders.changed('the log', delta, image),
    });
    this.log = new RaftLog(this.judge, this.ledger);
  }

  settle(): void {
    this.ledger.settle();
    this.changes.settle();
  }
}
