/** Where a command begins to look for brokers: what its line says, what a client's file says, or this machine. */
import { parseClientConfig } from '../core/groups/command-config.ts';
import { note } from './terminal.ts';
import { readTextFile } from './text-file.ts';

export const BOOTSTRAP_DEFAULT = 'localhost:9092';

/** @param commandConfig the path of a properties file. @throws CommandError for one that cannot be read, or asks for TLS or SASL */
export function bootstrapOf(given: { readonly bootstrapServer?: string; readonly commandConfig?: string }): string {
  const { bootstrapServer, commandConfig } = given;
  if (commandConfig === undefined) return bootstrapServer ?? BOOTSTRAP_DEFAULT;
  const client = parseClientConfig(commandConfig, readTextFile('--command-config', commandConfig));
  if (client.unused.length > 0) note(`--command-config: without effect here: ${client.unused.join(', ')}`);
  return bootstrapServer ?? client.bootstrapServer ?? BOOTSTRAP_DEFAULT;
}
