/**
 * The Helm chart says what the manifests say: both are rendered and compared value by value, and the API server takes the chart's.
 * `ODRADEK_HELM` is Helm's command, `helm` when left out.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { kubernetes } from '../support/kubernetes.ts';
import { found, missing, must, root, run, title, type Found } from '../support/run.ts';

type Json = { readonly [key: string]: unknown };
type Manifest = Json & { readonly kind: string; readonly metadata: Json & { readonly name: string } };

const engine = kubernetes();
const CHART = `${root}deploy/kubernetes/helm/odradek`;
/** Rendered without asking a cluster, for this Kubernetes. */
const WITHOUT_CLUSTER = ['--namespace', 'default', '--kube-version', '1.33.0'];

function helm(): Found<string> {
  const command = process.env['ODRADEK_HELM'] ?? 'helm';
  const told = spawnSync(command, ['version', '--short']);
  return told.status === 0 ? found(command) : missing('no Helm: put it on the path, or set ODRADEK_HELM');
}

const needed = engine.missing === undefined ? helm() : missing<string>(engine.missing);

/** What differs by who has made it: labels by which Helm knows its own. */
const helms = new Set([
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
  'helm.sh/chart',
]);

/** Every value with its path; members of a list that have names are told by them. */
function values(of: unknown, path = ''): string[] {
  if (typeof of !== 'object' || of === null) return [`${path} = ${JSON.stringify(of)}`];
  return Object.entries(of).flatMap(([key, value]: [string, unknown]) => {
    if (helms.has(key)) return [];
    const name = Array.isArray(of) ? (value as Json | null)?.['name'] : undefined;
    return values(value, `${path}/${typeof name === 'string' ? name : key}`);
  });
}

describe.skipIf(needed.missing !== undefined)(title('the chart', needed), () => {
  const kubectl = (...args: string[]): string[] => [...(engine.use ?? []), 'kubectl', ...args];

  const template = (...settings: string[]): Promise<string> =>
    must([
      needed.use ?? '',
      'template',
      'odradek',
      CHART,
      ...WITHOUT_CLUSTER,
      ...settings.flatMap((each) => ['--set', each]),
    ]);

  /** By kind and name. */
  async function parsed(yaml: string): Promise<Map<string, string[]>> {
    const text = await must(kubectl('create', '--dry-run=client', '-o', 'json', '-f', '-'), { input: yaml });
    // One object after the other, each beginning and ending at the first column.
    const objects = text.split(/^(?=\{)/m).map((each) => JSON.parse(each) as Manifest);
    return new Map(objects.map((each) => [`${each.kind} ${each.metadata.name}`, values(each).toSorted()]));
  }

  test.each([
    ['base', []],
    ['overlays/nodeport', ['external.enabled=true', 'replicas=3']],
  ])('it says what deploy/kubernetes/%s says', async (directory, settings) => {
    const chart = await parsed(await template(...settings));
    const manifests = await parsed(await must(kubectl('kustomize', `${root}deploy/kubernetes/${directory}`)));
    // The overlay has services for pods that may come; the chart knows how many there are.
    for (const ordinal of [3, 4, 5]) manifests.delete(`Service odradek-external-${ordinal}`);
    expect([...chart.keys()].toSorted()).toEqual([...manifests.keys()].toSorted());
    for (const [name, said] of chart) expect([name, said]).toEqual([name, manifests.get(name)]);
  });

  test('the API server takes it, with every value set', async () => {
    const set = [
      'external.enabled=true,external.host=kafka.example,replicas=5,controllers=3,storage.className=fast,storage.size=1Ti',
      'config.log\\.retention\\.hours=5,priorityClassName=high,podAnnotations.a=b,nodeSelector.disk=ssd,tolerations[0].key=dedicated',
      'extraEnv[0].name=KAFKA_NUM_PARTITIONS,extraEnv[0].valueFrom.fieldRef.fieldPath=metadata.name,imagePullSecrets[0].name=registry',
      'stopWaitSeconds=5,spread=ScheduleAnyway,affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution=null',
    ];
    const yaml = await template(...set);
    const told = await must(kubectl('apply', '--dry-run=server', '-n', 'default', '-f', '-'), { input: yaml });
    expect(told.match(/ \(server dry run\)$/gm)).toHaveLength(10);
    expect(yaml).toContain("'/stopz?waitMs=5000'");
    expect(yaml).toMatch(/name: KAFKA_LOG_RETENTION_HOURS\n +value: "5"/);
    expect(yaml).toContain('2@odradek-2.odradek-nodes.$(POD_NAMESPACE).svc:9093"');
  });

  test('what cannot be is refused before anything is made of it', async () => {
    const told = await run([needed.use ?? '', 'template', 'odradek', CHART, ...WITHOUT_CLUSTER, '--set', 'replicas=2']);
    expect([told.code, told.stderr]).toEqual([
      1,
      expect.stringContaining('there cannot be more of them than replicas'),
    ]);
  });
});
