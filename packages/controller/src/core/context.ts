/** What the rooms of the controller machine share. */
import type { NodeConfig, Random } from '@odradek/base';
import type { MetadataImage, MetadataRecord } from '@odradek/metadata';
import type { BalanceSchedule } from './balance.ts';
import type { Moves } from './moves.ts';
import type { BrokerSessions } from './sessions.ts';

/** What a controller is told about itself and its cluster when it is made. */
export type ControllerSettings = {
  readonly clusterId: string;
  readonly nodeId: number;
  /** The node's properties; what was set through the admin API comes from the image. */
  readonly config: NodeConfig;
  /** The level of kraft.version with which a new cluster begins: 1 when voters may come and go by requests. */
  readonly kraftVersion: number;
  /** `broker.session.timeout.ms` */
  readonly sessionTimeoutMs: number;
  /** How long a broker whose stream broke may take to come back before it is fenced. */
  readonly reconnectGraceMs: number;
  /** The bound on partitions that one request may make. */
  readonly partitionsPerRequestMax: number;
  /** The bound on records that one request may make of partitions that are there already. */
  readonly recordsPerRequestMax: number;
  /** The bound on records of one slice of what becomes of partitions when a broker comes or goes. */
  readonly recordsPerSliceMax: number;
  /** Leaders that one automatic balance moves before others have their turn. */
  readonly electionsPerBalanceMax: number;
};

/** The voters of the quorum, as far as whoever runs the machine has told it of them. */
export type KnownVoters = { ids: readonly number[] };

export type ControllerContext = {
  readonly settings: ControllerSettings;
  /** As far as this controller has decided, which is ahead of what is committed. */
  readonly image: MetadataImage;
  readonly sessions: BrokerSessions;
  readonly voters: KnownVoters;
  readonly moves: Moves;
  readonly balance: BalanceSchedule;
  readonly random: Random;
};

/** What an operation makes: records to commit, and the answer that is given once they are. */
export type Decision<T> = { readonly records: readonly MetadataRecord[]; readonly reply: T };

/** A request that changes nothing, or must not. */
export const NO_RECORDS: readonly MetadataRecord[] = [];
