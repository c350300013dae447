/** What people are told of what the controller decided: topics by name, brokers by what became of them. */
import type { Logger, Outcome } from '@odradek/base';
import { adminApiKey, NO_LEADER } from '@odradek/metadata';
import type { AdminReply, AdminRequest, ForRequest } from '@odradek/metadata';
import type { BrokerImage, MetadataDelta, MetadataImage, PartitionImage } from '@odradek/metadata';
import { eachErrorCode, errorName, LeaderRecoveryState } from '@odradek/protocol';
import type { FencedBroker } from '../core/brokers.ts';
import type { ControllerOp, ControllerReply } from '../core/controller.ts';

/** Names in one line; a request may make thousands. */
const NAMES_MAX = 10;

/** Partitions that got a leader which was not in sync. */
export type Elected = {
  /** May lack what was acknowledged. */
  readonly unclean: number;
  /** Has it all (KIP-966). */
  readonly eligible: number;
};

export function tell(
  log: Logger,
  { delta, reply }: { readonly delta: MetadataDelta; readonly reply: ControllerReply },
  image: MetadataImage,
): Elected {
  const created = [...delta.topicsCreated.values()];
  if (created.length > 0) {
    const partitions = created.reduce((sum, topic) => sum + topic.partitions.length, 0);
    log.info({ topics: created.length, partitions }, `created ${named(created.map((topic) => topic.name))}`);
  }
  const deleted = [...delta.topicsDeleted.values()];
  if (deleted.length > 0) log.info({ topics: deleted.length }, `deleted ${named(deleted.map((topic) => topic.name))}`);
  for (const [brokerId, before] of delta.brokers) {
    const what = becameOf(before, image.cluster.broker(brokerId));
    if (what !== undefined) log.debug({ brokerId }, `broker ${brokerId} ${what}`);
  }
  if (reply.kind === 'balanced' && reply.leaders > 0)
    log.info({ leaders: reply.leaders }, `leaders that went back to their preferred brokers: ${reply.leaders}`);
  tellReassigned(log, delta);
  return tellElected(log, delta);
}

type Asked = { readonly request: AdminRequest; readonly principal: string; readonly of: ForRequest };

/** What became of the request of a client: refused as a whole, or with the error codes that are in its answer. */
export function tellAnswered(
  log: Logger,
  { request: { kind }, principal, of }: Asked,
  outcome: Outcome<{ readonly reply: AdminReply<AdminRequest> }>,
): void {
  const fields = { ...of, principal };
  if (!outcome.ok) return log.debug({ ...fields, code: outcome.code }, `${kind} is refused: ${outcome.why}`);
  const errors = new Set<string>();
  eachErrorCode(adminApiKey(kind), outcome.value.reply, (code) => void errors.add(errorName(code)));
  const names = [...errors];
  if (names.length === 0) log.debug(fields, `${kind} is decided`);
  else log.debug({ ...fields, errors: names }, `${kind} is decided, with ${shortened(names)}`);
}

/** What operators must know: partitions that nobody leads, and those whose leader may lack what was acknowledged. */
function tellElected(log: Logger, delta: MetadataDelta): Elected {
  const leaderless: string[] = [];
  const unclean: string[] = [];
  let eligible = 0;
  for (const { topic, partition, before, after } of delta.partitions()) {
    if (before === undefined) continue;
    if (after.leader === NO_LEADER && before.leader !== NO_LEADER) leaderless.push(`${topic.name}-${partition}`);
    const recovers = after.leaderRecoveryState === LeaderRecoveryState.RECOVERING;
    if (recovers && before.leader !== after.leader) unclean.push(`${topic.name}-${partition}`);
    else if (before.elr.includes(after.leader)) eligible += 1;
  }
  if (leaderless.length > 0) log.warn({ partitions: leaderless.length }, `without a leader: ${shortened(leaderless)}`);
  if (unclean.length > 0) {
    const what = 'led by a replica that may lack acknowledged records (unclean election)';
    log.warn({ partitions: unclean.length }, `${what}: ${shortened(unclean)}`);
  }
  return { unclean: unclean.length, eligible };
}

function tellReassigned(log: Logger, delta: MetadataDelta): void {
  const begun: string[] = [];
  const ended: string[] = [];
  for (const { topic, partition, before, after } of delta.partitions()) {
    if (before === undefined || isReassigning(before) === isReassigning(after)) continue;
    (isReassigning(after) ? begun : ended).push(`${topic.name}-${partition}`);
  }
  if (begun.length > 0) log.info({ partitions: begun.length }, `replicas move: ${shortened(begun)}`);
  if (ended.length > 0) log.info({ partitions: ended.length }, `replicas have moved: ${shortened(ended)}`);
}

function isReassigning({ addingReplicas, removingReplicas }: PartitionImage): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}

function named(names: readonly string[]): string {
  return `${names.length === 1 ? 'topic' : 'topics'} ${shortened(names)}`;
}

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).join(', ');
  return names.length > NAMES_MAX ? `${shown} and ${names.length - NAMES_MAX} more` : shown;
}

function becameOf(before: BrokerImage | undefined, after: BrokerImage | undefined): string | undefined {
  if (after === undefined) return 'is no longer registered';
  if (before?.epoch !== after.epoch) return `has registered with epoch ${after.epoch}`;
  if (before.fenced !== after.fenced) return after.fenced ? 'is fenced' : 'is unfenced';
  if (before.inControlledShutdown !== after.inControlledShutdown) return 'is about to stop';
  return undefined;
}

/** Brokers that an operation has fenced although they did not ask for it. */
export function fencedBy(
  { op, delta, reply }: { readonly op: ControllerOp; readonly delta: MetadataDelta; readonly reply: ControllerReply },
  image: MetadataImage,
): readonly FencedBroker[] {
  if (reply.kind === 'expired') return [reply.fenced];
  if (op.kind === 'heartbeat') return [];
  const fenced: FencedBroker[] = [];
  for (const [brokerId, before] of delta.brokers) {
    const after = image.cluster.broker(brokerId);
    if (before === undefined || before.fenced || (after?.epoch === before.epoch && !after.fenced)) continue;
    const why = after === undefined ? 'it was unregistered' : 'another life of this broker has registered';
    fenced.push({ brokerId, brokerEpoch: before.epoch, why });
  }
  return fenced;
}
