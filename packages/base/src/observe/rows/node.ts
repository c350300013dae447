/** The process itself. */
import { latencySeconds, metric } from '../row.ts';

export const nodeMetrics = {
  odradek_build_info: metric({
    kind: 'gauge',
    labels: ['version', 'kafka'],
    help: '1; the labels tell the versions.',
    kafka: ['kafka.server:type=app-info version'],
    panel: { group: 'Process', title: 'Versions' },
  }),
  odradek_broker_state: metric({
    kind: 'gauge',
    labels: [],
    help: 'What the broker does, by the numbers of Kafka: 0 not running, 1 starting, 3 running, 7 stopping.',
    kafka: ['kafka.server:type=KafkaServer,name=BrokerState'],
    panel: { group: 'Health', title: 'State of brokers' },
  }),
  odradek_event_loop_active_seconds_total: metric({
    kind: 'counter',
    labels: [],
    from: 'process',
    help: 'Time in which the event loop worked rather than waited; by the second, near 1: the node is at its limit.',
    kafka: [
      'kafka.network:type=SocketServer,name=NetworkProcessorAvgIdlePercent',
      'kafka.server:type=KafkaRequestHandlerPool,name=RequestHandlerAvgIdlePercent (both 1 - rate)',
    ],
    panel: { group: 'Health', title: 'Event loop at work', by: ['instance'] },
  }),
  odradek_event_loop_delay_seconds: metric({
    kind: 'histogram',
    labels: [],
    buckets: latencySeconds,
    help: 'How late the event loop comes to what is due, looked at ten times a second. What is longer than a second is logged, too.',
    kafka: [],
    panel: { group: 'Process', title: 'Delay of the event loop' },
  }),
  odradek_start_seconds: metric({
    kind: 'gauge',
    labels: [],
    help: 'Time from the start of the process to readiness.',
    kafka: [],
    panel: { group: 'Process', title: 'Time of the last start' },
  }),
  odradek_log_lines_total: metric({
    kind: 'counter',
    labels: ['level'],
    from: 'process',
    values: { level: ['warn', 'error'] },
    help: 'Lines logged as warning or error.',
    kafka: [],
    panel: { group: 'Process', title: 'Warnings and errors logged' },
  }),
} as const;
