export { backoffMs } from './core/backoff.ts';
export { isHttp2 } from './core/preface.ts';
export type { Codec, Decoded } from './core/schema.ts';
export type { Service, VersionRange } from './core/service.ts';
export { brokerPeerService } from './core/services/broker-peer.ts';
export type { FromAsked, FromAsker, LogEnd, LogEndOf } from './core/services/broker-peer.ts';
export { brokerSessionService } from './core/services/broker-session.ts';
export type { FromBroker, FromController } from './core/services/broker-session.ts';
export { raftService } from './core/services/raft.ts';
export type { RaftMessage } from './core/services/raft.ts';
export { replicaFetchService } from './core/services/replica-fetch.ts';
export type {
  Diverging,
  FollowPosition,
  FollowRefused,
  FromFollower,
  FromLeader,
  ReplicaPart,
  ReplicaPosition,
  ReplicaProgress,
} from './core/services/replica-fetch.ts';
export { IN_PROCESS, pipe } from './shell/pipe.ts';
export type { Pipe, PipeOptions } from './shell/pipe.ts';
export type {
  Dialled,
  EndKind,
  Ending,
  Farewell,
  Identity,
  Peer,
  ServiceHandler,
  SharingStreamServer,
  Stream,
  StreamClient,
  StreamServer,
  Target,
} from './ports.ts';
