/** Branded identifiers: a broker id is never passed where a leader epoch is meant. Each is a plain number or string at run time. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type BrokerId = Brand<number, 'BrokerId'>;
export type LeaderEpoch = Brand<number, 'LeaderEpoch'>;
export type ProducerId = Brand<number, 'ProducerId'>;
/** Kafka's base64url form of the 16 bytes, 22 characters. */
export type TopicId = Brand<string, 'TopicId'>;

export const brokerId = (value: number): BrokerId => value as BrokerId;
export const leaderEpoch = (value: number): LeaderEpoch => value as LeaderEpoch;
export const producerId = (value: number): ProducerId => value as ProducerId;
export const topicId = (value: string): TopicId => value as TopicId;

/** A partition by name, as clients and directories say it: `orders-3`. */
export type TopicPartition = { readonly topic: string; readonly partition: number };

export function partitionKey(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
