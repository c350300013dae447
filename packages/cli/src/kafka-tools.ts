/** Tools of Apache Kafka's `bin` by name, and the command here that takes their options: the image has each of them under both names. */
export const kafkaTools: Readonly<Record<string, readonly string[]>> = {
  'kafka-broker-api-versions': ['api-versions'],
  'kafka-cluster': ['cluster'],
  'kafka-configs': ['configs'],
  'kafka-console-consumer': ['consume'],
  'kafka-console-producer': ['produce'],
  'kafka-consumer-groups': ['groups'],
  'kafka-delete-records': ['delete-records'],
  'kafka-features': ['features'],
  'kafka-get-offsets': ['get-offsets'],
  'kafka-leader-election': ['elect-leaders'],
  'kafka-log-dirs': ['log-dirs'],
  'kafka-metadata-quorum': ['quorum'],
  'kafka-reassign-partitions': ['reassign'],
  'kafka-topics': ['topics'],
};
