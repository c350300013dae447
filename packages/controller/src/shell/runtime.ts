/**
 * Runs the controller of one node on the quorum's log: a standby applies what is committed, the active one (active.ts) decides. The image
 * of the active one is ahead of the log by one batch; when the lead is lost with it under way, the image is made anew from what is committed.
 */
import { StorageFault, assert } from '@odradek/base';
import type { Clock, Limits, Logger, Outcome, Random } from '@odradek/base';
import { MetadataImage } from '@odradek/metadata';
import type { ForRequest } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { ControllerOp } from '../core/controller.ts';
import type { ControllerSettings } from '../core/context.ts';
import type { FencedBroker } from '../core/brokers.ts';
import { unsupportedFeature } from '../core/features.ts';
import type { LogReader } from '../ports.ts';
import type { Entry, Voter } from '../raft/core/messages.ts';
import type { SnapshotMark } from '../raft/core/entries.ts';
import type { RaftMachine } from '../raft/ports.ts';
import type { RaftDriver } from '../raft/shell/driver.ts';
import { ActiveController } from './active.ts';
import type { Committed, Decided } from './active.ts';
import { imageOfParts } from './image-parts.ts';
import { Readers } from './readers.ts';
import { rebuiltImage, recordsIn } from './rebuild.ts';
import { Snapshots } from './snapshots.ts';
import { fencedBy, tell } from './tell.ts';

export type RuntimeOptions = {
  readonly settings: ControllerSettings;
  readonly random: Random;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  /** A snapshot is taken once the entries since the last one are this large, or the last one is this old. */
  readonly snapshotBytes: number;
  readonly snapshotIntervalMs: number;
};

export type LeaderSeen = { readonly leaderId: number | null; readonly epoch: number };

export class ControllerRuntime implements RaftMachine {
  readonly #options: RuntimeOptions;
  readonly #readers: Readers;
  /** Partitions that this controller gave a leader which may lack acknowledged records. */
  uncleanElections = 0;
  /** Those whose new leader was out of sync, and has all of them. */
  eligibleElections = 0;
  #image = new MetadataImage();
  /** The image cannot be made from what is there: a snapshot is to come. */
  #isStale = false;
  #lead: ActiveController | undefined;
  #seen: LeaderSeen = { leaderId: null, epoch: 0 };
  #voters: readonly Voter[] = [];
  #driver: RaftDriver | undefined;
  #snapshots: Snapshots | undefined;
  #state: 'running' | 'closing' | 'closed' | 'failed' = 'running';
  #isWoken = false;
  readonly #onLeader = new Set<(seen: LeaderSeen) => void>();
  readonly #onFenced: ((fenced: FencedBroker) => void)[] = [];
  readonly #onReady: (() => void)[] = [];
  readonly #onVoters: ((voters: readonly Voter[]) => void)[] = [];
  readonly #onFeatures: (() => void)[] = [];

  constructor(options: RuntimeOptions) {
    const { clock, limits } = options;
    this.#options = options;
    this.#readers = new Readers({
      clock,
      limits,
      capture: () => (this.#isCommitted ? this.#image.capture() : undefined),
      after: (from, bytesMax) => this.#attached.appliedAfter(from, bytesMax),
      onFault: (cause) => {
        throw cause;
      },
    });
  }

  /** Before the driver's first turn. */
  attach(driver: RaftDriver): void {
    this.#driver = driver;
    this.#voters = driver.voters;
    this.#snapshots = new Snapshots({ ...this.#options, driver });
  }

  get #attached(): RaftDriver {
    assert(this.#driver !== undefined, 'the replica is there before it is used');
    return this.#driver;
  }

  /** The image is neither ahead of what is committed nor lacks any of it. */
  get #isCommitted(): boolean {
    return this.#lead?.isAhead !== true && !this.#isStale;
  }

  get leader(): LeaderSeen {
    return this.#seen;
  }

  get voters(): readonly Voter[] {
    return this.#voters;
  }

  get isActive(): boolean {
    return this.#lead !== undefined;
  }

  /** Finalized features, brokers and all else, as far as it is decided here. Not for keeping. */
  get image(): MetadataImage {
    return this.#image;
  }

  /** @returns what ends it */
  onLeader(changed: (seen: LeaderSeen) => void): () => void {
    this.#onLeader.add(changed);
    return () => void this.#onLeader.delete(changed);
  }

  onVoters(changed: (voters: readonly Voter[]) => void): void {
    this.#onVoters.push(changed);
  }

  /** Levels of features have changed. */
  onFeatures(changed: () => void): void {
    this.#onFeatures.push(changed);
  }

  onFenced(told: (fenced: FencedBroker) => void): void {
    this.#onFenced.push(told);
  }

  /** Called each time when this node has become the active controller and what it begins with is committed. */
  onReady(ready: () => void): void {
    this.#onReady.push(ready);
  }

  /**
   * Resolves once what the operation decided is committed and every reader that is level has been told of it. NOT_CONTROLLER: nothing came
   * of it. REQUEST_TIMED_OUT: it may or may not come to be, or too much waits here already (then nothing came of it either).
   * @param of stands in the lines about what was decided
   */
  submit(op: ControllerOp, of?: ForRequest): Promise<Outcome<Committed>> {
    if (this.#state !== 'running' || this.#lead === undefined) return Promise.resolve(this.#notActive());
    return this.#lead.submit(op, of);
  }

  read(from: { readonly endOffset: number; readonly epoch: number }, reader: LogReader): { close(): void } {
    if (this.#state === 'running' && this.#lead !== undefined) return this.#readers.open(from, reader);
    const { why } = this.#notActive();
    void Promise.resolve().then(() => reader.ended(why));
    return { close: () => undefined };
  }

  // What the replica tells.

  committed(entry: Entry): void {
    const lead = this.#lead;
    const decided = lead?.taken(entry);
    if (decided !== undefined) this.#snapshots?.applied(entry.endOffset - entry.offset);
    else if (!this.#isStale && entry.endOffset > this.#image.endOffset) this.#apply(entry);
    this.#readers.committed(entry);
    this.#readers.settled();
    lead?.settled(decided, entry.endOffset);
    this.#wake();
  }

  #apply(entry: Entry): void {
    const { endOffset, epoch } = entry;
    const records = recordsIn(entry);
    const delta = this.#image.applyBatch({ records, endOffset, epoch });
    if (delta.features.size > 0) this.#featuresChanged();
    this.#snapshots?.applied(records.length);
  }

  async restored(mark: SnapshotMark, parts: AsyncIterable<Buffer>): Promise<void> {
    const { image, recordCount } = await imageOfParts(mark, parts);
    this.#image = image;
    this.#isStale = false;
    this.#snapshots?.restored(recordCount);
    this.#featuresChanged();
  }

  leading(epoch: number): void {
    assert(!this.#isStale, 'whoever leads has applied all that is committed');
    const lead = new ActiveController({
      ...this.#options,
      epoch,
      image: this.#image,
      voters: () => this.#voters,
      propose: (make) => this.#attached.proposeMade(make),
      wake: () => this.#wake(),
      told: (decided) => this.#told(decided),
    });
    this.#lead = lead;
    void lead.submit({ kind: 'activated' }).then((outcome) => this.#activated(epoch, outcome));
    this.#leaderChanged({ leaderId: this.#options.settings.nodeId, epoch });
  }

  #activated(epoch: number, outcome: Outcome<Committed>): void {
    if (!outcome.ok || this.#lead?.epoch !== epoch) return;
    this.#options.log.info({ epoch }, `the active controller has caught up, and decides from epoch ${epoch} on`);
    for (const ready of this.#onReady) ready();
  }

  following(leaderId: number | null, epoch: number): Promise<void> | undefined {
    const lead = this.#lead;
    this.#lead = undefined;
    this.#leaderChanged({ leaderId, epoch });
    if (lead === undefined) return undefined;
    const { isAhead } = lead;
    this.#endLead(lead, this.#notActive().why);
    return isAhead ? this.#rebuild() : undefined;
  }

  votersChanged(voters: readonly Voter[]): void {
    this.#voters = voters;
    for (const changed of this.#onVoters) changed(voters);
  }

  #leaderChanged(seen: LeaderSeen): void {
    this.#seen = seen;
    for (const changed of this.#onLeader) changed(seen);
  }

  #endLead(lead: ActiveController, why: string): void {
    lead.end(why);
    this.#readers.endAll(why);
  }

  /** Makes the image from what is committed. */
  async #rebuild(): Promise<void> {
    const { clock, limits, log } = this.#options;
    this.#isStale = true;
    const image = await rebuiltImage({ driver: this.#attached, clock, limits });
    if (image === undefined) return;
    this.#image = image;
    this.#isStale = false;
    log.info({ endOffset: image.endOffset }, 'what was decided and not committed is forgotten');
  }

  /** Metadata of a version that this one does not know is not acted upon. */
  #featuresChanged(): void {
    const unsupported = unsupportedFeature(this.#image);
    if (unsupported !== undefined && !unsupported.ok)
      throw new StorageFault('the metadata log', new Error(unsupported.why));
    for (const changed of this.#onFeatures) changed();
  }

  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    // What is asked in the same turn shares a batch.
    void Promise.resolve().then(() => this.#turn());
  }

  #turn(): void {
    this.#isWoken = false;
    if (this.#state === 'failed' || this.#state === 'closed') return;
    if (this.#isCommitted) this.#snapshots?.takeWhenDue(this.#image);
    this.#lead?.turn();
  }

  /** Committed, and told to the readers. */
  #told({ op, delta, reply, of }: Decided): void {
    if (delta === undefined) return;
    const log = of === undefined ? this.#options.log : this.#options.log.child(of);
    const elected = tell(log, { delta, reply }, this.#image);
    this.uncleanElections += elected.unclean;
    this.eligibleElections += elected.eligible;
    if (delta.features.size > 0) for (const changed of this.#onFeatures) changed();
    for (const fenced of fencedBy({ op, delta, reply }, this.#image)) this.#fenced(fenced, log);
  }

  #fenced(fenced: FencedBroker, log: Logger): void {
    const { brokerId, why } = fenced;
    log.warn({ brokerId }, `broker ${brokerId} is fenced: ${why}`);
    for (const told of this.#onFenced) told(fenced);
  }

  #notActive(): Outcome<never> & { readonly ok: false } {
    const { leaderId } = this.#seen;
    const { nodeId } = this.#options.settings;
    const who = leaderId === null || leaderId === nodeId ? 'no other is known yet' : `node ${leaderId} is`;
    const why =
      this.#state === 'failed'
        ? 'The controller has failed and is stopping.'
        : this.#state === 'running'
          ? `Node ${nodeId} is not the active controller: ${who}.`
          : 'The controller is closed.';
    return { ok: false, code: ErrorCode.NOT_CONTROLLER, why };
  }

  /**
   * Decides nothing more before `goOn`; what is asked waits. Then the lead may be handed over without anybody who does not know what came
   * of a request: what waits is refused with NOT_CONTROLLER, and may be asked of the next one.
   */
  hold(): { readonly quiet: Promise<void>; readonly goOn: () => void } {
    return this.#lead?.hold() ?? { quiet: Promise.resolve(), goOn: () => this.#wake() };
  }

  /** Takes nothing more, and resolves when what waits is answered: at the latest when the lead is lost, or after `controllerDrainMs`. */
  async drain(): Promise<void> {
    if (this.#state === 'running') this.#state = 'closing';
    if (this.#state === 'closing') await this.#lead?.drain();
  }

  /** Nobody hears anything more. */
  close(): void {
    if (this.#state === 'closing') this.#state = 'closed';
    const lead = this.#lead;
    this.#lead = undefined;
    if (lead !== undefined) this.#endLead(lead, this.#notActive().why);
  }

  /** The store failed, or a claim is broken: the node stops. */
  failed(): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    const lead = this.#lead;
    this.#lead = undefined;
    if (lead !== undefined) this.#endLead(lead, this.#notActive().why);
  }
}
