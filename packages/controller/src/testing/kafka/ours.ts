/** Our machine as a subject of the scenarios. */
import { MetadataImage, record, type MachineRequest, type MetadataRecord } from '@odradek/metadata';
import { FeatureName, supportedFeatures } from '@odradek/protocol';
import { Harness } from '../harness.ts';
import { alterPartitionOf, jsonOf, type Json, type Step, type Subject } from './scenario.ts';

const METADATA_VERSION_LEVEL = 30;

export class OurController implements Subject {
  readonly #harness: Harness;
  #taken = 0;

  constructor(elr: boolean) {
    const image = new MetadataImage();
    const records = [
      record('FeatureLevelRecord', { name: FeatureName.METADATA_VERSION, featureLevel: METADATA_VERSION_LEVEL }),
    ];
    if (elr)
      records.push(
        record('FeatureLevelRecord', { name: FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION, featureLevel: 1 }),
      );
    image.applyBatch({ records, endOffset: records.length, epoch: 1 });
    this.#harness = new Harness({ image, properties: { 'node.id': '3000', 'num.partitions': '3' } });
    this.#committed();
  }

  get image(): MetadataImage {
    return this.#harness.image;
  }

  take(step: Step): Promise<{ readonly reply: Json; readonly records: readonly MetadataRecord[] }> {
    const reply = this.#take(step);
    this.#harness.settle();
    return Promise.resolve({ reply: jsonOf(reply), records: this.#committed() });
  }

  #take(step: Step): unknown {
    const harness = this.#harness;
    switch (step.do) {
      case 'register': {
        const outcome = harness.register(step.broker, {
          rack: step.rack ?? null,
          features: supportedFeatures,
          previousBrokerEpoch: step.unclean === true ? -1 : (harness.brokers.get(step.broker)?.epoch ?? -1),
        });
        return { errorCode: outcome.ok ? 0 : outcome.code };
      }
      case 'beat': {
        const outcome = harness.beat(step.broker, {
          metadataOffset: 1_000_000_000,
          wantFence: step.fence ?? false,
          wantShutDown: step.stop ?? false,
        });
        if (!outcome.ok) return { errorCode: outcome.code };
        return { errorCode: 0, isFenced: outcome.value.fenced, shouldShutDown: outcome.value.shouldShutDown };
      }
      case 'isr':
        return harness.admin({ kind: 'alterPartition', request: alterPartitionOf(step, harness) });
      case 'admin':
        // What the file holds is a request of its kind, decoded.
        return harness.admin({ kind: step.kind, request: step.request } as unknown as MachineRequest);
      default:
        return undefined;
    }
  }

  #committed(): MetadataRecord[] {
    const { batches } = this.#harness;
    const records = batches.slice(this.#taken).flatMap((batch) => batch.records);
    this.#taken = batches.length;
    return records;
  }
}
