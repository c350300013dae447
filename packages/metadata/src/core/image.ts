/**
 * What the cluster knows, as one object per owner with one writer: the controller's (ahead by what is not yet
 * committed) and the broker's (what is committed). Built only from records, so two owners that applied the same
 * records hold the same.
 */
import { assert, unreachable } from '@odradek/base';
import type { ProducerIdsRecord } from '@odradek/protocol';
import type { CommittedRecords } from '../ports.ts';
import { Acls } from './acls.ts';
import { Cluster } from './cluster.ts';
import { Configs } from './configs.ts';
import { MetadataDelta } from './delta.ts';
import { Features } from './features.ts';
import { Quotas } from './quotas.ts';
import { record, type MetadataRecord } from './records.ts';
import { Scram } from './scram.ts';
import { DelegationTokens } from './tokens.ts';
import { Topics } from './topics.ts';

/** What an image held at one moment. */
export type CapturedImage = {
  readonly endOffset: number;
  readonly epoch: number;
  readonly records: Iterable<MetadataRecord>;
};

export class MetadataImage {
  readonly features = new Features();
  readonly cluster = new Cluster();
  readonly topics = new Topics();
  readonly configs = new Configs();
  readonly quotas = new Quotas();
  readonly acls = new Acls();
  readonly scram = new Scram();
  readonly tokens = new DelegationTokens();
  #producerIds: ProducerIdsRecord | undefined;
  #endOffset = 0;
  #epoch = 0;

  /** The image that a snapshot stands for. */
  static from(state: CommittedRecords): MetadataImage {
    const image = new MetadataImage();
    image.applySnapshot(state, new MetadataDelta());
    return image;
  }

  /** The offset after the last record that was applied. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** The controller epoch of the last record that was applied. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The first producer id that was never given out. */
  get nextProducerId(): number {
    return this.#producerIds?.nextProducerId ?? 0;
  }

  /**
   * Applies a committed batch, which must begin where the image ends. One without records moves on over offsets that hold none: what
   * controllers say among themselves lies there. @returns what it changed
   */
  applyBatch(batch: CommittedRecords): MetadataDelta {
    const expectedEnd = batch.records.length === 0 ? batch.endOffset : this.#endOffset + batch.records.length;
    assert(batch.endOffset === expectedEnd, 'a batch follows what was applied', { end: batch.endOffset, expectedEnd });
    assert(batch.endOffset > this.#endOffset, 'a batch goes forward', { end: batch.endOffset, was: this.#endOffset });
    assert(batch.epoch >= this.#epoch, 'the controller epoch never moves back', { was: this.#epoch, is: batch.epoch });
    const delta = new MetadataDelta();
    for (const each of batch.records) this.#apply(each, delta);
    this.#endOffset = batch.endOffset;
    this.#epoch = batch.epoch;
    return delta;
  }

  /**
   * Fills an image that has seen nothing yet from a snapshot, whose records stand for all that came before its end
   * offset.
   */
  applySnapshot(state: CommittedRecords, delta: MetadataDelta): void {
    this.applySnapshotPart(state.records, delta);
    this.endSnapshot(state);
  }

  /** Some of a snapshot's records; all of them are there when `endSnapshot` says so. */
  applySnapshotPart(records: readonly MetadataRecord[], delta: MetadataDelta): void {
    assert(this.#endOffset === 0, 'a snapshot fills a fresh image', { endOffset: this.#endOffset });
    for (const each of records) this.#apply(each, delta);
  }

  endSnapshot(at: { readonly endOffset: number; readonly epoch: number }): void {
    assert(this.#endOffset === 0, 'a snapshot fills a fresh image', { endOffset: this.#endOffset });
    this.#endOffset = at.endOffset;
    this.#epoch = at.epoch;
  }

  /** The image as records, in one canonical order: equal images give equal records. */
  toRecords(): MetadataRecord[] {
    const out: MetadataRecord[] = [];
    this.features.toRecords(out);
    this.cluster.toRecords(out);
    this.topics.toRecords(out);
    this.configs.toRecords(out);
    this.quotas.toRecords(out);
    if (this.#producerIds !== undefined) out.push(record('ProducerIdsRecord', this.#producerIds));
    this.acls.toRecords(out);
    this.scram.toRecords(out);
    this.tokens.toRecords(out);
    return out;
  }

  /**
   * The image as it is now, to be read later while it goes on: records are made as they are asked for, in no canonical order.
   * @returns what may be read once
   */
  capture(): CapturedImage {
    const others: MetadataRecord[] = [];
    this.features.toRecords(others);
    this.cluster.toRecords(others);
    const topics = this.topics.capture();
    const after: MetadataRecord[] = [];
    this.configs.toRecords(after);
    this.quotas.toRecords(after);
    if (this.#producerIds !== undefined) after.push(record('ProducerIdsRecord', this.#producerIds));
    this.acls.toRecords(after);
    this.scram.toRecords(after);
    this.tokens.toRecords(after);
    return { endOffset: this.#endOffset, epoch: this.#epoch, records: chained(others, topics, after) };
  }

  toSnapshot(): CommittedRecords {
    return { records: this.toRecords(), endOffset: this.#endOffset, epoch: this.#epoch };
  }

  #apply(each: MetadataRecord, delta: MetadataDelta): void {
    switch (each.type) {
      case 'TopicRecord':
        return this.topics.createTopic(each.value, delta);
      case 'PartitionRecord':
        return this.topics.setPartition(each.value, delta);
      case 'PartitionChangeRecord':
        return this.topics.changePartition(each.value, delta);
      case 'RemoveTopicRecord':
        return this.configs.removeTopic(this.topics.removeTopic(each.value, delta).name, delta);
      case 'ClearElrRecord':
        return this.topics.clearElr(each.value, delta);
      case 'RegisterBrokerRecord':
        return this.cluster.register(each.value, delta);
      case 'UnregisterBrokerRecord':
        return this.cluster.unregister(each.value, delta);
      case 'FenceBrokerRecord':
        return this.cluster.fence(each.value, delta);
      case 'UnfenceBrokerRecord':
        return this.cluster.unfence(each.value, delta);
      case 'BrokerRegistrationChangeRecord':
        return this.cluster.change(each.value, delta);
      case 'RegisterControllerRecord':
        return this.cluster.registerController(each.value);
      case 'ConfigRecord':
        return this.configs.set(each.value, delta);
      case 'FeatureLevelRecord':
        return this.features.set(each.value, delta);
      case 'ProducerIdsRecord':
        return this.#setProducerIds(each.value, delta);
      case 'ClientQuotaRecord':
        return this.quotas.set(each.value, delta);
      case 'AccessControlEntryRecord':
        return this.acls.add(each.value, delta);
      case 'RemoveAccessControlEntryRecord':
        return this.acls.remove(each.value, delta);
      case 'UserScramCredentialRecord':
        return this.scram.set(each.value, delta);
      case 'RemoveUserScramCredentialRecord':
        return this.scram.remove(each.value, delta);
      case 'DelegationTokenRecord':
        return this.tokens.set(each.value);
      case 'RemoveDelegationTokenRecord':
        return this.tokens.remove(each.value);
      case 'NoOpRecord':
        return;
      default:
        return unreachable(each);
    }
  }

  #setProducerIds(next: ProducerIdsRecord, delta: MetadataDelta): void {
    assert(next.nextProducerId > this.nextProducerId, 'producer id blocks only move on', next);
    this.#producerIds = next;
    delta.producerIdsChanged = true;
  }
}

function* chained(...lists: readonly Iterable<MetadataRecord>[]): Iterable<MetadataRecord> {
  for (const records of lists) yield* records;
}
