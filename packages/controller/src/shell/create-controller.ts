/**
 * Puts a controller together: what its store holds, the machine on top of it, the loop that runs it, and the link that
 * brokers use.
 */
import { join } from 'node:path';
import { assert, limits as allLimits, ok, refuse, StorageFault } from '@odradek/base';
import type { Limits, Logger, NodeConfig, Outcome, Ports } from '@odradek/base';
import {
  MetadataDelta,
  MetadataImage,
  type AdminReply,
  type AdminRequest,
  type BrokerRegistration,
  type ControllerLink,
  type MetadataObserver,
  type MetadataStore,
  type QuorumRequest,
} from '@odradek/metadata';
import type { Heartbeat, HeartbeatReply } from '../core/brokers.ts';
import { Controller, type ControllerOp, type ControllerReply } from '../core/controller.ts';
import { unsupportedFeature } from '../core/features.ts';
import { openLevelStore } from './level-store.ts';
import { ControllerRuntime, type RuntimeOptions } from './runtime.ts';

/** As Kafka names it, so that whoever scans the data directories knows that it is no topic. */
export const METADATA_DIRECTORY = '__cluster_metadata-0';

export type ControllerOptions = {
  readonly ports: Pick<Ports, 'clock' | 'random' | 'files'>;
  readonly config: NodeConfig;
  readonly clusterId: string;
  readonly log: Logger;
  /** Left out: LevelDB in `__cluster_metadata-0` of `metadata.log.dir`, else of the first of `log.dirs`. */
  readonly store?: MetadataStore;
  readonly limits?: Limits;
  /** Nothing more can be committed: the node must stop. */
  readonly onFault: (fault: Error) => void;
};

export type RunningController = {
  readonly link: ControllerLink;
  /** Answers what is waiting, then closes the store. */
  close(): Promise<void>;
};

/** @throws StorageFault when the store cannot be opened or is corrupt */
export async function createController(options: ControllerOptions): Promise<RunningController> {
  const { ports, config, clusterId, log } = options;
  const limits = options.limits ?? allLimits.production;
  const directory = join(config.metadataLogDir, METADATA_DIRECTORY);
  const store = options.store ?? (await openLevelStore(directory, ports.files));
  try {
    const { image, loaded } = await loadImage(store, directory);
    const settings = {
      clusterId,
      nodeId: config.nodeId,
      config,
      sessionTimeoutMs: config.get('broker.session.timeout.ms'),
      partitionsPerRequestMax: limits.controllerPartitionsPerRequestMax,
      recordsPerRequestMax: limits.controllerRecordsPerRequestMax,
      electionsPerBalanceMax: limits.controllerElectionsPerBalanceMax,
      recordsPerSliceMax: limits.controllerRecordsPerSliceMax,
      reconnectGraceMs: limits.brokerReconnectGraceMs,
    };
    const runtime = new ControllerRuntime({
      controller: new Controller(settings, ports.random, image),
      store,
      clock: ports.clock,
      limits,
      log,
      loaded,
      snapshotBytes: config.get('metadata.log.max.record.bytes.between.snapshots'),
      snapshotIntervalMs: config.get('metadata.log.max.snapshot.interval.ms'),
      onFault: options.onFault,
    });
    const activated = await runtime.submit({ kind: 'activated' });
    if (!activated.ok) throw new StorageFault(directory, new Error(activated.why));
    return { link: linkTo(runtime), close: () => runtime.close() };
  } catch (cause) {
    await store.close();
    throw cause;
  }
}

async function loadImage(
  store: MetadataStore,
  directory: string,
): Promise<{ readonly image: MetadataImage; readonly loaded: RuntimeOptions['loaded'] }> {
  const { snapshot, batches } = await store.load();
  const image = new MetadataImage();
  if (snapshot !== undefined) image.applySnapshot(snapshot, new MetadataDelta());
  for (const batch of batches) image.applyBatch(batch);
  const unsupported = unsupportedFeature(image);
  if (unsupported !== undefined && !unsupported.ok) throw new StorageFault(directory, new Error(unsupported.why));
  const replayedRecords = batches.reduce((sum, batch) => sum + batch.records.length, 0);
  return { image, loaded: { snapshotRecords: snapshot?.records.length ?? 0, replayedRecords } };
}

/** The link of a broker in the same process: a direct call. */
function linkTo(runtime: ControllerRuntime): ControllerLink {
  return {
    async register(registration: BrokerRegistration): Promise<Outcome<{ readonly brokerEpoch: number }>> {
      const outcome = await runtime.submit({ kind: 'registered', registration });
      return outcome.ok ? replyOf(outcome.value.reply, 'registered').outcome : outcome;
    },
    async heartbeat(beat: Heartbeat): Promise<Outcome<HeartbeatReply>> {
      const outcome = await runtime.submit({ kind: 'heartbeat', beat });
      return outcome.ok ? replyOf(outcome.value.reply, 'heartbeat').outcome : outcome;
    },
    subscribe: (observer: MetadataObserver) => runtime.subscribe(observer),
    async submit<R extends AdminRequest>(
      request: R,
      _principal: string,
    ): Promise<Outcome<{ readonly reply: AdminReply<R>; readonly committedOffset: number }>> {
      assert(!isOfQuorum(request), 'one node alone has no quorum to ask', { kind: request.kind });
      const op: ControllerOp = { kind: 'admin', request };
      const outcome = await runtime.submit(op);
      if (!outcome.ok) return refuse(outcome.code, outcome.why);
      const { reply } = replyOf(outcome.value.reply, 'admin');
      // The machine answers a request with the response of its kind; the compiler cannot follow that through the queue.
      return ok({ reply: reply as AdminReply<R>, committedOffset: outcome.value.committedOffset });
    },
  };
}

function isOfQuorum(request: AdminRequest): request is QuorumRequest {
  return request.kind === 'describeQuorum' || request.kind.endsWith('RaftVoter');
}

function replyOf<K extends ControllerReply['kind']>(
  reply: ControllerReply,
  kind: K,
): Extract<ControllerReply, { readonly kind: K }> {
  assert(reply.kind === kind, 'an operation is answered in its kind', { kind, reply: reply.kind });
  return reply as Extract<ControllerReply, { readonly kind: K }>;
}
