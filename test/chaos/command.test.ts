/**
 * `odradek chaos run` as a process against real nodes: faults by process and by commands of the user, an honest verdict when records are
 * lost, and a cluster that is mended when the run is interrupted.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { processes, type Report, type Target } from 'odradek/chaos';
import { ApiKey } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { READY_WITHIN_MS } from '../support/chaos/play.ts';
import { odradek, run } from '../support/run.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually } from '../support/target.ts';

const WITHIN_MS = 150_000;
const SHORT = ['--duration', '1s', '--recover-within', '60s'];

const reportIn = (text: Buffer): Report => JSON.parse(text.toString()) as Report;

async function topicsOf(address: string): Promise<string[]> {
  using wire = await Wire.open(address);
  const { topics } = await wire.call(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false });
  return topics.map(({ name }) => name ?? '').filter((name) => name.startsWith('odradek-chaos'));
}

describe('odradek chaos run', () => {
  const suite = suiteCluster({ readyWithinMs: READY_WITHIN_MS });
  const targets = (): Target[] =>
    suite.cluster.nodes.map(({ id, address }) => ({ id, host: '127.0.0.1', port: Number(address.split(':')[1]) }));

  /** What a run has started is nobody's child. */
  afterAll(async () => {
    await Promise.allSettled(targets().map((target) => processes(new Map()).act('kill', target)));
  });

  test('--processes: a killed node is started again as it was; JSON on stdout, a page that needs no network', async () => {
    const page = join(suite.directory, 'kill.html');
    const flags = ['--bootstrap', suite.cluster.bootstrap, '--processes', '--json', '--html', page];
    const { code, stdout, stderr } = await run(odradek('chaos', 'run', 'kill', ...flags, ...SHORT), {
      withinMs: WITHIN_MS,
      environment: { TMPDIR: suite.directory },
    });
    expect(code, stderr).toBe(0);
    const report = reportIn(stdout);
    expect(report).toMatchObject({
      format: 1,
      scenario: 'kill',
      verdict: 'kept',
      violations: [],
      lost: 0,
      duplicated: 0,
    });
    expect(report.rounds).toMatchObject([{ round: 1, victims: [1] }]);
    expect(report.events.map(({ what, node }) => `${what} ${node}`)).toEqual(['kill 1', 'start 1']);
    expect(report.timeline.acknowledged.flat().reduce((sum, count) => sum + count, 0)).toBe(report.writes.acknowledged);
    expect(stderr).toMatch(/ s {2}kill node 1\n.* s {2}start node 1\n(?:.*\n)*.* s {2}round 1: longest gap \d+ ms/);
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('<h1>kill <span class="kept">kept</span></h1>');
    expect(html).not.toMatch(/(?:src|href)=/);
    // A node hears a moment later of what was done through another.
    await expect.poll(() => topicsOf(suite.cluster.node(1).address)).toEqual([]);
  });

  test('commands: a node that loses its records makes a verdict that says so, exit code 1, and the topic is left', async () => {
    const { directory } = suite;
    const main = fileURLToPath(import.meta.resolve('@odradek/server/main'));
    const stop = join(directory, 'kill.mjs');
    const launch = join(directory, 'start.sh');
    writeFileSync(
      launch,
      `cd '${directory}'; setsid '${process.execPath}' '${main}' --config "$1" >/dev/null 2>&1 &\n`,
    );
    writeFileSync(
      stop,
      `import { processes } from ${JSON.stringify(import.meta.resolve('odradek/chaos'))};
       import { readdirSync, rmSync } from 'node:fs';
       const [node, host, port, data] = process.argv.slice(2);
       await processes(new Map()).act('kill', { id: Number(node), host, port: Number(port) });
       for (const log of readdirSync(data)) if (log.startsWith('odradek-chaos-')) rmSync(data + '/' + log, { recursive: true });`,
    );
    const nodeIn = join(suite.cluster.directory, 'node-{node}');
    const { code, stdout, stderr } = await run(
      odradek('chaos', 'run', 'kill', '--bootstrap', suite.cluster.bootstrap, ...SHORT, '--json')
        .concat('--replication-factor', '1', '--min-insync-replicas', '1')
        .concat('--kill-command', `'${process.execPath}' '${stop}' {node} {host} {port} '${nodeIn}/data'`)
        .concat('--start-command', `sh '${launch}' '${nodeIn}.properties'`),
      { withinMs: WITHIN_MS },
    );
    expect(code, stderr).toBe(1);
    const report = reportIn(stdout);
    expect(report.verdict).toBe('broken');
    expect(report.lost).toBeGreaterThan(0);
    expect(report.violations.join()).toContain('acknowledged and not in the log');
    const broken = report.partitions.filter(({ judgement }) => judgement.lost > 0);
    expect(broken.length).toBeGreaterThan(0);
    for (const { judgement, changes } of broken) {
      expect(judgement.examples[0]).toMatch(/^record \d+ was acknowledged( at offset \d+)? and is not there$/);
      expect(changes.map(({ leader }) => leader)).toContain(1);
    }
    await expect.poll(() => topicsOf(suite.cluster.node(1).address)).toEqual([report.settings.topic]);
  });

  test('an interrupted run mends what it has broken before it ends', async () => {
    const flags = ['--bootstrap', suite.cluster.bootstrap, '--processes', '--duration', '10m'];
    const [file = '', ...args] = odradek('chaos', 'run', 'pause', ...flags);
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await eventually('node 1 is paused', () => said.includes('pause node 1\n'), WITHIN_MS);
    child.kill('SIGINT');
    expect(await ended, said).toBe(130);
    expect(said).toMatch(/resume node 1\nodradek: interrupted; what was broken is mended\n$/);
    // It answers, and the topic of the run is gone; that of the broken one is left.
    await expect.poll(() => topicsOf(suite.cluster.node(1).address)).toHaveLength(1);
  });
});
