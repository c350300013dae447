/** What all partitions of a broker share. */
import type { Clock, Logger } from '@odradek/base';
import type { LeaderEffect, LeaderTerms } from '../core/leader.ts';
import type { ReplicaFetchers } from '../replica-types.ts';
import type { IsrCounters } from './counters.ts';
import type { IsrChanges } from './isr-changes.ts';
import type { LagCheck } from './lag-check.ts';
import type { WaitingRoom } from './waiting-room.ts';

export type PartitionRoom = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly waitingRoom: WaitingRoom;
  readonly terms: LeaderTerms;
  readonly fetchers: ReplicaFetchers;
  readonly isrChanges: IsrChanges;
  readonly isrCounters: IsrCounters;
  readonly lagCheck: LagCheck;
  /** Where leaders' effects are collected while one of them steps; shared, since a step never meets another. */
  readonly effects: LeaderEffect[];
};
