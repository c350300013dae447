/** How requests about offsets name topics: by name, or from version 10 on by id (KIP-848), and which of them the caller may touch. */
import { UUID_ZERO } from '@odradek/base';
import type { Code } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Caller, Services } from './context.ts';

/** From here on OffsetCommit and OffsetFetch carry topic ids instead of names. */
export const TOPIC_ID_VERSION = 10;

export type NamedTopic = {
  readonly topic: string;
  readonly topicId: string;
  readonly code: Code;
  /** 0 for a topic that does not exist. */
  readonly partitionCount: number;
};

/** What a topic of a request is. `code` is NONE for one that exists and that the caller may do `operation` on. */
export function nameTopic(
  asked: { readonly name: string; readonly topicId: string },
  operation: 'read' | 'describe',
  services: Services,
  caller: Caller,
): NamedTopic {
  const byId = caller.apiVersion >= TOPIC_ID_VERSION;
  const { topics } = services.image();
  const found = byId ? topics.byId(asked.topicId) : topics.byName(asked.name);
  const topic = found?.name ?? asked.name;
  const topicId = found?.id ?? (byId ? asked.topicId : UUID_ZERO);
  const partitionCount = found?.partitions.length ?? 0;
  const named = (code: Code): NamedTopic => ({ topic, topicId, code, partitionCount });
  if (byId && found === undefined) return named(ErrorCode.UNKNOWN_TOPIC_ID);
  const needs = { resource: 'topic', name: topic, operation } as const;
  if (!services.authorizer.allows(caller.principal, caller.clientHost, needs))
    return named(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  return named(found === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.NONE);
}

export function exists(named: NamedTopic, partition: number): boolean {
  return partition >= 0 && partition < named.partitionCount;
}
