/** kafkajs for tests: silent, and as patient as other clients are from the start. */
import kafkajs from 'kafkajs';

/** @param bootstrap addresses with commas between them */
export function kafkajsOf(bootstrap: string, clientId: string) {
  const { Kafka, logLevel } = kafkajs;
  return new Kafka({
    clientId,
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    // A second by default, after which it counts as a failure.
    connectionTimeout: 10_000,
    retry: { retries: 100, initialRetryTime: 50, maxRetryTime: 500 },
  });
}
