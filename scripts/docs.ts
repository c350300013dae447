/**
 * `pnpm run docs`: writes docs/CONFIG.md, docs/APIS.md, docs/ERRORS.md, docs/METRICS.md, docs/LOGS.md and the Grafana dashboard from the tables that the
 * code runs on, so that they cannot say anything else. `--check` writes nothing and fails when a file differs.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { config, kafkaOnly, loggers, metricCatalogue, panelGroups } from '@odradek/base';
import { advertisedApis, advertisedControllerApis } from '@odradek/broker';
import { apis, errors } from '@odradek/protocol';
import { treeOf } from '../packages/cli/src/commands/tree.ts';
import { checks } from '../packages/cli/src/core/doctor/report.ts';
import { manualPage } from '../packages/cli/src/core/manual/markdown.ts';
import { wholeProgram } from '../packages/cli/src/program.ts';
import { dashboardDocument } from './grafana.ts';

const root = new URL('..', import.meta.url).pathname;
const commands = treeOf(await wholeProgram());

export type Document = { readonly path: string; readonly text: string };

export function documents(): Document[] {
  return [
    { path: 'docs/CONFIG.md', text: configDocument() },
    { path: 'docs/APIS.md', text: apisDocument() },
    { path: 'docs/ERRORS.md', text: errorsDocument() },
    { path: 'docs/METRICS.md', text: metricsDocument() },
    { path: 'docs/LOGS.md', text: logsDocument() },
    { path: 'docs/cli.md', text: commandsDocument() },
    { path: 'docs/DOCTOR.md', text: doctorDocument() },
    { path: 'deploy/compose/grafana/odradek.json', text: dashboardDocument() },
  ];
}

/** The paths whose file is not what the tables say. */
export function stale(): string[] {
  return documents()
    .filter(({ path, text }) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== text)
    .map(({ path }) => path);
}

function page(title: string, about: string, parts: readonly string[]): string {
  return `<!-- Made by \`pnpm run docs\` from the tables in the code. Do not edit. -->\n# ${title}\n\n${about}\n\n${parts.join('\n\n')}\n`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

type Spec = config.Spec & { readonly brokerKey?: string };

function configDocument(): string {
  const about =
    'Every configuration key, with the names, types and defaults of Apache Kafka 4.3. Read from a properties file, from `KAFKA_*` ' +
    'variables as the apache/kafka image maps them, and from `--override`, later ones winning. "Reload" says how a key may change while ' +
    "the node runs. Where a default differs from Kafka's, Kafka's stands in brackets. Keys that Kafka knows but that change nothing " +
    'here are listed at the end with the reason; setting one is not an error.';
  const sections = [
    ['Node and broker', config.brokerKeys],
    ['Topic', config.topicKeys],
    ['Group', config.groupKeys],
  ] as const;
  const parts = sections.flatMap(([title, keys]) => {
    const rows = entries(keys).filter(([, spec]) => spec.noEffect === undefined && spec.internal !== true);
    return [`## ${title}`, table(['key', 'type', 'default', 'allowed', 'reload', 'meaning'], rows.map(configRow))];
  });
  return page('Configuration', about, [...parts, '## Without effect', withoutEffect(sections.map(([, keys]) => keys))]);
}

function entries(keys: Readonly<Record<string, Spec>>): [string, Spec][] {
  return Object.entries(keys).toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function configRow([name, spec]: [string, Spec]): string[] {
  const meaning = [
    spec.doc,
    spec.brokerKey === undefined ? '' : `All topics or groups: \`${spec.brokerKey}\`.`,
    spec.source ?? '',
  ];
  return [
    `\`${name}\``,
    spec.type,
    defaultOf(spec),
    allowed(spec),
    spec.reload ?? 'read-only',
    meaning.filter((part) => part !== '').join(' '),
  ];
}

function defaultOf(spec: Spec): string {
  const own =
    spec.default === null && spec.fallback !== undefined ? `as \`${spec.fallback[0]?.name}\`` : shown(spec.default);
  return spec.kafkaDefault === undefined ? own : `${own} (Kafka: ${shown(spec.kafkaDefault)})`;
}

function shown(value: Spec['default'] | undefined): string {
  if (value === null || value === undefined) return '(none)';
  if (value === config.LONG_MAX) return '(no limit)';
  const text = typeof value === 'object' ? value.join(',') : String(value);
  return text === '' ? '(empty)' : text;
}

function allowed(spec: Spec): string {
  if (spec.oneOf !== undefined) return spec.oneOf.join(', ');
  if (spec.type === 'boolean') return 'true, false';
  const { min, max, also } = spec;
  const range =
    min !== undefined && max !== undefined
      ? `${min} to ${max}`
      : min !== undefined
        ? `≥ ${min}`
        : max !== undefined
          ? `≤ ${max}`
          : '';
  return also === undefined ? range : `${range} or ${also}`;
}

function withoutEffect(tables: readonly Readonly<Record<string, Spec>>[]): string {
  const byReason = new Map<string, string[]>();
  for (const keys of tables) {
    for (const [name, { noEffect, internal }] of entries(keys)) {
      if (noEffect === undefined || internal === true) continue;
      const names = byReason.get(noEffect) ?? [];
      byReason.set(noEffect, [...names, `\`${name}\``]);
    }
  }
  return Object.entries(config.noEffectReasons)
    .filter(([reason]) => byReason.has(reason))
    .map(([reason, text]) => `- ${text}: ${byReason.get(reason)?.join(', ')}`)
    .join('\n');
}

function apisDocument(): string {
  const about =
    "Kafka's APIs. An API that is answered is whole in every version named; one that is not is left out of ApiVersions, so that clients " +
    'do not try it. Its messages are known to the codecs all the same. What controllers answer at their own listeners is for tools that are ' +
    'given `--bootstrap-controller`; what nodes say to each other goes over streams of their own (`proto/`), not over these APIs.';
  const answered = new Set<number>(advertisedApis.map(({ key }) => key));
  const answeredByControllers = new Set<number>(advertisedControllerApis.map(({ key }) => key));
  const row = (api: (typeof apis)[number]): string[] => [
    String(api.key),
    api.name,
    answered.has(api.key) ? `${api.advertised.min}-${api.advertised.max}` : '',
    answeredByControllers.has(api.key) ? `${api.min}-${api.maxStable}` : '',
    `${api.min}-${api.max}`,
    api.flexibleFrom === undefined ? '' : `${api.flexibleFrom}+`,
  ];
  const heads = ['key', 'API', 'brokers', 'controllers', 'versions known', 'flexible'];
  const own =
    "What Kafka's protocol cannot say. ApiVersions tells these only to clients whose software name begins with `odradek`, so that no other " +
    'client meets a key that it does not know; they are answered to anyone who may describe the group. Their schemas are in ' +
    '`packages/protocol/src/messages/own`.';
  return page('Kafka APIs', about, [
    table(heads, apis.filter((api) => !api.own).map(row)),
    '## Our own',
    own,
    table(heads, apis.filter((api) => api.own).map(row)),
  ]);
}

function errorsDocument(): string {
  const about = "Kafka's error codes. A client may send the same request again after a retriable one.";
  const rows = errors
    .toSorted((left, right) => left.code - right.code)
    .map((row) => [String(row.code), row.name, row.retriable ? 'yes' : '', row.invalidMetadata ? 'yes' : '']);
  return page('Error codes', about, [table(['code', 'name', 'retriable', 'ask for metadata first'], rows)]);
}

function metricsDocument(): string {
  const about =
    'What `/metrics` serves in the Prometheus text format, besides the `process_*` and `nodejs_*` metrics of the runtime. ' +
    '`odradek.http.port` says where: 9644 on localhost by default. The last column names the MBean of Kafka whose meaning a metric has; ' +
    'where Kafka tells a rate, here is a counter to take the rate of. Counters are told from the start, at 0 and with every value of their ' +
    'labels, so that a rate shows the first event, too; those by topic, by API or by error code begin with what they count.';
  const parts = panelGroups.flatMap((group) => {
    const rows = Object.entries(metricCatalogue).filter(([, { panel }]) => panel.group === group);
    const heads = ['name', 'kind', 'labels', 'meaning', 'Kafka'];
    return [`## ${group}`, table(heads, rows.map(metricRow))];
  });
  return page('Metrics', about, [...parts, '## What Kafka tells and Odradek does not', absentMetrics()]);
}

function logsDocument(): string {
  const about =
    'A node writes to standard output: lines for people on a terminal, else one JSON object a line with `time`, `level`, `logger`, `message` ' +
    'and the fields of the line. What is said about a request has its `request`: listener, number of the connection, and the correlation id ' +
    'that the client gave it; what the controller decides for it has the same `request`, wherever that is, and the `broker` that has handed ' +
    'it on (`org.apache.kafka.controller` at DEBUG says what became of each). `odradek.log.level` (or `--log-level`) is where the level of `root` begins.';
  const levels =
    'The levels of the loggers below change while a node runs (KIP-412), with the tools and names of Kafka; they last until it stops. A ' +
    'logger without a level of its own goes by the nearest above it, at last by `root`. `TRACE` shows what `DEBUG` does, and errors are ' +
    'shown even at `FATAL`.';
  const example = [
    '```sh',
    'odradek configs --bootstrap-server localhost:9092 --entity-type broker-loggers --entity-name 1 --alter --add-config kafka.request.logger=DEBUG',
    'odradek configs --bootstrap-server localhost:9092 --entity-type broker-loggers --entity-name 1 --alter --delete-config kafka.request.logger',
    '```',
  ].join('\n');
  const rows = Object.entries(loggers).map(([name, says]) => [`\`${name}\``, says]);
  return page('Logs', about, ['## Levels', levels, example, '## Loggers', table(['name', 'what it says'], rows)]);
}

function absentMetrics(): string {
  return kafkaOnly
    .map(({ why, mbeans: names }) => `- ${why} ${names.map((name) => `\`${name}\``).join(', ')}`)
    .join('\n');
}

/** The domain and type are said once for names that have them in common. */
function mbeans(names: readonly string[]): string {
  let before = '';
  const told = names.map((name) => {
    const [, type = '', rest = ''] = /^([^ ,]+)[ ,](?:name=)?(.*)$/.exec(name) ?? [];
    const isSame = type === before;
    before = type;
    return isSame ? `\`${rest}\`` : `\`${name}\``;
  });
  return told.join(', ');
}

function metricRow([name, row]: [string, (typeof metricCatalogue)[keyof typeof metricCatalogue]]): string[] {
  const labels = row.labels.map((label) => `\`${label}\``).join(', ');
  return [`\`${name}\``, row.kind, labels, row.help, mbeans(row.kafka)];
}

function commandsDocument(): string {
  const about =
    'The `odradek` command, as its `--help` tells it. Results go to standard output; notes, progress and errors to standard error. Flags have ' +
    "the names of Kafka's own tools where Kafka has the command. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 cannot connect, " +
    '4 timed out, 130 interrupted. `odradek completion` completes all of it in bash, zsh and fish.';
  return page('The command line', about, [manualPage(commands)]);
}

function doctorDocument(): string {
  const about =
    'What `odradek doctor` looks for. An error is something that does not work or will not survive the next fault; a warning may hurt; a note ' +
    'is worth knowing. Each finding names the values that it saw and says what to do; `--json` has `kind`, `severity`, `area`, `what`, `advice` ' +
    'and, where more is concerned than the sentence names, all of it as `of`. What could not be looked at stands in `untold`.';
  const rows = checks.map(({ kind, severity, area, about: meaning }) => [area, `\`${kind}\``, severity, meaning]);
  return page('What the doctor finds', about, [table(['area', 'kind', 'severity', 'meaning'], rows)]);
}

function main(): void {
  if (process.argv.includes('--check')) {
    const paths = stale();
    for (const path of paths) process.stdout.write(`${path} is not what the tables say: run \`pnpm run docs\`\n`);
    if (paths.length > 0) process.exitCode = 1;
    return;
  }
  mkdirSync(join(root, 'docs'), { recursive: true });
  for (const { path, text } of documents()) {
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
}

if (import.meta.main) main();
