/** Configurations of tests: what a node makes of a file, an environment and overrides, or what it says is wrong with them. */
import { loadNodeConfig } from '../config/load.ts';
import type { Loaded } from '../config/load.ts';
import type { NodeConfig } from '../config/node-config.ts';

type Given = { file?: string; environment?: Record<string, string>; overrides?: readonly string[] };

export function load(given: Given): Loaded {
  return loadNodeConfig({
    ...(given.file === undefined ? {} : { file: { path: 'server.properties', text: given.file } }),
    environment: given.environment ?? {},
    overrides: given.overrides ?? [],
    workingDirectory: '/home/odradek',
  });
}

export function good(given: Given): NodeConfig {
  const loaded = load(given);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}

export function problems(given: Given): readonly string[] {
  const loaded = load(given);
  return loaded.ok ? [] : loaded.problems;
}
