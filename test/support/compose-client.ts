/**
 * A client as users have them, kafkajs, run by tests of compose files from the host and in containers:
 * `ask BOOTSTRAP`, `write BOOTSTRAP TOPIC NAME COUNT` and `read BOOTSTRAP TOPIC COUNT`. Prints one line of JSON.
 */
import kafkajs from 'kafkajs';

const GIVEN_UP_MS = 100_000;

const [action = '', bootstrap = '', topic = '', ...rest] = process.argv.slice(2);
const kafka = new kafkajs.Kafka({
  clientId: 'compose-client',
  brokers: bootstrap.split(','),
  logLevel: kafkajs.logLevel.ERROR,
  connectionTimeout: 10_000,
  retry: { retries: 100, initialRetryTime: 50, maxRetryTime: 500 },
});

/** Which cluster it is, and where its brokers say that they are. */
async function ask(): Promise<object> {
  const admin = kafka.admin();
  await admin.connect();
  const { brokers, clusterId } = await admin.describeCluster();
  await admin.disconnect();
  return { clusterId, brokers: brokers.map(({ host, port }) => `${host}:${port}`).toSorted() };
}

async function write(name: string, count: number): Promise<object> {
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  // Each append is made durable at once, so that there is a time of that to tell.
  const configEntries = [{ name: 'flush.messages', value: '1' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 3, configEntries }] });
  const messages = Array.from({ length: count }, (_, at) => ({ key: `${name}-${at}`, value: `record ${at}` }));
  await producer.send({ topic, acks: -1, messages });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  return ask();
}

async function read(count: number): Promise<object> {
  const consumer = kafka.consumer({ groupId: `${topic}-${process.pid}-${Date.now()}` });
  const keys: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  await consumer.run({
    eachMessage: ({ message }) => {
      keys.push(message.key?.toString() ?? '');
      if (keys.length >= count) resolve();
      return Promise.resolve();
    },
  });
  await promise;
  await consumer.disconnect();
  return { keys: keys.toSorted() };
}

setTimeout(() => {
  process.stderr.write(`${action} ${topic} at ${bootstrap}: not within ${GIVEN_UP_MS} ms\n`);
  process.exit(1);
}, GIVEN_UP_MS).unref();
const told =
  action === 'ask'
    ? await ask()
    : action === 'write'
      ? await write(rest[0] ?? '', Number(rest[1]))
      : await read(Number(rest[0]));
process.stdout.write(`${JSON.stringify(told)}\n`);
process.exit(0);
