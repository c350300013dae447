/** A file for `--command-config`: what a client of Kafka would be configured with, as far as this command line has use for it. */
import { config } from '@odradek/base';
import { CommandError } from '../refusal.ts';

export type ClientConfig = {
  readonly bootstrapServer: string | undefined;
  /** Keys that change nothing here. */
  readonly unused: readonly string[];
};

/** @throws CommandError for what cannot be ignored: a connection that would not be the one that was asked for */
export function parseClientConfig(path: string, text: string): ClientConfig {
  const { entries, problems } = config.parseProperties(text);
  const [problem] = problems;
  if (problem !== undefined) throw new CommandError(`--command-config: ${path} line ${problem.line}: ${problem.why}`);
  let bootstrapServer: string | undefined;
  const unused: string[] = [];
  for (const { name, value } of entries) {
    if (name === 'bootstrap.servers') bootstrapServer = value;
    else if (name === 'security.protocol' && value.trim().toUpperCase() === 'PLAINTEXT') continue;
    else if (name === 'security.protocol' || name.startsWith('sasl.') || name.startsWith('ssl.')) {
      throw new CommandError(
        `--command-config: ${path} sets ${name}, but this command line connects without TLS and SASL only; ` +
          'use a PLAINTEXT listener and leave it out',
      );
    } else unused.push(name);
  }
  return { bootstrapServer, unused };
}
