/** The configuration of a node on this machine, read as its start reads it: a properties file, the environment, overrides. */
import { config, type NodeConfig } from '@odradek/base';
import { CommandError } from '../core/refusal.ts';
import { note } from './terminal.ts';
import { readTextFile } from './text-file.ts';

/** @throws CommandError that lists what is wrong with it */
export function readNodeConfig(path: string, overrides: readonly string[]): NodeConfig {
  const loaded = config.loadNodeConfig({
    file: { path, text: readTextFile('--config', path) },
    environment: process.env,
    overrides,
    workingDirectory: process.cwd(),
  });
  if (!loaded.ok) throw new CommandError(`the configuration is wrong: ${loaded.problems.join('; ')}`);
  for (const warning of loaded.warnings) note(warning);
  return loaded.config;
}
