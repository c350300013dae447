import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemPorts } from '@odradek/base/system';
import { afterAll, afterEach, expect, test } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'odradek-main-'));
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let named = 0;
const fresh = (): string => join(root, `m${(named += 1)}`);

type Ran = {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null; out: string; errors: string }>;
  /** Resolves with the fields of the first log line whose message holds the text. */
  line(text: string): Promise<Record<string, unknown>>;
};

function start(args: readonly string[], environment: Record<string, string> = {}): Ran {
  // Only what the test says: a KAFKA_ variable of this machine would be configuration.
  const env = { PATH: process.env['PATH'] ?? '', HOME: root, ...environment };
  const child = spawn(process.execPath, [main, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let out = '';
  let errors = '';
  const waiting = new Set<() => void>();
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
    for (const look of waiting) look();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const ended = new Promise<Awaited<Ran['ended']>>((resolve) => {
    child.on('close', (code, signal) => {
      children.delete(child);
      resolve({ code, signal, out, errors });
    });
  });
  const find = (text: string): Record<string, unknown> | undefined => {
    const lines = out.slice(0, out.lastIndexOf('\n') + 1).split('\n');
    const found = lines.find((line) => line.includes(text));
    return found === undefined ? undefined : (JSON.parse(found) as Record<string, unknown>);
  };
  return {
    child,
    ended,
    line: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = find(text);
          if (found !== undefined) resolve(found);
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without saying "${text}":\n${out}${errors}`)));
      }),
  };
}

const local = (directory: string): string[] => [
  '--override',
  'listeners=PLAINTEXT://localhost:0',
  '--override',
  `log.dirs=${directory}`,
];

test('process: it says what runs where, answers on HTTP, and SIGTERM stops it cleanly', async () => {
  const directory = fresh();
  const node = start([...local(directory), '--override', 'odradek.http.port=0']);
  expect((await node.line('clients are served'))['port']).toBeGreaterThan(0);
  expect((await node.line('ready in'))['readyMs']).toBeGreaterThan(0);
  const { port } = await node.line('health and metrics');
  const probe = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(`http://localhost:${String(port)}${path}`);
    return [answer.status, await answer.text()];
  };
  expect(await probe('/livez')).toEqual([200, '{"live":true,"why":"running"}']);
  expect(await probe('/readyz')).toEqual([200, '{"ready":true,"why":"running"}']);
  expect((await probe('/metrics'))[1]).toContain(`odradek_log_directory_online{directory="${directory}"} 1`);
  node.child.kill('SIGTERM');
  expect(await node.ended).toMatchObject({ code: 0, signal: null, errors: '' });
});

test('process: SIGINT right after the start, before it is ready, still stops it in order', async () => {
  const node = start([...local(fresh()), '--override', 'odradek.http.port=-1']);
  await node.line('of cluster');
  node.child.kill('SIGINT');
  expect(await node.ended).toMatchObject({ code: 0, signal: null });
});

test('process: a second signal ends it at once, with its own code', async () => {
  const node = start([...local(fresh()), '--override', 'odradek.http.port=-1']);
  await node.line('ready in');
  // While it is stopped both signals gather, so that the second one comes before the first stop can be through.
  for (const signal of ['SIGSTOP', 'SIGTERM', 'SIGINT', 'SIGCONT'] as const) node.child.kill(signal);
  const { code, out } = await node.ended;
  expect([128 + 2, 128 + 15]).toContain(code);
  expect(out.match(/: stopping"/g)).toHaveLength(1);
});

test("process: a properties file of Kafka's, the cluster id from the environment, a directory from --override", async () => {
  const file = join(root, 'server.properties');
  writeFileSync(
    file,
    `process.roles=broker,controller\nnode.id=5\ncontroller.quorum.voters=5@localhost:9093
listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0\ncontroller.listener.names=CONTROLLER
log.dirs=/nowhere\nnum.io.threads=8\nlog.retension.ms=5\n`,
  );
  const directory = fresh();
  const environment = { CLUSTER_ID: '4L6g3nShT-eMCtK--X86sw', KAFKA_ODRADEK_HTTP_PORT: '-1' };
  const node = start([file, '--override', `log.dirs=${directory}`], environment);
  expect(await node.line('of cluster')).toMatchObject({ nodeId: 5, clusterId: '4L6g3nShT-eMCtK--X86sw' });
  expect(await node.line('did you mean log.retention.ms?')).toMatchObject({ level: 'warn' });
  expect(await node.line('have no effect here')).toMatchObject({ keys: ['num.io.threads'] });
  await node.line('ready in');
  node.child.kill('SIGTERM');
  expect(await node.ended).toMatchObject({ code: 0 });
});

test('process: every mistake of a configuration is told at once, without a stack trace, with code 1', async () => {
  const ran = start(['--override', 'node.id=x', '--override', 'log.segment.bytes=3', '--override', 'oops']);
  const { code, errors } = await ran.ended;
  expect(code).toBe(1);
  expect(errors).toContain('the configuration has 3 mistakes:');
  expect(errors.split('\n').filter((line) => line.startsWith('  - '))).toHaveLength(3);
  expect(errors).not.toContain('    at ');
});

test('process: what stands in the way of a start is one message and code 1', async () => {
  const taken = await systemPorts().network.listen('localhost', 0, (socket) => socket.destroy());
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--config', '/no/such/file'], /the properties file cannot be read: .*\/no\/such\/file.*ENOENT/],
    [['--override', 'log.dirs=/dev/null/data'], /the data directory cannot be used: .*\/dev\/null/],
    [
      ['--override', `listeners=PLAINTEXT://localhost:${taken.port}`, '--override', `log.dirs=${fresh()}`],
      /EADDRINUSE/,
    ],
    [
      [...local(fresh()), '--override', `odradek.http.port=${taken.port}`],
      /the HTTP port .* cannot be opened: .*EADDRINUSE/,
    ],
    [[...local(fresh()), '--cluster-id', 'mine'], /'mine' is no cluster id/],
  ];
  for (const [args, why] of cases) {
    const { code, errors } = await start(args).ended;
    expect([code, errors.trim().split('\n').length], errors).toEqual([1, 1]);
    expect(errors).toMatch(/^odradek: cannot start: /);
    expect(errors).toMatch(why);
  }
  await taken.close();
});

test('process: a wrong command line is code 2 with the usage; help and version are code 0', async () => {
  const wrong = await start(['--frobnicate']).ended;
  expect(wrong.code).toBe(2);
  expect(wrong.errors).toContain('--override key=value');
  expect(await start(['--help']).ended).toMatchObject({ code: 0, errors: '' });
  expect((await start(['--version']).ended).out).toMatch(/^odradek \d+\.\d+\.\d+, speaks Apache Kafka 4\.3\.1\n$/);
});
