/**
 * Eligible leader replicas (KIP-966) and `min.insync.replicas`: who is eligible is known only as long as the whole cluster goes by one
 * value. Turning the feature on therefore makes the controller's own value the cluster's and takes those of single brokers away, and
 * each change of it forgets who was eligible under the old one.
 */
import { refuse, type Refusal } from '@odradek/base';
import { record, type MetadataRecord } from '@odradek/metadata';
import { ConfigResourceType, ErrorCode } from '@odradek/protocol';
import type { Resource } from './config-resources.ts';
import type { ControllerContext } from './context.ts';
import { isElrEnabled } from './partitions.ts';

const MIN_ISR = 'min.insync.replicas';

/** What goes with ELR when it is turned on, by the first controller or by somebody. */
export function elrSafetyRecords({ image, settings }: Pick<ControllerContext, 'image' | 'settings'>): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  const set = (resourceName: string, value: string | null): void => {
    const resource = { resourceType: ConfigResourceType.BROKER, resourceName };
    records.push(record('ConfigRecord', { ...resource, name: MIN_ISR, value }));
  };
  const { configs } = image;
  if (!configs.of(ConfigResourceType.BROKER, '').has(MIN_ISR)) set('', String(settings.config.get(MIN_ISR)));
  for (const name of configs.names(ConfigResourceType.BROKER))
    if (name !== '' && configs.of(ConfigResourceType.BROKER, name).has(MIN_ISR)) set(name, null);
  return records;
}

/** @param changes what is to be set; undefined: taken away */
export function minIsrProblem(
  context: ControllerContext,
  { type, name }: Resource,
  changes: ReadonlyMap<string, string | undefined>,
): Refusal | undefined {
  if (type !== ConfigResourceType.BROKER || !changes.has(MIN_ISR) || !isElrEnabled(context)) return undefined;
  const isRemoved = changes.get(MIN_ISR) === undefined;
  if (isRemoved && !context.image.configs.of(type, name).has(MIN_ISR)) return undefined;
  if (name !== '')
    return refuse(ErrorCode.INVALID_CONFIG, `Broker-level ${MIN_ISR} cannot be altered while ELR is enabled.`);
  if (!isRemoved) return undefined;
  return refuse(ErrorCode.INVALID_CONFIG, `Cluster-level ${MIN_ISR} cannot be removed while ELR is enabled.`);
}

/** Who was eligible under another `min.insync.replicas` is so no more. @param changes the configuration that changes */
export function clearedElr(context: ControllerContext, changes: readonly MetadataRecord[]): MetadataRecord[] {
  const cleared: MetadataRecord[] = [];
  if (!isElrEnabled(context)) return cleared;
  for (const { type, value } of changes) {
    if (type !== 'ConfigRecord' || value.name !== MIN_ISR) continue;
    const topicName = value.resourceType === ConfigResourceType.TOPIC ? value.resourceName : '';
    cleared.push(record('ClearElrRecord', { topicName }));
  }
  return cleared;
}
