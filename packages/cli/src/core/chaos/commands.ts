/** Commands that users write for actions on nodes: `docker kill {node}`. What stands in braces is filled in per node. */
import { unreachable } from '@odradek/base';
import { usageError } from '../refusal.ts';
import type { Action, Scenario } from './scenarios.ts';

export type Target = { readonly id: number; readonly host: string; readonly port: number };

const PLACES = ['node', 'host', 'port'] as const;

/** The flag that takes the command for an action. */
export function flagOf(action: Action): string {
  return `--${action}-command`;
}

/** @throws a refusal when the text names what is not known, or nothing of the node at all */
export function checkTemplate(action: Action, template: string): string {
  if (template.trim() === '') throw usageError(`${flagOf(action)} is empty`);
  const named = [...template.matchAll(/\{([a-z]+)\}/g)].map(([, name = '']) => name);
  const known: readonly string[] = PLACES;
  const unknown = named.find((name) => !known.includes(name));
  const allowed = PLACES.map((name) => `{${name}}`).join(', ');
  if (unknown !== undefined) throw usageError(`${flagOf(action)}: {${unknown}} is none of ${allowed}`);
  // A command that is the same for all nodes would hit another one than the plan says.
  if (named.length === 0)
    throw usageError(`${flagOf(action)}: '${template}' names no node: put one of ${allowed} in it`);
  return template;
}

/** For the shell: ids and ports are numbers, and a host that is anything but a name or an address is refused. */
export function fill(template: string, target: Target): string {
  if (!/^[\w.:-]+$/.test(target.host)) throw usageError(`'${target.host}' of node ${target.id} is no host name`);
  return template.replaceAll(/\{([a-z]+)\}/g, (_, name: (typeof PLACES)[number]) => {
    switch (name) {
      case 'node':
        return String(target.id);
      case 'host':
        return target.host;
      case 'port':
        return String(target.port);
      default:
        return unreachable(name);
    }
  });
}

/** `1=4711,2=/run/kafka-2.pid`. @returns node → text */
export function parseNodes(option: string, text: string): Map<number, string> {
  const nodes = new Map<number, string>();
  for (const part of text.split(',')) {
    const match = /^(\d+)=(.+)$/.exec(part.trim());
    if (match === null) throw usageError(`${option}: '${part}' is not NODE=VALUE, as in 1=${example(option)}`);
    const node = Number(match[1]);
    if (nodes.has(node)) throw usageError(`${option}: node ${node} is named twice`);
    nodes.set(node, match[2] ?? '');
  }
  return nodes;
}

function example(option: string): string {
  return option === '--processes' ? '4711' : 'kafka-1';
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `15s`, `500ms`, `2m`, `1h`; a number alone is seconds. @returns milliseconds */
export function parseSpan(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  const ms = Number(match?.[1] ?? Number.NaN) * (UNITS[match?.[2] ?? 's'] ?? Number.NaN);
  if (!(ms >= 1) || ms > 24 * 3_600_000) {
    throw usageError(`${option}: '${text}' is no time from 1ms to 24h; write 15s, 500ms, 2m or 1h`);
  }
  return Math.round(ms);
}

/** The drivers that come with the command, by their flags. */
export const builtIn = {
  processes: { flag: '--processes', can: ['kill', 'start', 'stop', 'pause', 'resume'] },
  containers: {
    flag: '--containers',
    can: ['kill', 'start', 'stop', 'pause', 'resume', 'isolate', 'rejoin'],
    asRoot: ['mute', 'deafen'],
  },
} as const satisfies Readonly<Record<string, BuiltIn>>;

type BuiltIn = {
  readonly flag: string;
  readonly can: readonly Action[];
  /** What else, where the user is root on the machine of the nodes. */
  readonly asRoot?: readonly Action[];
};

/** What a user may give so that a scenario can be played, when it cannot. @param can what is possible as it is */
export function lackOf(scenario: Scenario, can: (action: Action) => boolean): string | undefined {
  const lacking = scenario.needs.filter((action) => !can(action));
  if (lacking.length === 0) return undefined;
  const flags = lacking.map((action) => `${flagOf(action)} '… {node} …'`);
  const drivers = Object.values<BuiltIn>(builtIn).flatMap(({ flag, can: plainly, asRoot = [] }) => {
    if (lacking.every((action) => plainly.includes(action))) return [flag];
    const known = lacking.every((action) => plainly.includes(action) || asRoot.includes(action));
    return known ? [`${flag} as root where the nodes run`] : [];
  });
  const or = drivers.length === 0 ? '' : `, or ${drivers.join(', or ')}`;
  return `'${scenario.name}' needs ${flags.join(' and ')}${or}`;
}
