/**
 * The Kafka that the compat scenarios run against: a real process of ours, or whatever `ODRADEK_COMPAT_BOOTSTRAP` names, so that the same
 * claims can be checked on Apache Kafka.
 */
import { spawnKafka, type KafkaProcess } from '@odradek/testkit';

export const foreign = process.env['ODRADEK_COMPAT_BOOTSTRAP'];

export type Target = AsyncDisposable & {
  readonly bootstrap: string;
  /** Undefined for a foreign Kafka. */
  readonly node: KafkaProcess | undefined;
};

/** So that a group of one does not wait 3 s for others. */
const config = { 'group.initial.rebalance.delay.ms': '0' };

/** Members of the new protocol beat as often as the broker says: seldom by default, and a rebalance takes some beats. */
export const quickGroups = {
  'group.consumer.min.heartbeat.interval.ms': '200',
  'group.consumer.heartbeat.interval.ms': '200',
  'group.consumer.assignment.interval.ms': '0',
  'group.consumer.min.assignment.interval.ms': '0',
};

export async function target(more: Readonly<Record<string, string>> = {}): Promise<Target> {
  if (foreign !== undefined) {
    return { bootstrap: foreign, node: undefined, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const node = await spawnKafka({ config: { ...config, ...more } });
  return { bootstrap: node.bootstrap, node, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

let counter = 0;

/** A topic name that no earlier run has used. */
export function freshName(what: string): string {
  counter += 1;
  return `${what}-${process.pid}-${Date.now().toString(36)}-${counter}`;
}

/** So long that only what never comes is late, also on a machine that stands still now and then. */
const EVENTUALLY_MS = 60_000;

/** Polls `holds` until it is true; for effects that the protocol gives no event for. */
export async function eventually(
  claim: string,
  holds: () => Promise<boolean> | boolean,
  withinMs = EVENTUALLY_MS,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
