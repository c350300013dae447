/**
 * A real Kubernetes as tests meet it, and the cluster of `deploy/kubernetes` in a namespace of its own. `ODRADEK_KUBERNETES` is a command that
 * takes `kubectl ARGUMENTS`, `load IMAGE`, `status` (a line `NAME runs (PROCESS)` for each part of the machines) and `up`; `ODRADEK_IMAGE` is
 * the image, `odradek:dev` when left out.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { driverOf, runChaos, type Driver, type Report, type Scenario } from 'odradek/chaos';
import { found, missing, must, root, run, type Found, type Ran } from './run.ts';
import { eventually, freshName } from './target.ts';

const IMAGE = process.env['ODRADEK_IMAGE'] ?? 'odradek:dev';
const RECOVER_WITHIN_MS = 120_000;
/** As `deploy/kubernetes/overlays/nodeport` has it. */
const EXTERNAL_PORT = 31_080;

function commandLine(): readonly string[] | undefined {
  const given = process.env['ODRADEK_KUBERNETES'];
  if (given !== undefined) return given.split(' ');
  const beside = `${root}../shared/tools/kubernetes`;
  return existsSync(beside) ? [beside] : undefined;
}

/** How to call it, with `kubectl` and the like behind; or why there is none that runs. */
export function kubernetes(): Found<readonly string[]> {
  const command = commandLine();
  if (command === undefined) return missing('no Kubernetes: set ODRADEK_KUBERNETES');
  const [file = '', ...args] = command;
  const asked = spawnSync(file, [...args, 'kubectl', 'get', 'nodes', '--request-timeout=10s']);
  return asked.status === 0 ? found(command) : missing('Kubernetes is not up');
}

export type Pod = {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly address: string;
  readonly isReady: boolean;
  readonly isGoing: boolean;
  readonly restarts: number;
};

type PodJson = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
};

export class KubernetesCluster implements AsyncDisposable {
  readonly namespace: string;
  readonly #command: readonly string[];

  private constructor(command: readonly string[], namespace: string) {
    this.#command = command;
    this.namespace = namespace;
  }

  /** Nothing of an earlier run is left; nothing runs yet. */
  static async open(command: readonly string[]): Promise<KubernetesCluster> {
    const cluster = new KubernetesCluster(command, 'odradek-test');
    await cluster.remove();
    await cluster.tool('load', IMAGE);
    await cluster.kubectl('create', 'namespace', cluster.namespace);
    return cluster;
  }

  async remove(): Promise<void> {
    await this.kubectl('delete', 'namespace', this.namespace, '--ignore-not-found', '--timeout=120s');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  tool(...args: string[]): Promise<string> {
    return must([...this.#command, ...args], { withinMs: 300_000 });
  }

  kubectl(...args: string[]): Promise<string> {
    return must(this.#line(args), { withinMs: 300_000 });
  }

  /** What may fail. */
  tried(...args: string[]): Promise<Ran> {
    return run(this.#line(args), { withinMs: 300_000 });
  }

  #line(args: readonly string[]): string[] {
    return [...this.#command, 'kubectl', '-n', this.namespace, ...args];
  }

  /** @param directory below deploy/kubernetes */
  async apply(directory: string): Promise<void> {
    const manifests = await this.kubectl('kustomize', `${root}deploy/kubernetes/${directory}`);
    const input = manifests.replaceAll('image: odradek:dev', `image: ${IMAGE}`);
    await must(this.#line(['apply', '-f', '-']), { input });
  }

  async pods(): Promise<Pod[]> {
    const listed = JSON.parse(
      await this.kubectl('get', 'pods', '-l', 'app.kubernetes.io/name=odradek', '-o', 'json'),
    ) as { readonly items: readonly PodJson[] };
    return listed.items.map(podOf).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async pod(ordinal: number): Promise<Pod | undefined> {
    return (await this.pods()).find(({ name }) => name === `odradek-${ordinal}`);
  }

  async untilReady(count: number, withinMs = 180_000): Promise<void> {
    await eventually(
      `${count} pods are ready`,
      async () => {
        const pods = await this.pods();
        return pods.length === count && pods.every(({ isReady, isGoing }) => isReady && !isGoing);
      },
      withinMs,
    );
  }

  async get(ordinal: number, path: string): Promise<{ readonly status: number; readonly why: string }> {
    const pod = await this.pod(ordinal);
    const answer = await fetch(`http://${pod?.address ?? ''}:9644${path}`);
    return { status: answer.status, why: ((await answer.json()) as { why: string }).why };
  }

  /** Ready addresses of a service. */
  async endpoints(service: string): Promise<string[]> {
    const path = 'jsonpath={range .items[*].endpoints[?(@.conditions.ready==true)]}{.targetRef.name}{"\\n"}{end}';
    const slices = await this.kubectl(
      'get',
      'endpointslices',
      '-l',
      `kubernetes.io/service-name=${service}`,
      '-o',
      path,
    );
    return slices.split('\n').filter((name) => name !== '');
  }

  /** Where clients outside connect first. */
  async outside(): Promise<string> {
    const path = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}';
    return `${await this.kubectl('get', 'nodes', '-o', path)}:${EXTERNAL_PORT}`;
  }

  /** The command line in a pod. */
  inside(ordinal: number, ...args: string[]): Promise<string> {
    return this.kubectl('exec', `odradek-${ordinal}`, '--', 'odradek', ...args);
  }

  /** Process ids, on this machine, of what runs in a pod. */
  processesOf({ uid }: Pod): number[] {
    return processesIn((group) => group.includes(`pod${uid}`));
  }

  /** Acknowledged writes go on while `work` is done, from outside; then every record is looked for. */
  async underWrites(name: string, work: () => Promise<void>): Promise<Report> {
    const driver: Driver = driverOf('kubernetes', { stop: work, start: () => undefined });
    const scenario: Scenario = {
      name,
      summary: name,
      needs: ['stop', 'start'],
      round: ({ nodes: [node = 0] }) => [
        { kind: 'act', action: 'stop', node },
        { kind: 'act', action: 'start', node },
        { kind: 'untilWhole' },
      ],
    };
    return this.chaos(scenario, driver, 1);
  }

  async chaos(scenario: Scenario, driver: Driver, repetitions: number, holdMs = 1_000): Promise<Report> {
    const report = await runChaos({
      bootstrap: await this.outside(),
      scenario,
      driver,
      recoverWithinMs: RECOVER_WITHIN_MS,
      settings: {
        topic: freshName(scenario.name),
        partitions: 6,
        replicationFactor: 3,
        minInsyncReplicas: 2,
        rate: 600,
        recordBytes: 100,
        holdMs,
        repetitions,
      },
    });
    const { gap, writes } = report;
    const rounds = report.rounds.map((each) => Math.round(each.longestGapMs)).join(', ');
    process.stdout.write(
      `${scenario.name}: ${writes.acknowledged} of ${writes.issued} acknowledged, ${report.lost} lost, longest gap ` +
        `${Math.round(gap.longestMs)} ms, of each round ${rounds} ms\n`,
    );
    return report;
  }
}

function podOf({ metadata, spec, status }: PodJson): Pod {
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName ?? '',
    address: status.podIP ?? '',
    isReady: ready?.status === 'True',
    isGoing: metadata.deletionTimestamp !== undefined,
    restarts: status.containerStatuses?.[0]?.restartCount ?? 0,
  };
}

export function processesIn(isWanted: (group: string) => boolean): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.filter((id) => isWanted(groupsOf(id))).map(Number);
}

function groupsOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cgroup`, 'utf8');
  } catch {
    return '';
  }
}
