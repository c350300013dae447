/**
 * Brokers and controllers as they registered, and the state the controller keeps of them (fenced, in controlled
 * shutdown).
 */
import { assert } from '@odradek/base';
import {
  BrokerRegistrationFencingChange as FencingChange,
  BrokerRegistrationInControlledShutdownChange as ControlledShutdownChange,
} from '@odradek/protocol';
import type {
  BrokerRegistrationChangeRecord,
  FenceBrokerRecord,
  RegisterBrokerRecord,
  RegisterControllerRecord,
  UnfenceBrokerRecord,
  UnregisterBrokerRecord,
} from '@odradek/protocol';
import type { Endpoint } from '../ports.ts';
import type { MetadataDelta } from './delta.ts';
import { record, type MetadataRecord } from './records.ts';

export type SupportedFeature = { readonly name: string; readonly min: number; readonly max: number };

/** One broker's registration. Never changed in place. */
export type BrokerImage = {
  readonly id: number;
  /** The offset of the record that registered this incarnation. */
  readonly epoch: number;
  readonly incarnationId: string;
  readonly endpoints: readonly Endpoint[];
  readonly features: readonly SupportedFeature[];
  readonly rack: string | null;
  readonly fenced: boolean;
  readonly inControlledShutdown: boolean;
  readonly logDirs: readonly string[];
  readonly cordonedLogDirs: readonly string[];
};

export class Cluster {
  readonly #brokers = new Map<number, BrokerImage>();
  readonly #controllers = new Map<number, RegisterControllerRecord>();

  broker(id: number): BrokerImage | undefined {
    return this.#brokers.get(id);
  }

  brokers(): IterableIterator<BrokerImage> {
    return this.#brokers.values();
  }

  controllers(): IterableIterator<RegisterControllerRecord> {
    return this.#controllers.values();
  }

  /** Registered, not fenced: clients may be sent to it. */
  isAlive(id: number): boolean {
    return this.#brokers.get(id)?.fenced === false;
  }

  /** Alive and not about to stop: it may lead and join an ISR. */
  isActive(id: number): boolean {
    const broker = this.#brokers.get(id);
    return broker !== undefined && !broker.fenced && !broker.inControlledShutdown;
  }

  register(registered: RegisterBrokerRecord, delta: MetadataDelta): void {
    this.#put(brokerOf(registered), delta);
  }

  registerController(registered: RegisterControllerRecord): void {
    this.#controllers.set(registered.controllerId, registered);
  }

  unregister(gone: UnregisterBrokerRecord, delta: MetadataDelta): void {
    const broker = this.#registered(gone.brokerId, gone.brokerEpoch);
    this.#brokers.delete(broker.id);
    delta.noteBroker(broker.id, broker);
  }

  fence(fenced: FenceBrokerRecord, delta: MetadataDelta): void {
    this.#put({ ...this.#registered(fenced.id, fenced.epoch), fenced: true }, delta);
  }

  unfence(unfenced: UnfenceBrokerRecord, delta: MetadataDelta): void {
    this.#put({ ...this.#registered(unfenced.id, unfenced.epoch), fenced: false }, delta);
  }

  change(change: BrokerRegistrationChangeRecord, delta: MetadataDelta): void {
    const before = this.#registered(change.brokerId, change.brokerEpoch);
    const fenced = change.fenced === FencingChange.NONE ? before.fenced : change.fenced === FencingChange.FENCE;
    const stops = change.inControlledShutdown === ControlledShutdownChange.IN_CONTROLLED_SHUTDOWN;
    const after: BrokerImage = {
      ...before,
      fenced,
      inControlledShutdown: stops || before.inControlledShutdown,
      logDirs: change.logDirs.length === 0 ? before.logDirs : change.logDirs,
      cordonedLogDirs: change.cordonedLogDirs ?? before.cordonedLogDirs,
    };
    this.#put(after, delta);
  }

  toRecords(out: MetadataRecord[]): void {
    for (const broker of [...this.#brokers.values()].sort((a, b) => a.id - b.id))
      out.push(record('RegisterBrokerRecord', registrationRecordOf(broker)));
    for (const controller of [...this.#controllers.values()].sort((a, b) => a.controllerId - b.controllerId))
      out.push(record('RegisterControllerRecord', controller));
  }

  #registered(id: number, epoch: number): BrokerImage {
    const broker = this.#brokers.get(id);
    assert(broker !== undefined, 'a changed broker is registered', { id, epoch });
    assert(broker.epoch === epoch, 'a change of a broker names its epoch', { id, epoch, registered: broker.epoch });
    return broker;
  }

  #put(after: BrokerImage, delta: MetadataDelta): void {
    delta.noteBroker(after.id, this.#brokers.get(after.id));
    this.#brokers.set(after.id, after);
  }
}

function brokerOf(registered: RegisterBrokerRecord): BrokerImage {
  return {
    id: registered.brokerId,
    epoch: registered.brokerEpoch,
    incarnationId: registered.incarnationId,
    endpoints: registered.endPoints,
    features: registered.features.map(({ name, minSupportedVersion: min, maxSupportedVersion: max }) => ({
      name,
      min,
      max,
    })),
    rack: registered.rack,
    fenced: registered.fenced,
    inControlledShutdown: registered.inControlledShutdown,
    logDirs: registered.logDirs,
    cordonedLogDirs: registered.cordonedLogDirs ?? [],
  };
}

export function registrationRecordOf(broker: BrokerImage): RegisterBrokerRecord {
  return {
    brokerId: broker.id,
    isMigratingZkBroker: false,
    incarnationId: broker.incarnationId,
    brokerEpoch: broker.epoch,
    endPoints: broker.endpoints.map((endpoint) => ({ ...endpoint, auto: endpoint.auto ?? null })),
    features: broker.features.map(({ name, min, max }) => ({
      name,
      minSupportedVersion: min,
      maxSupportedVersion: max,
    })),
    rack: broker.rack,
    fenced: broker.fenced,
    inControlledShutdown: broker.inControlledShutdown,
    logDirs: broker.logDirs,
    cordonedLogDirs: broker.cordonedLogDirs.length === 0 ? null : broker.cordonedLogDirs,
  };
}
