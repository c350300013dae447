/**
 * A real Prometheus for tests: Debian's program in an image of its own, so that deploy/compose/monitoring.yml runs as it is where no image
 * registry can be reached; and what it answers to the queries of the dashboard.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Section } from '../../scripts/dashboard.ts';
import { found, missing, must, type Found } from './run.ts';

export const prometheusImage = 'odradek-test-prometheus';

const ASK_WITHIN_MS = 10_000;
const BUILD_WITHIN_MS = 60_000;
/** Of deploy/compose/prometheus/prometheus.yml, and Grafana's window of rates for it. */
const SCRAPE_SECONDS = 5;
const WINDOW = `${4 * SCRAPE_SECONDS}s`;

export type PrometheusAt = { readonly address: string };

/** The program of Debian's package `prometheus`. */
export function prometheusProgram(): Found<{ readonly build: (base: string) => Promise<void> }> {
  const { status, stdout } = spawnSync('sh', ['-c', 'command -v prometheus']);
  if (status !== 0) return missing('no Prometheus (apt-get install prometheus)');
  const program = stdout.toString().trim();
  return found({ build: (base) => build(program, base) });
}

/** @param base an image with the C library that the program wants */
async function build(program: string, base: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-prometheus-'));
  try {
    copyFileSync(program, join(directory, 'prometheus'));
    writeFileSync(
      join(directory, 'Dockerfile'),
      `FROM ${base}\nUSER 0\nWORKDIR /prometheus\nCOPY prometheus /bin/prometheus\nHEALTHCHECK NONE\nENTRYPOINT ["/bin/prometheus"]\n`,
    );
    const command = ['docker', 'build', '--quiet', '--network', 'none', '--tag', prometheusImage, directory];
    await must(command, { withinMs: BUILD_WITHIN_MS });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

type Sample = readonly [time: number, value: string];
type Answer = {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly value?: Sample; readonly values?: readonly Sample[] }[] };
};

async function ask(address: string, path: string, parameters: Readonly<Record<string, string>>): Promise<Answer> {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(`${address}${path}?${query}`, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
  return (await answer.json()) as Answer;
}

/** The one value of a query now; NaN when there is none, or nobody answers yet. */
export async function valueAt({ address }: PrometheusAt, query: string): Promise<number> {
  const answer = await ask(address, '/api/v1/query', { query }).catch(() => undefined);
  return Number(answer?.data?.result[0]?.value?.[1] ?? Number.NaN);
}

/** The rules that it has loaded, by name, and whether it could evaluate each. */
export async function rulesAt({ address }: PrometheusAt): Promise<Map<string, string>> {
  const { data } = (await ask(address, '/api/v1/rules', {})) as unknown as Rules;
  return new Map(data.groups.flatMap(({ rules }) => rules.map(({ name, health }) => [name, health])));
}
type Rules = {
  readonly data: { readonly groups: readonly { readonly rules: readonly { name: string; health: string }[] }[] };
};

export type PanelAnswer = {
  readonly panel: string;
  readonly expr: string;
  /** Points that a curve would have. */
  readonly points: number;
  /** The highest of them; -Infinity without any. */
  readonly highest: number;
};

/** What each query of the dashboard would draw. @param fromMs since the epoch, as far back as the picture reaches */
export async function dashboardAnswers(
  { address }: PrometheusAt,
  sections: readonly Section[],
  fromMs: number,
): Promise<PanelAnswer[]> {
  const range = { start: String(fromMs / 1_000), end: String(Date.now() / 1_000), step: String(SCRAPE_SECONDS) };
  const answers: PanelAnswer[] = [];
  for (const { title, panels } of sections) {
    for (const panel of panels) {
      for (const { expr } of panel.queries) {
        const { status, error, data } = await ask(address, '/api/v1/query_range', { query: filled(expr), ...range });
        if (status !== 'success') throw new Error(`${panel.title}: ${error ?? status}\n${filled(expr)}`);
        const values = (data?.result ?? []).flatMap((series) =>
          (series.values ?? []).map(([, value]) => Number(value)),
        );
        const numbers = values.filter((value) => Number.isFinite(value));
        const highest = numbers.reduce((most, value) => Math.max(most, value), -Infinity);
        answers.push({ panel: `${title} / ${panel.title}`, expr, points: numbers.length, highest });
      }
    }
  }
  return answers;
}

/** As Grafana fills in the variables of the dashboard. */
function filled(expr: string): string {
  return expr.replaceAll('$job', 'odradek').replaceAll('$instance', '.*').replaceAll('$__rate_interval', WINDOW);
}
