/** What a driver is given, and what it is asked. */
import type { Clock, Limits, Logger, Metrics, Outcome, Random } from '@odradek/base';
import type { Proposal } from '../core/leader.ts';
import type { Position, ReplicaKey, Voter } from '../core/messages.ts';
import type { RaftOptions } from '../core/state.ts';
import type { RaftMachine, RaftStore, RaftTransport } from '../ports.ts';
import type { Answer } from './proposals.ts';

export type DriverOptions = {
  readonly self: ReplicaKey;
  readonly raft: RaftOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: RaftStore;
  readonly transport: RaftTransport;
  readonly machine: RaftMachine;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The store or the machine failed, or a claim is broken: nothing more is acknowledged, and the node must stop. Called once. */
  readonly onFault: (fault: Error) => void;
};

/**
 * Makes a proposal at the moment at which it is taken: nothing comes between what it knows and its place in the log.
 * @param at where it will begin, and the epoch of the lead
 * @returns undefined: nothing is to be said here after all
 */
export type MakeProposal = (at: Position) => Proposal | undefined;

export type Asked =
  | {
      readonly kind: 'propose';
      readonly make: MakeProposal;
      readonly answer: (outcome: Outcome<Position | undefined>) => void;
    }
  | {
      readonly kind: 'changeVoters';
      readonly voters: readonly Voter[];
      readonly taken: ((position: Position) => void) | undefined;
      readonly answer: Answer;
    };
