/** From a properties file, the environment and --override to a checked configuration; every mistake is told at once. */
import { resolve } from 'node:path';
import { brokerKeys } from './broker.ts';
import { checkTogether } from './checks.ts';
import { noEffectReasons } from './declare.ts';
import type { Environment } from './environment.ts';
import { readEnvironment } from './environment.ts';
import { brokerTable, specOf } from './layers.ts';
import { nearest } from './nearest.ts';
import { NodeConfig } from './node-config.ts';
import { parseProperties } from './properties.ts';
import { parseValue } from './values.ts';

export type ConfigSources = {
  /** The properties file, already read. */
  readonly file?: { readonly path: string; readonly text: string };
  readonly environment: Environment;
  /** Who said a variable, for messages, where that is not the variable itself. */
  readonly saidBy?: ReadonlyMap<string, string>;
  /** `key=value` each, strongest of all. */
  readonly overrides: readonly string[];
  /** Absolute; relative directories of the configuration are below it. */
  readonly workingDirectory: string;
};

export type Loaded =
  | {
      readonly ok: true;
      readonly config: NodeConfig;
      /** What an empty directory is to be formatted with, if the environment says so. */
      readonly clusterId: string | undefined;
      /** Sentences for the log. */
      readonly warnings: readonly string[];
      /** Keys that somebody set and that do nothing here, by reason. */
      readonly withoutEffect: readonly { readonly why: string; readonly keys: readonly string[] }[];
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly warnings: readonly string[] };

/** A value and the place to look for it, for messages. */
type Given = { readonly value: string; readonly from: string };

/** What a node goes by when nobody gives it a file: one node of both roles, reached from this machine only. */
const standalone: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  listeners: 'PLAINTEXT://localhost:9092',
};
const requiredInFiles = ['process.roles', 'node.id'];
/** One of them must say where the controllers are: three files that all forget it would be three clusters. */
const controllerKeys = ['controller.quorum.bootstrap.servers', 'controller.quorum.voters'];

/** Kafka before 4.0 knew them; a file that still has them means no harm. */
const retired = /^(zookeeper\.|inter\.broker\.protocol\.version$|log\.message\.format\.version$|control\.plane\.)/;
/** Settings of plug-ins, whose names nobody can know. */
const pluginPrefixes = ['rlmm.config.', 'rsm.config.', 'config.providers.', 'remote.log.metadata.'];

export function loadNodeConfig(sources: ConfigSources): Loaded {
  const problems: string[] = [];
  const warnings: string[] = [];
  const environment = readEnvironment(sources.environment);
  problems.push(...environment.problems);
  const given = new Map<string, Given>();
  if (sources.file === undefined) {
    for (const [name, value] of Object.entries(standalone))
      given.set(name, { value, from: 'the default without a file' });
  } else {
    readFile(sources.file, given, { problems, warnings });
  }
  for (const { name, value, variable } of environment.properties)
    given.set(name, { value, from: sources.saidBy?.get(variable) ?? `environment ${variable}` });
  readOverrides(sources.overrides, given, problems);
  if (sources.file !== undefined) {
    const { path } = sources.file;
    for (const name of requiredInFiles) {
      if (!given.has(name)) problems.push(`${name} is missing: ${path} must say it, as for Kafka in KRaft mode`);
    }
  }

  const properties = checkEach(given, { problems, warnings }, sources.workingDirectory);
  const config = new NodeConfig(properties);
  const together = { problems: [] as string[], warnings };
  checkTogether(config, together);
  // What speaks of a key whose own value is wrong or missing may be no more than its echo.
  const echoes = Object.keys(brokerTable).filter((name) => problems.some((problem) => problem.startsWith(`${name} `)));
  problems.push(...together.problems.filter((problem) => !echoes.some((name) => problem.includes(name))));
  const { file } = sources;
  if (
    file !== undefined &&
    config.get('process.roles').length > 1 &&
    controllerKeys.every((name) => isEmpty(given.get(name)))
  ) {
    problems.push(
      `neither ${controllerKeys.join(' nor ')} is set: ${file.path} must say one of them, as for Kafka in KRaft mode; ` +
        'for one node alone controller.quorum.voters=ID@HOST:PORT with its own controller listener',
    );
  }
  if (problems.length > 0) return { ok: false, problems, warnings };
  return { ok: true, config, clusterId: environment.clusterId, warnings, withoutEffect: withoutEffect(given) };
}

function isEmpty(given: Given | undefined): boolean {
  return given === undefined || given.value.trim() === '';
}

type Told = { readonly problems: string[]; readonly warnings: string[] };

function readFile(file: { path: string; text: string }, given: Map<string, Given>, told: Told): void {
  const parsed = parseProperties(file.text);
  for (const { line, why } of parsed.problems) told.problems.push(`${file.path}, line ${line}: ${why}`);
  for (const { name, value, line } of parsed.entries) {
    const before = given.get(name);
    if (before !== undefined) {
      told.warnings.push(`${name} is set twice: ${before.from} and line ${line}; the last one counts`);
    }
    given.set(name, { value, from: `${file.path}, line ${line}` });
  }
}

function readOverrides(overrides: readonly string[], given: Map<string, Given>, problems: string[]): void {
  for (const override of overrides) {
    const equals = override.indexOf('=');
    if (equals < 1) {
      problems.push(`--override ${override}: it must be of the form key=value`);
      continue;
    }
    given.set(override.slice(0, equals).trim(), { value: override.slice(equals + 1), from: '--override' });
  }
}

const directoryKeys = new Set(['log.dirs', 'log.dir', 'metadata.log.dir']);

/** Each value by itself. @returns those that are well-formed, known or not */
function checkEach(given: ReadonlyMap<string, Given>, told: Told, workingDirectory: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const [name, { value, from }] of given) {
    const spec = specOf(brokerTable, name) ?? specOf(brokerTable, withoutListener(name));
    if (/\$\{[^}]*:[^}]*\}/.test(value)) {
      told.problems.push(
        `${name} (${from}) refers to a configuration provider, and there are none here: write the value itself, ` +
          'or pass it as an environment variable or --override',
      );
      continue;
    }
    if (spec === undefined) {
      const unknown = unknownText(name, from);
      if (unknown !== undefined) told.warnings.push(unknown);
      properties.set(name, value);
      continue;
    }
    // As in Kafka, a key without a default that is given nothing is not set.
    if (value.trim() === '' && spec.default === null) continue;
    const parsed = parseValue(spec, value);
    if (!parsed.ok) {
      const shown = spec.type === 'password' ? 'its value (not shown)' : `'${value}'`;
      told.problems.push(`${name} = ${shown} (${from}): it must be ${parsed.allowed}`);
      continue;
    }
    properties.set(name, directoryKeys.has(name) ? absolute(value, workingDirectory) : value);
  }
  const nodeId = properties.get('node.id');
  // Tools that know the old name only still find it.
  if (nodeId !== undefined && !properties.has('broker.id')) properties.set('broker.id', nodeId);
  if (!properties.has('log.dirs') && !properties.has('log.dir')) {
    properties.set('log.dir', absolute(brokerKeys['log.dir'].default.join(','), workingDirectory));
  }
  return properties;
}

function absolute(list: string, workingDirectory: string): string {
  return list
    .trim()
    .split(/\s*,\s*/)
    .map((directory) => resolve(workingDirectory, directory))
    .join(',');
}

function withoutListener(name: string): string {
  return name.replace(/^listener\.name\.[^.]+\.([a-z0-9-]+\.(?=sasl))?/, '');
}

/** @returns undefined when the name belongs to a plug-in */
function unknownText(name: string, from: string): string | undefined {
  if (pluginPrefixes.some((prefix) => name.startsWith(prefix))) return undefined;
  if (retired.test(name)) return `${name} (${from}): Kafka 4 has no such key any more; it is ignored`;
  const close = nearest(name, Object.keys(brokerTable));
  return `${name} (${from}) is no key of Kafka's and is ignored${close === undefined ? '' : `; did you mean ${close}?`}`;
}

function withoutEffect(given: ReadonlyMap<string, Given>): { why: string; keys: string[] }[] {
  const byReason = new Map<string, string[]>();
  for (const name of given.keys()) {
    const spec = specOf(brokerTable, name) ?? specOf(brokerTable, withoutListener(name));
    if (spec?.noEffect === undefined) continue;
    const why = noEffectReasons[spec.noEffect];
    const keys = byReason.get(why);
    if (keys === undefined) byReason.set(why, [name]);
    else keys.push(name);
  }
  return Array.from(byReason, ([why, keys]) => ({ why, keys }));
}
