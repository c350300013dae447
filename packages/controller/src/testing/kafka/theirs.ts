/**
 * A controller of Apache Kafka as a subject of the scenarios: asked over its CONTROLLER listener, its records read from
 * its log. Brokers are nothing but what is said of them.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { assert, Prng, randomUuid } from '@odradek/base';
import { decodeRecord, MetadataImage, type MetadataRecord } from '@odradek/metadata';
import {
  ApiKey,
  BrokerRegistrationFencingChange,
  ErrorCode,
  FrameSplitter,
  apiByKey,
  decodeResponse,
  encodeRequest,
  readBatch,
  splitBatches,
  supportedFeatures,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol';
import { CLUSTER_ID, directoryOf } from '../names.ts';
import { alterPartitionOf, jsonOf, type AdminStep, type Json, type Step, type Subject } from './scenario.ts';

const keys: Readonly<Partial<Record<AdminStep['kind'], ApiKey>>> = {
  createTopics: ApiKey.CreateTopics,
  deleteTopics: ApiKey.DeleteTopics,
  createPartitions: ApiKey.CreatePartitions,
  alterConfigs: ApiKey.AlterConfigs,
  incrementalAlterConfigs: ApiKey.IncrementalAlterConfigs,
  allocateProducerIds: ApiKey.AllocateProducerIds,
  alterPartitionReassignments: ApiKey.AlterPartitionReassignments,
  listPartitionReassignments: ApiKey.ListPartitionReassignments,
  electLeaders: ApiKey.ElectLeaders,
  unregisterBroker: ApiKey.UnregisterBroker,
};

const TRIES_MAX = 20;

/** It leads nobody, or fails at everything: with ELR it stumbles over what unregistered brokers and deleted topics leave behind. */
export function hasStumbled(reply: Json): boolean {
  const { errorCode } = reply as { readonly errorCode?: number };
  return errorCode === ErrorCode.NOT_CONTROLLER || errorCode === ErrorCode.UNKNOWN_SERVER_ERROR;
}

export class KafkaController implements Subject {
  readonly image = new MetadataImage();
  readonly brokers = new Map<number, { incarnationId: string; epoch: number }>();
  readonly #wire: Wire;
  readonly #log: KafkaLog;
  readonly #random = new Prng(Date.now());

  private constructor(wire: Wire, log: KafkaLog) {
    this.#wire = wire;
    this.#log = log;
  }

  /** @param logFile of its `__cluster_metadata-0` */
  static async open(address: string, logFile: string): Promise<KafkaController> {
    const kafka = new KafkaController(await Wire.open(address), new KafkaLog(logFile));
    kafka.#committed();
    return kafka;
  }

  close(): void {
    this.#wire.close();
    this.#log.close();
  }

  async take(step: Step): Promise<{ readonly reply: Json; readonly records: readonly MetadataRecord[] }> {
    let reply = jsonOf(await this.#take(step));
    // A controller that stumbles over one of its own faults leads nobody for a moment.
    for (let tried = 0; hasStumbled(reply) && tried < TRIES_MAX; tried += 1) {
      await setTimeout(100);
      reply = jsonOf(await this.#take(step));
    }
    return { reply, records: this.#committed() };
  }

  #take(step: Step): Promise<unknown> {
    switch (step.do) {
      case 'register':
        return this.#register(step);
      case 'beat':
        return this.#beat(step);
      case 'isr':
        return this.#wire.call(ApiKey.AlterPartition, alterPartitionOf(step, this));
      case 'admin': {
        const key = keys[step.kind];
        assert(key !== undefined, 'a scenario asks what a controller is asked', step);
        return this.#wire.call(key, step.request as unknown as RequestInput<typeof key>);
      }
      default:
        throw new Error('no such step');
    }
  }

  async #register(step: Extract<Step, { readonly do: 'register' }>): Promise<object> {
    const incarnationId = randomUuid(this.#random);
    const { errorCode, brokerEpoch } = await this.#wire.call(ApiKey.BrokerRegistration, {
      brokerId: step.broker,
      clusterId: CLUSTER_ID,
      incarnationId,
      listeners: [{ name: 'PLAINTEXT', host: 'localhost', port: 9090 + step.broker, securityProtocol: 0 }],
      features: supportedFeatures.map(({ name, min, max }) => ({
        name,
        minSupportedVersion: min,
        maxSupportedVersion: max,
      })),
      rack: step.rack ?? null,
      isMigratingZkBroker: false,
      logDirs: [directoryOf(step.broker)],
      previousBrokerEpoch: step.unclean === true ? -1 : (this.brokers.get(step.broker)?.epoch ?? -1),
    });
    if (errorCode === 0) this.brokers.set(step.broker, { incarnationId, epoch: brokerEpoch });
    return { errorCode };
  }

  async #beat(step: Extract<Step, { readonly do: 'beat' }>): Promise<object> {
    const { errorCode, isFenced, shouldShutDown } = await this.#wire.call(ApiKey.BrokerHeartbeat, {
      brokerId: step.broker,
      brokerEpoch: this.brokers.get(step.broker)?.epoch ?? -1,
      currentMetadataOffset: 1_000_000_000,
      wantFence: step.fence ?? false,
      wantShutDown: step.stop ?? false,
      offlineLogDirs: [],
      cordonedLogDirs: null,
    });
    return errorCode === 0 ? { errorCode, isFenced, shouldShutDown } : { errorCode };
  }

  /** What has come to the log since the last look, applied; without what only says that the controller lives. */
  #committed(): MetadataRecord[] {
    const records = this.#log.read().filter((record) => !this.#isSaidAgain(record));
    if (records.length > 0)
      this.image.applyBatch({ records, endOffset: this.image.endOffset + records.length, epoch: 1 });
    return records.filter(({ type }) => type !== 'RegisterControllerRecord');
  }

  /** Kafka fences a broker that stops once more although it is fenced. */
  #isSaidAgain({ type, value }: MetadataRecord): boolean {
    if (type !== 'BrokerRegistrationChangeRecord' || value.fenced !== BrokerRegistrationFencingChange.FENCE)
      return false;
    return this.image.cluster.broker(value.brokerId)?.fenced === true;
  }
}

class KafkaLog {
  readonly #file: number;
  #at = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  close(): void {
    closeSync(this.#file);
  }

  read(): MetadataRecord[] {
    const bytes = Buffer.alloc(fstatSync(this.#file).size - this.#at);
    readSync(this.#file, bytes, 0, bytes.length, this.#at);
    const split = splitBatches(bytes);
    if (!split.ok) throw new Error(split.why);
    const records: MetadataRecord[] = [];
    for (const { at, sizeInBytes } of split.value.batches) {
      this.#at += sizeInBytes;
      const batch = readBatch(bytes, at);
      if (!batch.ok) throw new Error(batch.why);
      if (batch.value.isControl) continue;
      for (const { value } of batch.value.records) {
        const decoded = value === null ? undefined : decodeRecord(value);
        if (decoded?.ok === true && decoded.value.type !== 'NoOpRecord') records.push(decoded.value);
      }
    }
    return records;
  }
}

/** One request at a time. */
class Wire {
  readonly #socket: Socket;
  readonly #splitter = new FrameSplitter(100 * 1024 * 1024);
  #answered: PromiseWithResolvers<Buffer> | undefined;
  #correlationId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#splitter.push(chunk, (frame) => this.#answered?.resolve(frame)));
    socket.on('close', () => this.#answered?.reject(new Error('the connection was closed')));
  }

  static async open(address: string): Promise<Wire> {
    const [host = '', port = ''] = address.split(':');
    const socket = connect({ host, port: Number(port) });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Wire(socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  async call<K extends ApiKey>(key: K, body: RequestInput<K>): Promise<ResponseOf<K>> {
    this.#correlationId += 1;
    const version = apiByKey(key).maxStable;
    const head = { correlationId: this.#correlationId, clientId: 'scenario' };
    this.#answered = Promise.withResolvers<Buffer>();
    this.#socket.write(Buffer.concat(encodeRequest(key, version, head, body)));
    const frame = await this.#answered.promise;
    const decoded = decodeResponse(key, version, frame);
    if (!decoded.ok) throw new Error(`the answer cannot be read: ${decoded.why}`);
    return decoded.value.body;
  }
}
