/** `odradek doctor` and `odradek cluster status` as an operator meets them: processes that look at real nodes, sound ones and ill ones. */
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { startCluster, steadyBrokers } from '../support/cluster.ts';
import { must, odradek, run } from '../support/run.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName } from '../support/target.ts';

type Finding = { readonly kind: string; readonly severity: string; readonly what: string; readonly of?: string[] };
type Report = {
  readonly verdict: string;
  readonly findings: readonly Finding[];
  readonly looked: Readonly<Record<string, string>>;
  readonly untold: readonly { readonly area: string; readonly what: string }[];
};
type Status = {
  readonly controllerId: number | null;
  readonly partitions: Readonly<Record<string, number>>;
  readonly nodes: readonly Readonly<Record<string, unknown>>[];
};

async function doctor(...args: string[]): Promise<{ readonly code: number | null; readonly report: Report }> {
  const { code, stdout, stderr } = await run(odradek('doctor', ...args, '--json'));
  expect(stdout.toString(), stderr).not.toBe('');
  return { code, report: JSON.parse(stdout.toString()) as Report };
}

type Diagnosis = Awaited<ReturnType<typeof doctor>>;

/** @returns the first one that is as wanted @throws with the last one when none is */
async function doctorUntil(bootstrap: string, isWanted: (report: Report) => boolean): Promise<Diagnosis> {
  let last: Diagnosis | undefined;
  await eventually('the doctor finds what is wanted', async () => {
    last = await doctor('--bootstrap', bootstrap);
    return isWanted(last.report);
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last?.report)}`);
  });
  if (last === undefined) throw new Error('the doctor was asked');
  return last;
}

const kinds = ({ findings }: Report): string[] => findings.map(({ kind }) => kind);
/** That the disk of whoever runs the tests is full is not the cluster's doing. */
const errors = ({ findings }: Report): string[] =>
  findings.filter(({ kind, severity }) => severity === 'error' && kind !== 'disk-full').map(({ kind }) => kind);

describe('three nodes', () => {
  const suite = suiteCluster({
    config: steadyBrokers,
    configOf: (id) => (id === 2 ? { 'num.partitions': '7' } : {}),
  });
  const call = (...args: string[]): Promise<string> => must(odradek(...args, ...suite.brokers()));
  const status = async (): Promise<Status> => JSON.parse(await call('cluster', 'status', '--json')) as Status;
  const topic = freshName('operated');

  test('doctor: a cluster that is well is called so, but for the key that one broker has set otherwise', async () => {
    await call('topics', 'create', '--topic', topic, '--partitions', '6', '--replication-factor', '3');
    await eventually('every replica is in sync', async () => (await status()).partitions['underReplicated'] === 0);
    // Who stands still for a moment while it is looked at is told of, and looked at again.
    const { code, report } = await doctorUntil(suite.cluster.bootstrap, (seen) => {
      return errors(seen).length === 0 && seen.untold.length === 0;
    });
    expect(code).toBe(kinds(report).includes('disk-full') ? 1 : 0);
    expect(report.findings.filter(({ kind }) => kind === 'config-differs').map(({ what }) => what)).toEqual([
      "num.partitions is '1' on brokers 1, 3, '7' on broker 2",
    ]);
    // Every broker's clock was read, and the active controller's.
    expect(report.looked['clocks']?.split(', ').slice(1)).toEqual(['broker 1', 'broker 2', 'broker 3']);
    expect(report.looked['quorum']).toMatch(/^controller [123] leads at epoch \d+, 3 voters$/);
    const { code: strict } = await doctor('--bootstrap', suite.cluster.bootstrap, '--strict');
    expect(strict).toBe(1);
  });

  test('status: every node, its roles, the leader, lag and disks', async () => {
    const { leaderId, now, screen } = await suite.cluster.whileLed(async ({ id }) => ({
      leaderId: id,
      now: await status(),
      screen: await call('cluster', 'status'),
    }));
    expect(now.controllerId).toBe(leaderId);
    expect(
      now.nodes.map(({ id, roles, address, state, isLeader, replicas }) => ({
        id,
        roles,
        address,
        state,
        isLeader,
        replicas,
      })),
    ).toEqual(
      suite.cluster.nodes.map(({ id, address }) => ({
        id,
        roles: ['broker', 'controller'],
        address,
        state: 'up',
        isLeader: id === leaderId,
        replicas: 6,
      })),
    );
    for (const { usableBytes, totalBytes } of now.nodes)
      expect(Number(totalBytes)).toBeGreaterThan(Number(usableBytes));
    expect(screen).toContain(`controller ${leaderId} leads`);
    expect(screen).toMatch(new RegExp(`^${leaderId}\\* +broker,controller `, 'm'));
    expect(screen).not.toContain('\x1b');
  });

  test('status --watch: one JSON object a line, until it is interrupted', async () => {
    const [file = '', ...args] = odradek('cluster', 'status', '--watch', '50ms', '--json', ...suite.brokers());
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (part: Buffer) => (text += part.toString()));
    await eventually('three looks', () => text.split('\n').length > 3);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('close', resolve));
    const lines = text.split('\n').slice(0, 3);
    expect(lines.map((line) => (JSON.parse(line) as Status).nodes.length)).toEqual([3, 3, 3]);
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  test.skipIf(!hasScript)(
    `status --watch: on a terminal it writes over itself, within its rows and columns${hasScript ? '' : ' [skipped: script is not installed]'}`,
    async () => {
      const line = odradek('cluster', 'status', '--watch', '50ms', ...suite.brokers()).join(' ');
      const child = spawn('script', ['-qec', `stty rows 6 cols 40; exec ${line}`, '/dev/null'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (part: Buffer) => (text += part.toString()));
      await eventually('three looks', () => text.split('\x1b[H').length > 4);
      child.stdin.write('\x03'); // Ctrl-C, as the terminal hands it on
      await new Promise((resolve) => child.once('close', resolve));
      const [, first = ''] = text.split('\x1b[H');
      const shown = first.split('\r\n').map((row) => stripVTControlCharacters(row));
      expect(shown.filter((row) => row !== '')).toHaveLength(4);
      for (const row of shown) expect(row.length).toBeLessThanOrEqual(40);
      expect(text.startsWith('\x1b[?25l')).toBe(true);
      expect(text.trimEnd().endsWith('\x1b[?25h'), 'the cursor is shown again').toBe(true);
    },
  );

  test('doctor: a group that nobody reads for is found, with its lag', async () => {
    await must(odradek('produce', '--topic', topic, ...suite.brokers()), { input: 'one\ntwo\nthree\n' });
    const group = freshName('nobody');
    await call('groups', 'reset-offsets', '--group', group, '--topic', topic, '--to-earliest', '--execute');
    const { report } = await doctor('--bootstrap', suite.cluster.bootstrap);
    const unread = report.findings.filter(({ kind, what }) => kind === 'group-unread' && what.includes(group));
    expect(unread.map(({ what }) => what)).toEqual([expect.stringContaining('is 3 records behind')]);
  });

  test('doctor and status: a node that is killed is named, and what it takes along', async () => {
    const { id: leaderId } = await suite.cluster.agreed();
    const victim = suite.cluster.nodes.find(({ id }) => id !== leaderId);
    if (victim === undefined) throw new Error('three nodes have two that do not lead');
    await victim.kill();
    await eventually('it is fenced', async () => (await status()).nodes[victim.id - 1]?.['state'] === 'fenced');
    const wanted = ['bootstrap-unreached', 'broker-fenced', 'controller-silent', 'quorum-at-risk'];
    const { code, report } = await doctorUntil(suite.cluster.bootstrap, (seen) => {
      const isOfVictim = seen.untold.every(({ what }) => what === `broker ${victim.id}`);
      return isOfVictim && errors(seen).toSorted().join() === wanted.join();
    });
    expect(code).toBe(1);
    const found = new Map(report.findings.map((finding) => [finding.kind, finding]));
    expect(found.get('broker-fenced')?.what).toContain(`broker ${victim.id} `);
    expect(found.get('controller-silent')?.what).toContain(`controller ${victim.id} `);
    expect(found.get('partition-under-replicated')?.of).toEqual(
      expect.arrayContaining([0, 1, 2, 3, 4, 5].map((partition) => `${topic}-${partition}`)),
    );
  });

  test('doctor and status: without a majority of controllers a broker that runs is said to be out of touch', async () => {
    const [left, ...others] = suite.cluster.nodes.filter(({ isRunning }) => isRunning);
    if (left === undefined) throw new Error('one of three was killed');
    await Promise.all(others.map((node) => node.kill()));
    const at = ['--bootstrap', left.address, '--timeout', '3000'];
    await eventually('it has heard of no controller for longer than a session', async () => {
      const told = kinds((await doctor(...at)).report);
      return told.includes('broker-out-of-touch') && told.includes('quorum-without-leader');
    });
    const now = async (): Promise<readonly unknown[]> => {
      const seen = JSON.parse(await must(odradek('cluster', 'status', '--json', '-b', left.address))) as Status;
      return [seen.controllerId, seen.nodes[left.id - 1]?.['id'], seen.nodes[left.id - 1]?.['state']];
    };
    await expect.poll(now).toEqual([null, left.id, 'up']);
  });
});

test('doctor: a broker that advertises a name that nobody knows is told of, and all the same asked where it was met', async () => {
  await using cluster = await startCluster({
    nodes: 1,
    config: { 'advertised.listeners': 'PLAINTEXT://no-such-broker.invalid:9092' },
  });
  await cluster.node(1).ready();
  const { code, report } = await doctor('--bootstrap', cluster.bootstrap);
  expect(code).toBe(1);
  expect(errors(report)).toEqual(['advertised-name-unknown']);
  expect(report.findings[0]?.what).toContain('broker 1, advertised as no-such-broker.invalid:9092,');
  expect(report.looked).toMatchObject({ disks: '1 directory', versions: 'of 1 broker' });
});

test('doctor: who listens on the wrong port is named, and nothing is called well', async () => {
  const http = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => http.once('listening', resolve));
  try {
    const { port } = http.address() as AddressInfo;
    const { code, stdout } = await run(odradek('doctor', '--bootstrap', `127.0.0.1:${port}`));
    expect(code).toBe(3);
    expect(stdout.toString()).toContain(`the bootstrap address 127.0.0.1:${port} is an HTTP server`);
    expect(stdout.toString()).not.toMatch(/^ok/m);
  } finally {
    http.close();
  }
});

test('completion: what the command prints is what bash takes', async () => {
  const script = await must(odradek('completion', 'bash'));
  const asked = 'COMP_WORDS=(odradek cluster st); COMP_CWORD=2; _odradek; echo "${COMPREPLY[@]}"';
  expect(await must(['bash', '--norc', '-c', `${script}\n${asked}`])).toBe('status\n');
});
