/**
 * `deploy/kubernetes` on a real Kubernetes of three machines: what the manifests promise is done to a cluster that takes writes meanwhile,
 * and every record that was acknowledged is looked for afterwards. The longest time without an acknowledgement is told with each test.
 */
import { Kafka, logLevel } from 'kafkajs';
import { scenarios, driverOf, type Report, type Scenario } from 'odradek/chaos';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kubernetes, KubernetesCluster, processesIn, type Pod } from '../support/kubernetes.ts';
import { title } from '../support/run.ts';
import { eventually, freshName } from '../support/target.ts';

const engine = kubernetes();
const KILL = scenarios.find(({ name }) => name === 'kill') as Scenario;
/** Every machine that a test may have taken out of service is back for the next one. */
const WHOLE_WITHIN_MS = 240_000;

function expectKept(report: Report): void {
  expect(report.violations, JSON.stringify(report.partitions.map(({ judgement }) => judgement.examples))).toEqual([]);
  const { lost, duplicated, outOfOrder, misplaced, invented } = report;
  expect([lost, duplicated, outOfOrder, misplaced, invented]).toEqual([0, 0, 0, 0, 0]);
  expect(report.errors.visible).toEqual({});
  expect([report.writes.acknowledged, report.writes.read]).toEqual([report.writes.issued, report.writes.issued]);
}

/** What was seen of the pods while something went on. */
class Watch {
  #isOver = false;
  readonly #seen: Pod[][] = [];
  readonly #looking: Promise<void>;

  constructor(cluster: KubernetesCluster) {
    this.#looking = this.#look(cluster);
  }

  async #look(cluster: KubernetesCluster): Promise<void> {
    while (!this.#isOver) {
      this.#seen.push(await cluster.pods());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** @returns how many pods were ready and not about to go, at the worst moment */
  async end(): Promise<number> {
    this.#isOver = true;
    await this.#looking;
    return Math.min(...this.#seen.map((pods) => pods.filter(({ isReady, isGoing }) => isReady && !isGoing).length));
  }
}

describe.skipIf(engine.missing !== undefined)(title('deploy/kubernetes', engine), () => {
  let cluster: KubernetesCluster;

  beforeAll(async () => {
    cluster = await KubernetesCluster.open(engine.use ?? []);
    await cluster.apply('overlays/nodeport');
    const fromMs = performance.now();
    await cluster.untilReady(3);
    process.stdout.write(`three pods are ready ${Math.round(performance.now() - fromMs)} ms after they were applied\n`);
  });

  afterEach(async () => {
    await cluster.untilReady(3, WHOLE_WITHIN_MS);
  });

  afterAll(async () => {
    await cluster?.remove();
  });

  const pod = async (ordinal: number): Promise<Pod> => {
    const found = await cluster.pod(ordinal);
    if (found === undefined) throw new Error(`there is no pod odradek-${ordinal}`);
    return found;
  };

  test('pods are on machines of their own, and run as nobody special on a root that they cannot write', async () => {
    const pods = await cluster.pods();
    expect(new Set(pods.map(({ node }) => node)).size).toBe(3);
    expect(pods.map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
    const shell =
      'id -u; id -g; touch /x 2>&1; touch /opt/x 2>&1; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/1/status';
    const told = await cluster.tried('exec', 'odradek-0', '--', 'sh', '-c', shell);
    const lines = told.stdout.toString().split('\n');
    expect(lines.slice(0, 2)).toEqual(['1000', '1000']);
    expect(lines.filter((line) => line.includes('Read-only file system'))).toHaveLength(2);
    expect(lines).toContain('CapEff:\t0000000000000000');
    expect(lines).toContain('CapBnd:\t0000000000000000');
    expect(lines).toContain('NoNewPrivs:\t1');
    expect(lines).toContain('Seccomp:\t2');
  });

  test('records that are produced outside are read inside, and the other way round', async () => {
    const topic = freshName('both-ways');
    const inside = ['--bootstrap-server', 'odradek:9092', '--topic', topic];
    await cluster.inside(0, 'topics', 'create', ...inside, '--partitions', '3', '--replication-factor', '3');
    const kafka = new Kafka({ brokers: [await cluster.outside()], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'from outside' }] });
    await producer.disconnect();
    await cluster.kubectl(
      'exec',
      'odradek-1',
      '--',
      'sh',
      '-c',
      `echo 'from inside' | odradek produce ${inside.join(' ')}`,
    );
    expect(
      (await cluster.inside(2, 'consume', ...inside, '--from-beginning', '--exit-at-end')).split('\n').toSorted(),
    ).toEqual(['', 'from inside', 'from outside']);
    const consumer = kafka.consumer({ groupId: freshName('outside') });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen: string[] = [];
    await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void seen.push(String(message.value))) });
    await eventually('both records are read outside', () => seen.length === 2);
    await consumer.disconnect();
    expect(seen.toSorted()).toEqual(['from inside', 'from outside']);
  });

  test('pods are deleted by force, one after another: nothing is lost, and no client is told of it', async () => {
    const driver = driverOf('kubernetes', {
      kill: async ({ id }) =>
        void (await cluster.kubectl('delete', 'pod', `odradek-${id}`, '--force', '--grace-period=0')),
      start: () => undefined,
    });
    expectKept(await cluster.chaos({ ...KILL, name: 'force-delete' }, driver, 3));
  });

  test('rollout restart: one pod after another, each once it has caught up, and no client is told of it', async () => {
    const before = await cluster.pods();
    const watch = new Watch(cluster);
    const report = await cluster.underWrites('rollout-restart', async () => {
      await cluster.kubectl('rollout', 'restart', 'statefulset/odradek');
      await cluster.kubectl('rollout', 'status', 'statefulset/odradek', '--timeout=240s');
    });
    expect(await watch.end()).toBe(2);
    expectKept(report);
    const after = await cluster.pods();
    expect(after.filter(({ uid }) => before.some((each) => each.uid === uid))).toEqual([]);
    // In the order in which it was rolled, no ISR lacked two replicas.
    const least = report.partitions.flatMap(({ changes }) => changes.map(({ isr }) => isr.length));
    expect(Math.min(...least)).toBe(2);
  });

  test('a whole machine is lost: nothing is lost with it, and it is whole again once the machine is back', async () => {
    const victim = (await pod(0)).node;
    const driver = driverOf('kubernetes', {
      kill: async () => {
        const number = victim.split('-').at(-1) ?? '';
        const status = await cluster.tool('status');
        for (const name of [`kubelet-${number}`, `containerd-${number}`]) {
          const id = new RegExp(`^${name} runs \\((\\d+)\\)`, 'm').exec(status)?.[1];
          if (id === undefined) throw new Error(`${name} does not run`);
          process.kill(Number(id), 'SIGKILL');
        }
        for (const id of processesIn((group) => group.includes(`/kube-${victim}/`))) process.kill(id, 'SIGKILL');
      },
      start: async () => void (await cluster.tool('up')),
    });
    expectKept(await cluster.chaos({ ...KILL, name: 'machine-lost' }, driver, 1, 5_000));
  });

  test('drain: one machine may go, the next one not before the first pod is ready again', async () => {
    const [first, second] = [(await pod(0)).node, (await pod(1)).node];
    const drain = [
      'drain',
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--pod-selector=app.kubernetes.io/name=odradek',
    ];
    const report = await cluster.underWrites('drain', async () => {
      try {
        await cluster.kubectl(...drain, first, '--timeout=120s');
        const refused = await cluster.tried(...drain, second, '--timeout=15s');
        expect([refused.code, refused.stderr]).toEqual([
          1,
          expect.stringContaining("violate the pod's disruption budget"),
        ]);
        expect((await pod(1)).isGoing).toBe(false);
      } finally {
        await cluster.kubectl('uncordon', first, second);
      }
    });
    expectKept(report);
  });

  test('three become four: the fourth is a broker only; drained and scaled down, it is forgotten', async () => {
    const where = ['--bootstrap-server', 'odradek:9092'];
    const brokers = async (): Promise<string> => {
      const listed = await cluster.inside(
        0,
        'cluster',
        'list-endpoints',
        '--include-fenced-brokers',
        '--json',
        ...where,
      );
      return (JSON.parse(listed) as { id: number }[]).map(({ id }) => id).join();
    };
    const voters = async (): Promise<string> => {
      const told = await cluster.inside(0, 'quorum', 'describe', '--json', ...where);
      const { replicas } = JSON.parse(told) as { replicas: { id: number; role: string }[] };
      return replicas
        .filter(({ role }) => role !== 'Observer')
        .map(({ id }) => id)
        .toSorted((a, b) => a - b)
        .join();
    };
    await cluster.kubectl('scale', 'statefulset/odradek', '--replicas=4');
    await cluster.untilReady(4);
    expect([await brokers(), await voters()]).toEqual(['0,1,2,3', '0,1,2']);
    const topic = freshName('scaled');
    const assigned = ['topics', 'create', '--topic', topic, '--partitions', '8', '--replication-factor', '3', ...where];
    await cluster.inside(0, ...assigned);
    const holders = async (): Promise<Set<number>> => {
      const [described] = JSON.parse(
        await cluster.inside(0, 'topics', 'describe', '--topic', topic, '--json', ...where),
      ) as [{ partitions: { replicas: number[] }[] }];
      return new Set(described.partitions.flatMap(({ replicas }) => replicas));
    };
    expect(await holders()).toContain(3);
    const drain = ['cluster', 'drain', '--broker', '3', ...where];
    expect(await cluster.inside(0, ...drain)).toContain('Nothing is left on broker 3');
    expect(await holders()).toEqual(new Set([0, 1, 2]));
    await cluster.kubectl('scale', 'statefulset/odradek', '--replicas=3');
    await cluster.untilReady(3);
    await eventually('it is forgotten', async () =>
      (await cluster.inside(0, ...drain)).includes('no longer registered'),
    );
    expect(await brokers()).toBe('0,1,2');
  });

  test('a wedged quorum: who is left is not ready and says why, keeps its name, and is not restarted for it', async () => {
    await cluster.kubectl('scale', 'statefulset/odradek', '--replicas=1');
    await eventually('only one is there', async () => (await cluster.pods()).length === 1, 120_000);
    const aloneMs = performance.now();
    await eventually('it is not ready', async () => !(await pod(0)).isReady, 60_000);
    process.stdout.write(`not ready ${Math.round(performance.now() - aloneMs)} ms after the quorum was gone\n`);
    const { status, why } = await cluster.get(0, '/readyz');
    expect([status, why]).toEqual([503, expect.stringContaining('1 of 3 controllers is here, 2 are needed')]);
    expect((await cluster.get(0, '/livez')).status).toBe(200);
    expect([await cluster.endpoints('odradek'), await cluster.endpoints('odradek-nodes')]).toEqual([[], ['odradek-0']]);
    const { restarts } = await pod(0);
    await cluster.kubectl('scale', 'statefulset/odradek', '--replicas=3');
    await cluster.untilReady(3);
    expect((await pod(0)).restarts).toBe(restarts);
    expect((await cluster.endpoints('odradek')).toSorted()).toEqual(['odradek-0', 'odradek-1', 'odradek-2']);
  });

  test('an event loop that hangs: the pod is taken out of service and restarted, and nothing is lost', async () => {
    const before = await pod(1);
    const hanging = cluster.processesOf(before);
    expect(hanging.length).toBeGreaterThan(0);
    const report = await cluster.underWrites('hanging', async () => {
      const fromMs = performance.now();
      for (const id of hanging) process.kill(id, 'SIGSTOP');
      await eventually(
        'it is out of service',
        async () => !(await cluster.endpoints('odradek')).includes('odradek-1'),
        60_000,
      );
      const outMs = performance.now() - fromMs;
      await eventually('it is restarted', async () => (await pod(1)).restarts > before.restarts, 60_000);
      const restartedMs = performance.now() - fromMs;
      process.stdout.write(
        `out of service after ${Math.round(outMs)} ms, restarted after ${Math.round(restartedMs)} ms\n`,
      );
      await cluster.untilReady(3);
    });
    expectKept(report);
    expect((await pod(1)).uid).toBe(before.uid);
  });
});
