/**
 * The Helm chart says what the manifests say: both are rendered and compared value by value, and the API server takes the chart's where one
 * runs. `ODRADEK_HELM` is Helm's command, `helm` when left out; what is rendered needs `kubectl`, and no cluster.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { kubernetes } from '../support/kubernetes.ts';
import { found, missing, must, root, run, title, type Found } from '../support/run.ts';

type Json = { readonly [key: string]: unknown };
type Variable = { readonly name: string; readonly value?: string };
type PodSpec = { readonly containers?: readonly { readonly env?: readonly Variable[] }[] };
type Manifest = Json & {
  readonly kind: string;
  readonly metadata: Json & { readonly name: string };
  readonly spec: { readonly template?: { readonly spec: PodSpec } };
};

const engine = kubernetes();
const CHART = `${root}deploy/kubernetes/helm/odradek`;
/** Rendered without asking a cluster, for this Kubernetes. */
const WITHOUT_CLUSTER = ['--namespace', 'default', '--kube-version', '1.33.0'];
const KUBECTL = [...(engine.use ?? []), 'kubectl'];

function helm(): Found<string> {
  const command = process.env['ODRADEK_HELM'] ?? 'helm';
  const told = spawnSync(command, ['version', '--short']);
  return told.status === 0 ? found(command) : missing('no Helm: put it on the path, or set ODRADEK_HELM');
}

function withKubectl(): Found<string> {
  const [file = '', ...args] = KUBECTL;
  const told = spawnSync(file, [...args, 'kustomize', '--help']);
  return told.status === 0 ? helm() : missing('no kubectl on the path');
}

const needed = withKubectl();

/** What differs by who has made it: labels by which Helm knows its own. */
const helms = new Set(['app.kubernetes.io/managed-by', 'app.kubernetes.io/version', 'helm.sh/chart']);

/** None of them is what the chart has by itself, and each shows. */
const everyValue = {
  image: { repository: 'registry.example/odradek', tag: '1.2.3', pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'registry' }],
  replicas: 4,
  controllers: 1,
  config: { 'default.replication.factor': '4', 'min.insync.replicas': '1', 'log.retention.hours': '5' },
  extraEnv: [
    { name: 'RACK', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['rack']" } } },
    { name: 'KAFKA_BROKER_RACK', value: '$(RACK)' },
  ],
  storage: { size: '1Ti', className: 'fast' },
  resources: { requests: { cpu: '2', memory: '2Gi' }, limits: { memory: '4Gi' } },
  external: { enabled: true, bootstrapNodePort: 32000, nodePortPrefix: '3201', host: 'kafka.example' },
  stopWaitSeconds: 20,
  terminationGracePeriodSeconds: 120,
  disruptionBudget: { maxUnavailable: 2 },
  spread: 'ScheduleAnyway',
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ key: 'dedicated', operator: 'Exists' }],
  affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  priorityClassName: 'high',
  podAnnotations: {
    'prometheus.io/scrape': 'false',
    'prometheus.io/port': '1',
    'prometheus.io/path': '/m',
    rack: 'a',
  },
  clusterDomainSuffix: 'svc.cluster.example',
};

const isMap = (of: unknown): of is Json => typeof of === 'object' && of !== null && !Array.isArray(of);

/** Every value with its path; members of a list that have names are told by them. */
function values(of: unknown, path = ''): string[] {
  if (typeof of !== 'object' || of === null) return [`${path} = ${JSON.stringify(of)}`];
  return Object.entries(of).flatMap(([key, value]: [string, unknown]) => {
    if (helms.has(key)) return [];
    const name = Array.isArray(of) ? (value as Json | null)?.['name'] : undefined;
    return values(value, `${path}/${typeof name === 'string' ? name : key}`);
  });
}

/** Paths of what can be set: a list, and a map that is empty, is set as a whole. */
function settable(of: Json, path: readonly string[] = []): string[][] {
  return Object.entries(of).flatMap(([key, value]) => {
    const here = [...path, key];
    return isMap(value) && Object.keys(value).length > 0 ? settable(value, here) : [here];
  });
}

function at(of: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, key) => (isMap(inner) ? inner[key] : undefined), of);
}

function withValue(of: Json, [key = '', ...path]: readonly string[], value: unknown): Json {
  const inner = of[key];
  return { ...of, [key]: path.length === 0 ? value : withValue(isMap(inner) ? inner : {}, path, value) };
}

/** A variable knows those that come before it; of others `$(NAME)` stays as it is. */
function unknownVariables({ spec }: Manifest): string[] {
  return (spec.template?.spec.containers ?? []).flatMap(({ env = [] }) =>
    env.flatMap(({ name, value = '' }, index) => {
      const before = new Set(env.slice(0, index).map((each) => each.name));
      const asked = Array.from(value.matchAll(/\$\(([^)]*)\)/g), ([, variable = '']) => variable);
      return asked.filter((each) => !before.has(each)).map((each) => `${name} asks for ${each}`);
    }),
  );
}

function variablesAsked({ spec }: Manifest): number {
  const env = (spec.template?.spec.containers ?? []).flatMap((each) => each.env ?? []);
  return env.filter(({ value = '' }) => value.includes('$(')).length;
}

describe.skipIf(needed.missing !== undefined)(title('the chart', needed), () => {
  const templating = (release = 'odradek'): string[] => [
    needed.use ?? '',
    'template',
    release,
    CHART,
    ...WITHOUT_CLUSTER,
    '--values',
    '-',
  ];
  const template = (given: Json = {}, release?: string): Promise<string> =>
    must(templating(release), { input: JSON.stringify(given) });

  /** kubectl reads YAML without a cluster if it is to change a label. */
  async function parsed(yaml: string): Promise<Manifest[]> {
    const reading = ['label', '--local', '--output', 'json', '--filename', '-', 'read-by=kubectl'];
    const text = await must([...KUBECTL, ...reading], { input: yaml });
    // One object after the other, each beginning and ending at the first column.
    return text.split(/^(?=\{)/m).map((each) => JSON.parse(each) as Manifest);
  }

  const named = (objects: readonly Manifest[]): Map<string, string[]> =>
    new Map(objects.map((each) => [`${each.kind} ${each.metadata.name}`, values(each).toSorted()]));

  const kustomized = (directory: string): Promise<string> =>
    must([...KUBECTL, 'kustomize', `${root}deploy/kubernetes/${directory}`]);

  async function defaults(): Promise<Json> {
    const indented = readFileSync(`${CHART}/values.yaml`, 'utf8').replaceAll(/^/gm, '  ');
    const [read] = await parsed(`apiVersion: v1\nkind: Values\nmetadata: { name: defaults }\nspec:\n${indented}`);
    return { ...read?.spec };
  }

  test.each([
    ['base', {}],
    ['overlays/nodeport', { external: { enabled: true } }],
  ])('it says what deploy/kubernetes/%s says', async (directory, given) => {
    const chart = named(await parsed(await template(given)));
    const manifests = named(await parsed(await kustomized(directory)));
    // The overlay has services for pods that may come; the chart knows how many there are.
    for (const ordinal of [3, 4, 5]) manifests.delete(`Service odradek-external-${ordinal}`);
    expect([...chart.keys()].toSorted()).toEqual([...manifests.keys()].toSorted());
    for (const [name, said] of chart) expect([name, said]).toEqual([name, manifests.get(name)]);
  });

  test('every value of the chart can be set, and each shows', async () => {
    const chartsOwn = await defaults();
    const paths = settable(chartsOwn);
    expect(paths).toContainEqual(['external', 'nodePortPrefix']);
    const all = await template(everyValue);
    const without = async (path: readonly string[]): Promise<string> => {
      const own = at(chartsOwn, path);
      const empty = isMap(own)
        ? Object.fromEntries(Object.keys(at(everyValue, path) ?? {}).map((key) => [key, null]))
        : own;
      return template(withValue(everyValue, path, empty));
    };
    const idle: string[] = [];
    for (const path of paths) {
      expect([path, at(everyValue, path)]).not.toEqual([path, undefined]);
      if ((await without(path)) === all) idle.push(path.join('/'));
    }
    expect(idle).toEqual([]);
    expect(all).toContain("'/stopz?waitMs=20000'");
    expect(all).toMatch(/name: KAFKA_LOG_RETENTION_HOURS\n +value: "5"/);
    expect(all).toContain('"0@odradek-0.odradek-nodes.$(POD_NAMESPACE).svc.cluster.example:9093"');
    // One host for all nodes may be any machine.
    expect(all).not.toContain('externalTrafficPolicy');
  });

  test('a variable that is asked for comes before whoever asks', async () => {
    const external = { external: { enabled: true } };
    const rendered = [await kustomized('base'), await kustomized('overlays/nodeport')];
    for (const given of [{}, external, everyValue]) rendered.push(await template(given));
    for (const yaml of rendered) {
      const objects = await parsed(yaml);
      expect(objects.flatMap(unknownVariables)).toEqual([]);
      expect(objects.reduce((sum, each) => sum + variablesAsked(each), 0)).toBeGreaterThanOrEqual(2);
    }
  });

  test('beside the manifests in one namespace, neither takes the pods of the other', async () => {
    const selectorsOf = async (yaml: string): Promise<string[]> => {
      const lines = (await parsed(yaml)).flatMap((each) => values(each));
      return lines.filter((line) => line.includes('elector/') && line.includes('app.kubernetes.io/instance = '));
    };
    const [manifests, chart] = [
      await selectorsOf(await kustomized('base')),
      await selectorsOf(await template({}, 'other')),
    ];
    // Two services, the budget, the StatefulSet, its two constraints and its affinity.
    expect([manifests.length, chart.length]).toEqual([7, 7]);
    expect(manifests.filter((line) => !line.endsWith(' = "odradek"'))).toEqual([]);
    expect(chart.filter((line) => !line.endsWith(' = "other"'))).toEqual([]);
  });

  test.each([
    [{ replicas: 2 }, 'there cannot be more of them than replicas'],
    [{ controllers: 2 }, 'controllers is 2: give 1, 3 or 5'],
    [{ controllers: 7, replicas: 7 }, 'controllers is 7: give 1, 3 or 5'],
    [{ stopWaitSeconds: 601, terminationGracePeriodSeconds: 700 }, 'stopWaitSeconds is 601: give 0 to 600'],
    [{ stopWaitSeconds: 76 }, 'terminationGracePeriodSeconds is 90: give 91 at least'],
    [{ external: { enabled: true }, replicas: 11 }, 'ten nodes at most'],
  ])('what cannot be is refused before anything is made of it: %o', async (given, why) => {
    const told = await run(templating(), { input: JSON.stringify(given) });
    expect([told.code, told.stderr]).toEqual([1, expect.stringContaining(why)]);
  });

  test('what can just be is not refused', async () => {
    const most = { stopWaitSeconds: 600, terminationGracePeriodSeconds: 615, controllers: 5, replicas: 5 };
    expect(await template(most)).toContain("'/stopz?waitMs=600000'");
  });

  test.skipIf(engine.missing !== undefined)(
    title('the API server takes it, with every value set', engine),
    async () => {
      const input = await template(everyValue);
      const told = await must([...KUBECTL, 'apply', '--dry-run=server', '-n', 'default', '-f', '-'], { input });
      expect(told.match(/ \(server dry run\)$/gm)).toHaveLength(9);
    },
  );
});
