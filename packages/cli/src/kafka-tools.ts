/** Tools of Apache Kafka's `bin` by name, and the command here that takes their options: the image has each of them under both names. */

export type KafkaTool = {
  /** The command of `odradek`. */
  readonly words: readonly string[];
  /** The classes that `kafka-run-class` takes for it: that of Kafka 4, then those of before. */
  readonly classes: readonly string[];
};

export const kafkaTools: Readonly<Record<string, KafkaTool>> = {
  'kafka-broker-api-versions': {
    words: ['api-versions'],
    classes: ['org.apache.kafka.tools.BrokerApiVersionsCommand', 'kafka.admin.BrokerApiVersionsCommand'],
  },
  'kafka-client-metrics': { words: ['client-metrics'], classes: ['org.apache.kafka.tools.ClientMetricsCommand'] },
  'kafka-cluster': { words: ['cluster'], classes: ['org.apache.kafka.tools.ClusterTool', 'kafka.tools.ClusterTool'] },
  'kafka-configs': { words: ['configs'], classes: ['kafka.admin.ConfigCommand'] },
  'kafka-console-consumer': {
    words: ['consume'],
    classes: ['org.apache.kafka.tools.consumer.ConsoleConsumer', 'kafka.tools.ConsoleConsumer'],
  },
  'kafka-console-producer': {
    words: ['produce'],
    classes: ['org.apache.kafka.tools.ConsoleProducer', 'kafka.tools.ConsoleProducer'],
  },
  'kafka-consumer-groups': {
    words: ['groups'],
    classes: ['org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', 'kafka.admin.ConsumerGroupCommand'],
  },
  'kafka-consumer-perf-test': {
    words: ['perf', 'consume'],
    classes: ['org.apache.kafka.tools.ConsumerPerformance', 'kafka.tools.ConsumerPerformance'],
  },
  'kafka-delete-records': {
    words: ['delete-records'],
    classes: ['org.apache.kafka.tools.DeleteRecordsCommand', 'kafka.admin.DeleteRecordsCommand'],
  },
  'kafka-dump-log': {
    words: ['dump-log'],
    classes: ['org.apache.kafka.tools.DumpLogSegments', 'kafka.tools.DumpLogSegments'],
  },
  'kafka-features': {
    words: ['features'],
    classes: ['org.apache.kafka.tools.FeatureCommand', 'kafka.admin.FeatureCommand'],
  },
  'kafka-get-offsets': {
    words: ['get-offsets'],
    classes: ['org.apache.kafka.tools.GetOffsetShell', 'kafka.tools.GetOffsetShell'],
  },
  'kafka-groups': { words: ['groups', 'all'], classes: ['org.apache.kafka.tools.GroupsCommand'] },
  'kafka-leader-election': {
    words: ['elect-leaders'],
    classes: ['org.apache.kafka.tools.LeaderElectionCommand', 'kafka.admin.LeaderElectionCommand'],
  },
  'kafka-log-dirs': {
    words: ['log-dirs'],
    classes: ['org.apache.kafka.tools.LogDirsCommand', 'kafka.admin.LogDirsCommand'],
  },
  'kafka-metadata-quorum': {
    words: ['quorum'],
    classes: ['org.apache.kafka.tools.MetadataQuorumCommand', 'kafka.admin.MetadataQuorumCommand'],
  },
  'kafka-producer-perf-test': { words: ['perf', 'produce'], classes: ['org.apache.kafka.tools.ProducerPerformance'] },
  'kafka-reassign-partitions': {
    words: ['reassign'],
    classes: ['org.apache.kafka.tools.reassign.ReassignPartitionsCommand', 'kafka.admin.ReassignPartitionsCommand'],
  },
  'kafka-storage': { words: ['storage'], classes: ['kafka.tools.StorageTool'] },
  'kafka-topics': {
    words: ['topics'],
    classes: ['org.apache.kafka.tools.TopicCommand', 'kafka.admin.TopicCommand'],
  },
};
