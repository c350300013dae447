/** Streams groups (KIP-1071). */
import { INT_MAX, key } from '../declare.ts';

export const streamsKeys = {
  'group.streams.assignment.interval.ms': key({ type: 'int', default: 1000, min: 0, reload: 'cluster-wide', doc: '' }),
  'group.streams.heartbeat.interval.ms': key({ type: 'int', default: 5000, min: 1, doc: '' }),
  'group.streams.initial.rebalance.delay.ms': key({ type: 'int', default: 3000, min: 0, doc: '' }),
  'group.streams.max.assignment.interval.ms': key({ type: 'int', default: 15_000, min: 0, doc: '' }),
  'group.streams.max.heartbeat.interval.ms': key({ type: 'int', default: 15_000, min: 1, doc: '' }),
  'group.streams.max.session.timeout.ms': key({ type: 'int', default: 60_000, min: 1, doc: '' }),
  'group.streams.max.size': key({ type: 'int', default: INT_MAX, min: 1, doc: '' }),
  'group.streams.max.standby.replicas': key({ type: 'int', default: 2, min: 0, doc: '' }),
  'group.streams.min.assignment.interval.ms': key({ type: 'int', default: 0, min: 0, doc: '' }),
  'group.streams.min.heartbeat.interval.ms': key({ type: 'int', default: 5000, min: 1, doc: '' }),
  'group.streams.min.session.timeout.ms': key({ type: 'int', default: 45_000, min: 1, doc: '' }),
  'group.streams.num.standby.replicas': key({ type: 'int', default: 0, min: 0, doc: '' }),
  'group.streams.session.timeout.ms': key({ type: 'int', default: 45_000, min: 1, doc: '' }),
} as const;
