/** Options of Kafka's tools for what is not there: refused before anything is done, with what is not there and what to do instead. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CommandError, exitCode } from '../core/refusal.ts';
import { produceCommand } from './perf/produce.ts';
import { formatCommand } from './storage/format.ts';

const directory = mkdtempSync(join(tmpdir(), 'odradek-not-there-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function refusal(run: Promise<unknown>): Promise<CommandError> {
  const thrown: unknown = await run.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof CommandError)) throw new Error('it was not refused', { cause: thrown });
  expect(thrown.exitCode).toBe(exitCode.usage);
  return thrown;
}

test.each([
  ['--transactional-id', 'perf'],
  ['--transaction-duration-ms', '100'],
])('perf produce %s: there are no transactions, and idempotent writes are what can be measured', async (...option) => {
  // Nothing listens there: who is refused has not dialled.
  const given = ['--topic', 't', '--num-records', '1', '--throughput', '-1', '-b', '127.0.0.1:1', ...option];
  const { message } = await refusal(produceCommand().parseAsync(given, { from: 'user' }));
  expect(message).toMatch(/^--transactional-id and --transaction-duration-ms: there are no transactions yet/);
  expect(message).toContain('leave them out');
  expect(message).toContain('idempotent');
});

test.each([
  [
    '--initial-controllers',
    '1@localhost:9093:3Db5QLSqSZieL3rJBUUegA',
    [
      'a quorum that can change begins with one controller here',
      '--standalone',
      'odradek quorum add',
      'controller.quorum.voters',
    ],
  ],
  ['--add-scram', 'SCRAM-SHA-256=[name=alice,password=secret]', ['there is no SCRAM yet', 'leave it out']],
] as const)(
  'storage format %s: what is not there, and what to do; nothing is formatted',
  async (option, value, words) => {
    const data = join(directory, option);
    const path = join(directory, 'server.properties');
    const lines = [
      'process.roles=broker,controller',
      'node.id=1',
      'listeners=PLAINTEXT://:9092,CONTROLLER://:9093',
      'controller.listener.names=CONTROLLER',
      'controller.quorum.bootstrap.servers=localhost:9093',
      `log.dirs=${data}`,
    ];
    writeFileSync(path, `${lines.join('\n')}\n`);
    const given = ['--config', path, '--cluster-id', '4L6g3nShT-eMCtK--X86sw', option, value];
    const { message } = await refusal(formatCommand().parseAsync(given, { from: 'user' }));
    expect(message.startsWith(`${option}: `)).toBe(true);
    for (const each of words) expect(message).toContain(each);
    // Secrets that were given are not said again.
    expect(message).not.toContain('secret');
    expect(existsSync(data)).toBe(false);
  },
);
