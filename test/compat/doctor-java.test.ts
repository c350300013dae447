/** `odradek doctor` and `cluster status` on an Apache Kafka, and at listeners of it that this command line cannot use. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '@odradek/testkit';
import { ApacheKafka } from '../support/apache-kafka.ts';
import { Pipeline } from '../support/pipeline.ts';
import { commit, formGroup } from '../support/raw-groups.ts';
import { kafkaTool, must, odradek, run, title } from '../support/run.ts';
import { eventually } from '../support/target.ts';

const PASSWORD = 'only-for-tests';

type Report = {
  readonly verdict: string;
  readonly findings: readonly { readonly kind: string; readonly severity: string; readonly what: string }[];
  readonly looked: Readonly<Record<string, string>>;
  readonly untold: readonly unknown[];
};

async function doctor(...args: string[]): Promise<{ readonly code: number | null; readonly report: Report }> {
  const { code, stdout, stderr } = await run(odradek('doctor', ...args, '--json'));
  expect(stdout.toString(), stderr).not.toBe('');
  return { code, report: JSON.parse(stdout.toString()) as Report };
}

const need = kafkaTool();

describe.skipIf(need.use === undefined)(title('Apache Kafka', need), () => {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-doctor-'));
  let kafka: ApacheKafka | undefined;
  let saslPort = 0;
  let tlsPort = 0;

  beforeAll(async () => {
    if (need.use === undefined) return;
    [saslPort, tlsPort] = [await freePort(), await freePort()];
    kafka = await ApacheKafka.format(need.use, directory);
    const store = join(directory, 'keys.p12');
    const key = ['-genkeypair', '-alias', 'kafka', '-keyalg', 'RSA', '-dname', 'CN=localhost', '-validity', '2'];
    await must(['keytool', ...key, '-keystore', store, '-storetype', 'PKCS12', '-storepass', PASSWORD]);
    const others = `SASL_PLAINTEXT://127.0.0.1:${saslPort},SSL://127.0.0.1:${tlsPort}`;
    const login = 'org.apache.kafka.common.security';
    // Of a key that stands twice the last one counts.
    appendFileSync(
      join(directory, 'server.properties'),
      [
        `listeners=PLAINTEXT://${kafka.bootstrap},CONTROLLER://${kafka.controller},${others}`,
        `advertised.listeners=PLAINTEXT://${kafka.bootstrap},${others}`,
        'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL',
        'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256',
        `listener.name.sasl_plaintext.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required user_a="b";`,
        `listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
        `ssl.keystore.location=${store}`,
        'ssl.keystore.type=PKCS12',
        `ssl.keystore.password=${PASSWORD}`,
        `ssl.key.password=${PASSWORD}`,
        '',
      ].join('\n'),
    );
    await kafka.start();
  });

  afterAll(async () => {
    await kafka?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const bootstrap = (): string => kafka?.bootstrap ?? '';

  test('one node as it comes is sound: nothing of its defaults is called a contradiction', async () => {
    await must(odradek('topics', 'create', '--topic', 'orders', '--bootstrap-server', bootstrap()));
    await eventually('the broker answers with its topic', async () => {
      const { report } = await doctor('--bootstrap', bootstrap());
      return report.looked['partitions'] === '1 partition of 1 topic';
    });
    const { code, report } = await doctor('--bootstrap', bootstrap());
    const errors = report.findings.filter(({ severity }) => severity === 'error').map(({ kind }) => kind);
    // That the disk of whoever runs the tests is full is not Kafka's doing.
    const isFull = errors.includes('disk-full');
    expect({ code, errors: errors.filter((kind) => kind !== 'disk-full'), untold: report.untold }).toEqual({
      code: isFull ? 1 : 0,
      errors: [],
      untold: [],
    });
    // True of any Kafka that is alone: transactions and share groups would want three brokers.
    const told = report.findings.filter(({ kind }) => !kind.startsWith('disk-'));
    expect(told.map(({ what }) => what)).toEqual([
      'transaction.state.log.replication.factor is 3, and 1 broker is registered',
      'share.coordinator.state.topic.replication.factor is 3, and 1 broker is registered',
    ]);
    expect(report.looked).toMatchObject({
      quorum: expect.stringMatching(/^controller 1 leads at epoch \d+, 1 voter$/) as string,
      disks: '1 directory',
      // Of Kafka's clocks only the active controller's is told.
      clocks: 'controller 1',
    });
  });

  test('a member that commits nothing while records come is found by two looks, and said to be unknown after one', async () => {
    const group = await formGroup({
      groupId: 'stuck',
      members: 1,
      topics: ['orders'],
      sessionTimeoutMs: 300_000,
      pipes: [await Pipeline.open(bootstrap())],
    });
    const [member] = group.members;
    if (member === undefined) throw new Error('a group of one has a member');
    await commit(group, member, [{ topic: 'orders', partition: 0, offset: 0, metadata: '' }]);
    const write = (): Promise<string> =>
      must(odradek('produce', '--topic', 'orders', '--bootstrap-server', bootstrap()), { input: 'one\ntwo\n' });
    await write();
    const { report: once } = await doctor('--bootstrap', bootstrap());
    expect(once.untold).toEqual([expect.objectContaining({ what: 'whether a group with members and lag gets on' })]);
    let isOver = false;
    const looking = doctor('--bootstrap', bootstrap(), '--observe', '10s').finally(() => (isOver = true));
    while (!isOver) await write();
    const { report: twice } = await looking;
    expect(twice.untold).toEqual([]);
    const stalled = twice.findings.filter(({ kind }) => kind === 'group-stalled');
    expect(stalled.map(({ what }) => what)).toEqual([expect.stringMatching(/^group 'stuck' has members.*orders-0$/)]);
    member.pipe.close();
  });

  test('status: its one node, with its disk', async () => {
    const status = JSON.parse(await must(odradek('cluster', 'status', '--json', '-b', bootstrap()))) as {
      nodes: Record<string, unknown>[];
    };
    expect(status.nodes).toEqual([
      expect.objectContaining({
        id: 1,
        roles: ['broker', 'controller'],
        isLeader: true,
        state: 'up',
        address: bootstrap(),
        metadataLag: 0,
      }),
    ]);
    expect(Number(status.nodes[0]?.['totalBytes'])).toBeGreaterThan(0);
  });

  test.each([
    ['SASL', () => saslPort, 'sasl-there', 'SASL'],
    ['TLS', () => tlsPort, 'tls-there', 'speaks TLS'],
    ['controllers', () => Number(kafka?.controller.split(':')[1]), 'controller-there', "controller's listener"],
  ])('a listener for %s is named', async (_what, port, kind, words) => {
    const { code, report } = await doctor('--bootstrap', `127.0.0.1:${port()}`);
    expect(code).toBe(3);
    expect(report.findings.map((finding) => finding.kind)).toEqual([kind]);
    expect(report.findings[0]?.what).toContain(words);
  });

  test('the mechanisms of SASL are told', async () => {
    const { report } = await doctor('--bootstrap', `127.0.0.1:${saslPort}`);
    expect(report.findings[0]?.what).toMatch(/PLAIN.*SCRAM-SHA-256|SCRAM-SHA-256.*PLAIN/);
  });
});
