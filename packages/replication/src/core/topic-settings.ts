/** A topic's configuration keys as the numbers that its log and its leader go by. */
import { assert } from '@odradek/base';
import type { config } from '@odradek/base';
import type { LogConfig } from '@odradek/log';
import type { TopicSettings } from '../ports.ts';

export function topicSettings(topic: config.TopicConfig): TopicSettings {
  const cleanupPolicy = topic.get('cleanup.policy');
  return {
    minInsyncReplicas: topic.get('min.insync.replicas'),
    log: {
      // `internal.segment.bytes` goes below what `segment.bytes` allows, for tests of Kafka's own.
      segmentBytes: topic.get('internal.segment.bytes') ?? topic.get('segment.bytes'),
      segmentMs: topic.get('segment.ms'),
      segmentJitterMs: topic.get('segment.jitter.ms'),
      segmentIndexBytes: topic.get('segment.index.bytes'),
      indexIntervalBytes: topic.get('index.interval.bytes'),
      retentionMs: topic.get('retention.ms'),
      retentionBytes: topic.get('retention.bytes'),
      maxMessageBytes: topic.get('max.message.bytes'),
      messageTimestampType: topic.get('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
      messageTimestampBeforeMaxMs: topic.get('message.timestamp.before.max.ms'),
      messageTimestampAfterMaxMs: topic.get('message.timestamp.after.max.ms'),
      compressionType: compressionType(topic.get('compression.type')),
      compressionGzipLevel: topic.get('compression.gzip.level'),
      compressionLz4Level: topic.get('compression.lz4.level'),
      compressionZstdLevel: topic.get('compression.zstd.level'),
      cleanupDelete: cleanupPolicy.includes('delete'),
      cleanupCompact: cleanupPolicy.includes('compact'),
      minCleanableDirtyRatio: topic.get('min.cleanable.dirty.ratio'),
      minCompactionLagMs: topic.get('min.compaction.lag.ms'),
      maxCompactionLagMs: topic.get('max.compaction.lag.ms'),
      deleteRetentionMs: topic.get('delete.retention.ms'),
      fileDeleteDelayMs: topic.get('file.delete.delay.ms'),
      flushMessages: topic.get('flush.messages'),
      flushMs: topic.get('flush.ms'),
      preallocate: topic.get('preallocate'),
    },
  };
}

const compressionTypes: readonly LogConfig['compressionType'][] = [
  'producer',
  'uncompressed',
  'gzip',
  'snappy',
  'lz4',
  'zstd',
];

function compressionType(name: string): LogConfig['compressionType'] {
  const found = compressionTypes.find((type) => type === name);
  assert(found !== undefined, 'compression.type was checked before it was stored', { name });
  return found;
}
