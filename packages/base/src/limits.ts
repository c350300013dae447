/**
 * Every bound by name, in one place. `production` is what a node runs with; `tiny` makes every edge near, for the simulator and tests.
 * Bounds that a user may set are config keys instead.
 */
export type Limits = {
  /** Nesting and counts in a request: elements of one array, before anything is allocated for them. */
  readonly requestArrayElementsMax: number;
  /** Bytes that the records of one batch may take once decompressed. */
  readonly decompressedBatchBytesMax: number;
  /** Requests of one connection that may be under way at once; beyond it the socket is paused. */
  readonly connectionInFlightMax: number;
  /** Pairs of a client's address and the one that it came to of which is remembered what such clients are told. */
  readonly waysInRememberedMax: number;
  /** How often a node looks whether the addresses of its machine have changed. */
  readonly surroundingsLookMs: number;
  /** How long after the start it is looked whether advertised addresses lead back, how often then, and how long one may take to answer. */
  readonly addressCheckFirstMs: number;
  readonly addressCheckMs: number;
  readonly addressCheckMaxMs: number;
  /** How long name servers may take to say whether they know the name of this machine; a start waits for it. */
  readonly nameServerMs: number;
  /** How long one connection, or one long request, works before others get their turn. */
  readonly turnMs: number;
  /** Response bytes queued to one connection before its socket is paused. */
  readonly connectionQueuedBytesMax: number;
  /** Response and request bytes held by all connections before reading pauses everywhere. */
  readonly brokerQueuedBytesMax: number;
  /** How long a connection may take nothing of what is queued to it while the broker holds too many bytes; then it is cut. */
  readonly stalledReaderMs: number;
  /** How long Metadata and FindCoordinator wait for the leaders of a topic that they have just created. */
  readonly firstLeaderWaitMs: number;
  /** Partitions that all incremental fetch sessions together remember. */
  readonly fetchSessionPartitionsMax: number;
  /** Long polls and acks=all waits parked at once over all partitions. */
  readonly waitersMax: number;
  /** Bytes of the recent tail kept in memory for reads, over all partitions. */
  readonly tailCacheBytesMax: number;
  /** Bytes appended to one log that nobody reads, after which it keeps none of them in memory until somebody does. */
  readonly tailUnreadBytesMax: number;
  /** Open segment file handles over all logs; least recently used are closed. */
  readonly openSegmentFilesMax: number;
  /** Rows of segment indexes kept in memory for lookups, over all logs; the rest is read again from the index files. */
  readonly indexCacheBytesMax: number;
  /** Bytes appended to one log after which they are synced in the background, so that no append meets a wall of dirty pages. */
  readonly backgroundSyncBytes: number;
  /** Logs to be flushed from which on a stop syncs their file systems as a whole. */
  readonly syncTogetherLogs: number;
  /**
   * Free bytes of a log directory below which produce is refused (on a small disk a twentieth of it), so that checkpoints, coordinators and
   * what leaders elsewhere have acknowledged still find room.
   */
  readonly diskReserveBytes: number;
  /** Partitions for which a log directory is remembered until they come to this broker (AlterReplicaLogDirs); the oldest wish goes first. */
  readonly logDirWishesMax: number;
  /** Bytes of one file read. */
  readonly readChunkBytes: number;
  /** Groups of one request that are worked on at once; the others of it wait. */
  readonly requestGroupsAtOnceMax: number;
  /** Operations waiting for one coordinator shard. */
  readonly coordinatorQueuedOpsMax: number;
  /** Bytes of coordinator records in one append; what is written meanwhile goes into the next one. */
  readonly coordinatorBatchBytesMax: number;
  /** Finished rebalances that are remembered of one group; older ones are forgotten. */
  readonly groupRebalancesKeptMax: number;
  /** Finished rebalances that are remembered of all groups of a node together; the oldest are forgotten first. */
  readonly rebalancesKeptMax: number;
  /** Reasons, and lost members, that are remembered of one rebalance; further ones are counted. */
  readonly rebalanceDetailsMax: number;
  /** Times of records that are kept to tell the age of groups' lag. */
  readonly lagTimestampsKeptMax: number;
  /** How often the lag of all groups is measured for metrics. */
  readonly groupLagRefreshMs: number;
  /** Series of the lag of whole groups (two each); together with those of partitions below `metricSeriesMax`. */
  readonly groupLagGroupSeriesMax: number;
  /** Series of the lag of partitions (two each); what has no room is counted. */
  readonly groupLagPartitionSeriesMax: number;
  /** Admin requests waiting at the controller. */
  readonly controllerQueuedOpsMax: number;
  /** Partitions that one admin request may make. */
  readonly controllerPartitionsPerRequestMax: number;
  /** Partitions that are there already which one admin request may change. */
  readonly controllerRecordsPerRequestMax: number;
  /** Leaders that go back to their preferred brokers by themselves in one step. */
  readonly controllerElectionsPerBalanceMax: number;
  /** Records of one slice of what becomes of partitions when a broker comes or goes; the rest follows, others have their turn between. */
  readonly controllerRecordsPerSliceMax: number;
  /** Replicas of which a broker tells in one request in which directory they lie. */
  readonly directoryAssignmentsPerRequestMax: number;
  /** Records after which the controller commits what it has, rather than take more requests into the same batch. */
  readonly controllerBatchRecordsMax: number;
  /** Records since the last metadata snapshot that a start may replay whatever they add up to; beyond it, twice the snapshot's. */
  readonly metadataReplayRecords: number;
  /** Bytes of one message between nodes; a longer one ends its stream. */
  readonly rpcMessageBytesMax: number;
  /** Bytes queued to one stream between nodes from which on its sender is asked to hold back. */
  readonly rpcQueuedBytesMark: number;
  /** Bytes queued to one stream between nodes beyond which it is cut: its sender does not hold back. */
  readonly rpcQueuedBytesMax: number;
  /** Bytes that a node may send on one stream ahead of what the other has taken. */
  readonly rpcWindowBytes: number;
  /** How long a connection between nodes may be quiet before it is asked for a sign of life, and how long that may take. */
  readonly rpcKeepaliveMs: number;
  readonly rpcKeepaliveTimeoutMs: number;
  /** How long a dial may take, from the resolution of the name to the answer of the other node. */
  readonly rpcDialMs: number;
  /** How long the last words of a stream may take to leave. */
  readonly rpcCloseMs: number;
  /** Wait between dials of one node to another: doubles from the first to the second. */
  readonly rpcRedialMinMs: number;
  readonly rpcRedialMaxMs: number;
  /** How long one broker waits for what it asked of another. */
  readonly peerAskMs: number;
  /** Questions to one broker that wait for their answers; beyond it none is asked. */
  readonly peerAsksMax: number;
  /** Partitions of one question. */
  readonly peerAskPartitionsMax: number;
  /** Streams that one connection between nodes may carry. */
  readonly rpcStreamsPerConnectionMax: number;
  /** Streams of brokers that one controller has open. */
  readonly sessionsMax: number;
  /** How long a controller that has become active waits for brokers before it looks whose node is gone, and between such looks. */
  readonly sessionRollCallMs: number;
  /** Requests of one broker that wait for the controller, and that a controller has under way for it. */
  readonly sessionRequestsMax: number;
  /** How long a broker may take nothing of the metadata that is sent to it; then its stream ends, and it comes again. */
  readonly sessionStallMs: number;
  /** How long a broker waits for the answer of one controller before it asks the next one, too. */
  readonly sessionPatienceMs: number;
  /** How long it waits at a controller that does not know who is active. */
  readonly sessionActiveWaitMs: number;
  /** The longest wait of a broker without a session before it asks all controllers again. */
  readonly sessionLookMs: number;
  /** How long the active controller may take to answer a heartbeat before the broker asks the others whether it still is. */
  readonly sessionDoubtMs: number;
  /**
   * Silence of a doubted controller after which clients hear that nobody leads what its node does, and how long they still hear it once another
   * is active: by then the node has been fenced, or heard.
   */
  readonly sessionSilentMs: number;
  /** How long a broker waits for that answer before its heart beats again. */
  readonly sessionReplyMs: number;
  /** Batches of metadata that a broker has been told and has not applied yet; more is told once it has applied half of them. */
  readonly sessionUnappliedBatchesMax: number;
  /** How long a request may wait for the controller, answer included, whatever its client says. */
  readonly sessionRequestMs: number;
  /** Messages of peers, and proposals, that one controller has not looked at yet; further messages are dropped, proposals refused. */
  readonly raftQueuedInputsMax: number;
  /** Messages that wait for the own disk; beyond it the oldest are dropped. */
  readonly raftUnsentMessagesMax: number;
  /** Bytes of entries that wait for the own disk; beyond it a leader takes no proposals. */
  readonly raftUnsyncedBytesMax: number;
  /** Bytes of committed entries that are applied before others have their turn. */
  readonly raftAppliedBytesPerTurn: number;
  /** Bytes of one part of a metadata snapshot; it must fit `rpcMessageBytesMax`. */
  readonly raftSnapshotPartBytesMax: number;
  /** Appends, and bytes of them, that a leader sends one peer ahead of its answers. */
  readonly raftInFlightAppendsMax: number;
  readonly raftInFlightBytesMax: number;
  /** Bytes that a leader takes beyond what is committed; then it refuses until a majority has caught up. */
  readonly raftUncommittedBytesMax: number;
  /** Bytes of the log before the last snapshot that are kept in memory, for peers and brokers a little behind. */
  readonly raftKeptBytesMax: number;
  /** The longest that a follower waits, by chance, before it asks for votes when the leader's streams have broken. */
  readonly raftBrokenStreamWaitMs: number;
  /** Bytes queued to another controller beyond which messages to it are dropped: Raft says them again. */
  readonly raftPeerQueuedBytesMax: number;
  /** Other controllers, voters and observers, that one speaks with. */
  readonly raftPeersMax: number;
  /** How long the controller with the higher id leaves it to the other to dial, so that mostly there is one stream between two. */
  readonly raftDialTurnMs: number;
  /** Bytes from which on a message of batches to a follower is sent; the last batch may go beyond. */
  readonly replicaMessageBytes: number;
  /** Bytes that one partition gives before the next one has its turn; one batch may be larger. */
  readonly replicaPartBytes: number;
  /** Bytes of one partition, and of one stream, that a leader sends a follower ahead of its acknowledgements. */
  readonly replicaPartitionWindowBytes: number;
  readonly replicaStreamWindowBytes: number;
  /** Of that, bytes of partitions that are behind as long as others of the stream are written to: what is written waits behind them. */
  readonly replicaBehindBytes: number;
  /** For how long others count as written to. */
  readonly replicaTailBusyMs: number;
  /** Reads from disk at once for one follower that is behind. */
  readonly replicaReadsAtOnceMax: number;
  /** How long it takes at most until the end of a stream is heard that ended before a request came: answers that name leaders wait so long. */
  readonly metadataListenMs: number;
  /** For how long a leader whose stream to this broker broke is not told to clients, which is enough to fence it if it died. */
  readonly leaderDoubtMs: number;
  /** For how long clients are told that a partition has no leader when its broker was fenced and another leads: see `LeaderChanges`. */
  readonly leaderSettleMs: number;
  /** How long a high watermark waits for batches to go with before it is told to a follower alone. */
  readonly replicaProgressMs: number;
  /** Partitions that one message between replicas names. */
  readonly replicaNamesPerMessageMax: number;
  /** Partitions that one stream between replicas carries. */
  readonly replicaSlotsMax: number;
  /** The first wait of a follower before it names a partition again that was refused; doubles up to replica.fetch.backoff.ms. */
  readonly replicaRefollowMinMs: number;
  /** Partitions whose in-sync sets one request to the controller changes. */
  readonly isrChangesPerRequestMax: number;
  /** How long a broker waits before it asks again for changes of in-sync sets that were refused or not answered. */
  readonly isrRetryMs: number;
  /** How far behind a follower may be for the high watermark to wait until it has joined the in-sync set. */
  readonly isrJoinWaitMs: number;
  /** Bytes of metadata records after which a part of a snapshot is cut, so that making one does not hold up others. */
  readonly controllerSnapshotPartBytes: number;
  /** Series whose labels users make (topics, groups), over all metrics; further ones are counted together. */
  readonly metricSeriesMax: number;
  /** Series whose labels have no values from users. */
  readonly metricClosedSeriesMax: number;
  /** Logs that have series of their own (three each), looked up at each scrape; what has no room is counted. */
  readonly logSeriesMax: number;
  /** Series of what is few by its nature, such as other controllers. */
  readonly fewSeriesMax: number;
  /** How often the event loop is asked how late it is. */
  readonly eventLoopLookMs: number;
  /** Lateness of the event loop from which on it is logged. */
  readonly eventLoopAlarmMs: number;
  /** UTF-16 units of a label's value: a group's name may have 32767 bytes. A longer one is cut, with a digest behind it. */
  readonly metricLabelCharsMax: number;
  /** How long an active controller that stops waits for what is not committed yet: without a majority it never is. */
  readonly controllerDrainMs: number;
  /** How long an orderly stop may take before it is cut short. */
  readonly shutdownDeadlineMs: number;
  /** How long a running node may be without a leader of the quorum, or unanswered by one, until it is not ready: longer than any failover takes. */
  readonly quorumPatienceMs: number;
  /** The longest that one who asks whether this node may stop is kept waiting for the moment. */
  readonly stopWaitMsMax: number;
  /** How many may wait so at once. */
  readonly stopWaitersMax: number;
  /** At which pace it is looked at whether the node may stop. */
  readonly stopLookMs: number;
};

const MIB = 1024 * 1024;

export const production: Limits = {
  requestArrayElementsMax: 1_000_000,
  decompressedBatchBytesMax: 256 * MIB,
  connectionInFlightMax: 64,
  waysInRememberedMax: 1_024,
  surroundingsLookMs: 5_000,
  nameServerMs: 500,
  addressCheckFirstMs: 2_000,
  addressCheckMs: 60_000,
  addressCheckMaxMs: 3_000,
  turnMs: 2,
  connectionQueuedBytesMax: 16 * MIB,
  brokerQueuedBytesMax: 128 * MIB,
  stalledReaderMs: 10_000,
  firstLeaderWaitMs: 5_000,
  fetchSessionPartitionsMax: 1_000_000,
  waitersMax: 1_000_000,
  tailCacheBytesMax: 32 * MIB,
  tailUnreadBytesMax: 2 * MIB,
  openSegmentFilesMax: 4_096,
  indexCacheBytesMax: 16 * MIB,
  backgroundSyncBytes: 16 * MIB,
  syncTogetherLogs: 256,
  diskReserveBytes: 64 * MIB,
  logDirWishesMax: 10_000,
  readChunkBytes: 1 * MIB,
  requestGroupsAtOnceMax: 128,
  coordinatorQueuedOpsMax: 100_000,
  coordinatorBatchBytesMax: 512 * 1024,
  groupRebalancesKeptMax: 32,
  rebalancesKeptMax: 10_000,
  rebalanceDetailsMax: 8,
  lagTimestampsKeptMax: 50_000,
  groupLagRefreshMs: 10_000,
  groupLagGroupSeriesMax: 20_000,
  groupLagPartitionSeriesMax: 20_000,
  controllerQueuedOpsMax: 10_000,
  controllerPartitionsPerRequestMax: 10_000,
  controllerRecordsPerRequestMax: 10_000,
  controllerElectionsPerBalanceMax: 1_000,
  controllerRecordsPerSliceMax: 1_000,
  directoryAssignmentsPerRequestMax: 2_000,
  controllerBatchRecordsMax: 10_000,
  metadataReplayRecords: 20_000,
  rpcMessageBytesMax: 64 * MIB,
  rpcQueuedBytesMark: 4 * MIB,
  rpcQueuedBytesMax: 128 * MIB,
  rpcWindowBytes: 4 * MIB,
  rpcKeepaliveMs: 1_000,
  rpcKeepaliveTimeoutMs: 2_000,
  rpcDialMs: 2_000,
  rpcCloseMs: 1_000,
  rpcRedialMinMs: 20,
  rpcRedialMaxMs: 1_000,
  peerAskMs: 1_000,
  peerAsksMax: 256,
  peerAskPartitionsMax: 1_000,
  rpcStreamsPerConnectionMax: 8,
  sessionsMax: 1_000,
  sessionRollCallMs: 50,
  sessionRequestsMax: 1_000,
  sessionStallMs: 10_000,
  sessionPatienceMs: 100,
  sessionActiveWaitMs: 1_000,
  sessionLookMs: 200,
  sessionDoubtMs: 500,
  sessionSilentMs: 1_000,
  sessionReplyMs: 3_000,
  sessionUnappliedBatchesMax: 10_000,
  sessionRequestMs: 60_000,
  raftQueuedInputsMax: 10_000,
  raftUnsentMessagesMax: 10_000,
  raftUnsyncedBytesMax: 64 * MIB,
  raftAppliedBytesPerTurn: 256 * 1024,
  raftSnapshotPartBytesMax: 32 * MIB,
  raftInFlightAppendsMax: 64,
  raftInFlightBytesMax: 16 * MIB,
  raftUncommittedBytesMax: 64 * MIB,
  raftKeptBytesMax: 4 * MIB,
  raftBrokenStreamWaitMs: 50,
  raftPeerQueuedBytesMax: 64 * MIB,
  raftPeersMax: 64,
  raftDialTurnMs: 100,
  replicaMessageBytes: 256 * 1024,
  replicaPartBytes: 256 * 1024,
  replicaPartitionWindowBytes: 4 * MIB,
  replicaStreamWindowBytes: 16 * MIB,
  replicaBehindBytes: 1 * MIB,
  replicaTailBusyMs: 1_000,
  replicaReadsAtOnceMax: 4,
  metadataListenMs: 2,
  leaderDoubtMs: 1_000,
  leaderSettleMs: 50,
  replicaProgressMs: 3,
  replicaNamesPerMessageMax: 1_000,
  replicaSlotsMax: 100_000,
  replicaRefollowMinMs: 10,
  isrChangesPerRequestMax: 1_000,
  isrRetryMs: 50,
  isrJoinWaitMs: 250,
  controllerSnapshotPartBytes: 128 * 1024,
  metricSeriesMax: 50_000,
  metricClosedSeriesMax: 20_000,
  logSeriesMax: 2_000,
  fewSeriesMax: 100,
  eventLoopLookMs: 100,
  eventLoopAlarmMs: 1_000,
  metricLabelCharsMax: 256,
  controllerDrainMs: 200,
  shutdownDeadlineMs: 1_800,
  quorumPatienceMs: 10_000,
  stopWaitMsMax: 600_000,
  stopWaitersMax: 16,
  stopLookMs: 200,
};

export const tiny: Limits = {
  requestArrayElementsMax: 1_000,
  decompressedBatchBytesMax: 1 * MIB,
  connectionInFlightMax: 4,
  waysInRememberedMax: 4,
  surroundingsLookMs: 50,
  nameServerMs: 50,
  addressCheckFirstMs: 20,
  addressCheckMs: 100,
  addressCheckMaxMs: 50,
  turnMs: 2,
  connectionQueuedBytesMax: 64 * 1024,
  brokerQueuedBytesMax: 256 * 1024,
  stalledReaderMs: 1_000,
  firstLeaderWaitMs: 1_000,
  fetchSessionPartitionsMax: 64,
  waitersMax: 64,
  tailCacheBytesMax: 16 * 1024,
  tailUnreadBytesMax: 8 * 1024,
  openSegmentFilesMax: 8,
  indexCacheBytesMax: 256,
  backgroundSyncBytes: 16 * 1024,
  syncTogetherLogs: 4,
  diskReserveBytes: 4 * 1024,
  logDirWishesMax: 4,
  readChunkBytes: 4 * 1024,
  requestGroupsAtOnceMax: 4,
  coordinatorQueuedOpsMax: 32,
  coordinatorBatchBytesMax: 4 * 1024,
  groupRebalancesKeptMax: 4,
  rebalancesKeptMax: 16,
  rebalanceDetailsMax: 2,
  lagTimestampsKeptMax: 8,
  groupLagRefreshMs: 1_000,
  groupLagGroupSeriesMax: 20,
  groupLagPartitionSeriesMax: 20,
  controllerQueuedOpsMax: 16,
  controllerPartitionsPerRequestMax: 64,
  controllerRecordsPerRequestMax: 64,
  controllerElectionsPerBalanceMax: 4,
  controllerRecordsPerSliceMax: 4,
  directoryAssignmentsPerRequestMax: 4,
  controllerBatchRecordsMax: 16,
  metadataReplayRecords: 64,
  rpcMessageBytesMax: 1 * MIB,
  rpcQueuedBytesMark: 64 * 1024,
  rpcQueuedBytesMax: 4 * MIB,
  rpcWindowBytes: 64 * 1024,
  rpcKeepaliveMs: 200,
  rpcKeepaliveTimeoutMs: 300,
  rpcDialMs: 500,
  rpcCloseMs: 200,
  rpcRedialMinMs: 5,
  rpcRedialMaxMs: 200,
  peerAskMs: 200,
  peerAsksMax: 4,
  peerAskPartitionsMax: 3,
  rpcStreamsPerConnectionMax: 2,
  sessionsMax: 16,
  sessionRollCallMs: 40,
  sessionRequestsMax: 8,
  sessionStallMs: 1_000,
  sessionPatienceMs: 20,
  sessionActiveWaitMs: 200,
  sessionLookMs: 50,
  sessionDoubtMs: 100,
  sessionSilentMs: 200,
  sessionReplyMs: 500,
  sessionUnappliedBatchesMax: 8,
  sessionRequestMs: 5_000,
  raftQueuedInputsMax: 64,
  raftUnsentMessagesMax: 64,
  raftUnsyncedBytesMax: 64 * 1024,
  raftAppliedBytesPerTurn: 1024,
  raftSnapshotPartBytesMax: 512 * 1024,
  raftInFlightAppendsMax: 4,
  raftInFlightBytesMax: 16 * 1024,
  raftUncommittedBytesMax: 64 * 1024,
  raftKeptBytesMax: 1024,
  raftBrokenStreamWaitMs: 20,
  raftPeerQueuedBytesMax: 1 * MIB,
  raftPeersMax: 16,
  raftDialTurnMs: 20,
  replicaMessageBytes: 1024,
  replicaPartBytes: 512,
  replicaPartitionWindowBytes: 2 * 1024,
  replicaStreamWindowBytes: 4 * 1024,
  replicaBehindBytes: 1024,
  replicaTailBusyMs: 20,
  replicaReadsAtOnceMax: 2,
  metadataListenMs: 1,
  leaderDoubtMs: 50,
  leaderSettleMs: 5,
  replicaProgressMs: 3,
  replicaNamesPerMessageMax: 4,
  replicaSlotsMax: 256,
  replicaRefollowMinMs: 5,
  isrChangesPerRequestMax: 2,
  isrRetryMs: 20,
  isrJoinWaitMs: 50,
  controllerSnapshotPartBytes: 1024,
  metricSeriesMax: 200,
  metricClosedSeriesMax: 2_000,
  logSeriesMax: 4,
  fewSeriesMax: 10,
  eventLoopLookMs: 100,
  eventLoopAlarmMs: 1_000,
  metricLabelCharsMax: 64,
  controllerDrainMs: 100,
  shutdownDeadlineMs: 1_800,
  quorumPatienceMs: 500,
  stopWaitMsMax: 1_000,
  stopWaitersMax: 2,
  stopLookMs: 10,
};
