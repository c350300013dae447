/** The state of the cluster as one controller knows it. */
import type { Metrics } from '@odradek/base';
import type { BrokerImage, MetadataImage } from '@odradek/metadata';

export function sampleImage(metrics: Metrics, image: () => MetadataImage): void {
  const brokers = (holds: (broker: BrokerImage) => boolean) => (): number => {
    let count = 0;
    for (const broker of image().cluster.brokers()) if (holds(broker)) count += 1;
    return count;
  };
  const isStopping = ({ fenced, inControlledShutdown }: BrokerImage): boolean => !fenced && inControlledShutdown;
  const states = {
    active: (broker: BrokerImage) => !broker.fenced && !broker.inControlledShutdown,
    stopping: isStopping,
    fenced: ({ fenced }: BrokerImage) => fenced,
  };
  for (const [state, holds] of Object.entries(states))
    metrics.sample('odradek_controller_brokers', { state }, brokers(holds));
  const partitions = {
    all: () => image().topics.partitionCount,
    leaderless: () => image().topics.index.leaderless.size,
    not_preferred: () => image().topics.index.imbalanced.size,
    reassigning: () => image().topics.index.reassigning.size,
  };
  metrics.sample('odradek_controller_topics', {}, () => image().topics.size);
  for (const [state, count] of Object.entries(partitions))
    metrics.sample('odradek_controller_partitions', { state }, count);
}
