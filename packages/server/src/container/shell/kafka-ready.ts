/** `cub kafka-ready`: exit 0 once one of the servers knows so many brokers, 1 when the time is up. */
import { setTimeout as passed } from 'node:timers/promises';
import { readAwaited } from '../core/kafka-ready.ts';
import { askMetadata } from './exchange.ts';

const PROBE_MS = 2_000;
const BETWEEN_MS = 200;

const awaited = readAwaited(process.argv.slice(2), process.env['KAFKA_BOOTSTRAP_SERVERS']);
if (typeof awaited === 'string') {
  process.stderr.write(`kafka-ready: ${awaited}\n`);
  process.exit(2);
}
const until = performance.now() + awaited.seconds * 1_000;
let line = 'nobody was asked';
do {
  for (const server of awaited.servers) {
    const answer = await askMetadata(server, PROBE_MS);
    if (answer.kind === 'healthy' && answer.brokers >= awaited.brokers) process.exit(0);
    const what = answer.kind === 'healthy' ? `${answer.brokers} of ${awaited.brokers} brokers are there` : answer.why;
    line = `${server.address}:${server.port}: ${what}`;
  }
  await passed(BETWEEN_MS);
} while (performance.now() < until);
process.stderr.write(`kafka-ready: not within ${awaited.seconds} s; at last ${line}\n`);
process.exit(1);
