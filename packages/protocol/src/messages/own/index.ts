/**
 * APIs that Kafka does not have. Their keys lie far above Kafka's; ApiVersions tells them to Odradek's own clients alone, so that no
 * other client meets a key that it does not know.
 */
export * from './10000-describe-group-lag.ts';
export * from './10001-explain-groups.ts';
export * from './10002-describe-node.ts';
