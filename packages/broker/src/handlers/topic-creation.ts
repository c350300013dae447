/**
 * Topics that are created by the way: by Metadata (auto-creation) and by FindCoordinator (internal topics). Creating is the controller's;
 * here it is asked once for each name however many clients want it, and the leaders are waited for, a bounded time.
 */
import { topicNameProblem } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { hasAllLeaders, isInternalTopic } from '../core/topic-view.ts';
import type { Caller, Services } from './context.ts';

/**
 * Creates what does not exist and waits for leaders that the caller's listener reaches.
 * @returns the code of each name: NONE or TOPIC_ALREADY_EXISTS when it is (or will soon be) there
 */
export async function createMissingTopics(
  names: readonly string[],
  services: Services,
  caller: Caller,
): Promise<Map<string, number>> {
  const codes = new Map<string, number>();
  const valid: string[] = [];
  for (const name of names) {
    if (topicNameProblem(name) === undefined) valid.push(name);
    else codes.set(name, ErrorCode.INVALID_TOPIC_EXCEPTION);
  }
  const outcomes = await Promise.all(
    valid.map((name) => services.createOnce(name, () => create(name, services, caller))),
  );
  valid.forEach((name, at) => codes.set(name, outcomes[at] ?? ErrorCode.UNKNOWN_SERVER_ERROR));
  const awaited = valid.filter((name) => {
    const code = codes.get(name);
    return code === ErrorCode.NONE || code === ErrorCode.TOPIC_ALREADY_EXISTS;
  });
  await awaitLeaders(awaited, services, caller.listener);
  return codes;
}

/** @returns false when a topic has a partition without a reachable leader after the wait */
export function awaitLeaders(names: readonly string[], services: Services, listener: string): Promise<boolean> {
  return services.awaitImage(
    (image) =>
      names.every((name) => {
        const topic = image.topics.byName(name);
        return topic !== undefined && hasAllLeaders(image, topic, listener);
      }),
    services.limits.firstLeaderWaitMs,
  );
}

async function create(name: string, services: Services, caller: Caller): Promise<number> {
  if (isInternalTopic(name)) {
    // One whose coordinator is not built is not made: a client sees no such topic.
    const internal = await services.createInternalTopic(name);
    return internal.ok ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }
  // This broker's own, as in Kafka: those of a controller apart from the brokers count for topics that are asked for without them.
  const config = services.config();
  const topic = {
    name,
    numPartitions: config.get('num.partitions'),
    replicationFactor: config.get('default.replication.factor'),
    assignments: [],
    configs: [],
  };
  const request = { topics: [topic], timeoutMs: services.limits.firstLeaderWaitMs, validateOnly: false };
  const outcome = await services.admin({ kind: 'createTopics', request }, caller.principal, caller.requestId);
  const code = outcome.ok ? (outcome.value.topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR) : outcome.code;
  const why = outcome.ok ? outcome.value.topics[0]?.errorMessage : outcome.why;
  if (code === ErrorCode.NONE)
    services.log.info(
      { request: caller.requestId, topic: name, client: caller.clientId },
      `auto-created topic ${name}`,
    );
  else if (code !== ErrorCode.TOPIC_ALREADY_EXISTS) {
    services.log.warn(
      { request: caller.requestId, topic: name, client: caller.clientId, code },
      `topic ${name} was not auto-created: ${why ?? ''}`,
    );
  }
  return code;
}
