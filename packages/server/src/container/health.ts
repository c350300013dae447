/** What the image's health check runs: one Metadata call to this node; exit 0 when a broker serves, else 1 and why in a line. */
import { connect } from 'node:net';
import { metadataRequest, readMetadataAnswer } from './core/probe.ts';

const TIMEOUT_MS = 2_500;

const port = Number(/:(\d+)/.exec((process.env['KAFKA_LISTENERS'] ?? '').replaceAll(/[^,]*:\/\//g, ''))?.[1] ?? 9092);
const socket = connect({ host: '127.0.0.1', port });
let received = Buffer.alloc(0);
socket.setTimeout(TIMEOUT_MS, () => end(1, `no answer within ${TIMEOUT_MS} ms`));
socket.on('connect', () => socket.write(metadataRequest('odradek-health')));
socket.on('error', (error) => end(1, error.message));
socket.on('close', () => end(1, 'the connection was closed without an answer'));
socket.on('data', (part: Buffer) => {
  received = Buffer.concat([received, part]);
  const answer = readMetadataAnswer(received);
  if (answer.kind === 'healthy') end(0, `healthy: ${answer.brokers} brokers`);
  if (answer.kind === 'unhealthy') end(1, answer.why);
});

function end(code: number, line: string): never {
  process.stdout.write(`127.0.0.1:${port}: ${line}\n`);
  process.exit(code);
}
