/** How far moves of partitions are: what the new replicas have of what the others hold, by the sizes that brokers tell of their directories. */
import { showPartition, type Ongoing, type Partition } from './reassignment.ts';

/** What one broker holds of a partition. */
export type ReplicaSize = Partition & { readonly broker: number; readonly sizeBytes: number };

/** @property ofBytes what the largest of the replicas holds that were there before; undefined: none of their brokers has told */
export type CopyProgress = {
  readonly broker: number;
  readonly sizeBytes: number;
  readonly ofBytes: number | undefined;
};

/** One for each replica that is added and whose broker has told its size; without an entry for the others. */
export function progressOf({ replicas, adding, ...of }: Ongoing, sizes: readonly ReplicaSize[]): CopyProgress[] {
  const name = showPartition(of);
  const held = new Map(
    sizes.filter((each) => showPartition(each) === name).map(({ broker, sizeBytes }) => [broker, sizeBytes]),
  );
  const before = replicas.filter((id) => !adding.includes(id)).flatMap((id) => held.get(id) ?? []);
  const ofBytes = before.length === 0 ? undefined : Math.max(...before);
  return adding.flatMap((broker) => {
    const sizeBytes = held.get(broker);
    return sizeBytes === undefined ? [] : [{ broker, sizeBytes, ofBytes }];
  });
}

/** A line for a person. A new replica may end up larger than another: what was deleted there may come again, and more was written since. */
export function progressLine({ broker, sizeBytes, ofBytes }: CopyProgress): string {
  if (ofBytes === undefined) return `broker ${broker} has ${bytesText(sizeBytes)}`;
  const percent = ofBytes === 0 ? 100 : Math.min(100, Math.floor((sizeBytes / ofBytes) * 100));
  return `broker ${broker} has ${bytesText(sizeBytes)} of ${bytesText(ofBytes)} (${percent}%)`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const digits = power === 0 ? 0 : 1;
  return `${(bytes / 1024 ** power).toFixed(digits)} ${units[power] ?? ''}`;
}
