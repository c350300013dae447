/** What the tests of a user of the packages share: an order goes through Kafka by a client that knows nothing of Odradek. */
import { Kafka as KafkaJs, logLevel } from 'kafkajs';
import type { Kafka } from '@odradek/testkit';

/** @returns what a consumer read */
export async function orderThrough(cluster: Pick<Kafka, 'bootstrap'>, topic: string): Promise<string | undefined> {
  const kafka = new KafkaJs({ brokers: cluster.bootstrap.split(','), logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ key: '42', value: 'one spool of thread' }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: 'warehouse', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const received = new Promise<string | undefined>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        resolve(message.value?.toString());
        await Promise.resolve();
      },
    });
  });
  try {
    return await received;
  } finally {
    await consumer.disconnect();
  }
}
