/** What the topic commands share: their options, one connection for a command's life, and the per-topic errors of an answer. */
import { Command } from 'commander';
import { ErrorCode, errorName } from '@odradek/protocol';
import { parseWhole } from '../../core/options.ts';
import { CommandError } from '../../core/refusal.ts';
import { connectAny, type AdminConnection } from '../../shell/admin-connection.ts';
import { BOOTSTRAP_DEFAULT, bootstrapOf } from '../../shell/bootstrap.ts';

export type CommonOptions = { bootstrapServer?: string; commandConfig?: string; timeoutMs: string; json?: boolean };

export function adminCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      '-b, --bootstrap-server <host:port,...>',
      `brokers to connect to; bootstrap.servers of --command-config, or ${BOOTSTRAP_DEFAULT}, when left out`,
    )
    .option('--command-config <file>', 'a properties file for a client of Kafka')
    .option('--timeout-ms <ms>', 'how long an answer may take', '30000')
    .option('--json', 'print JSON');
}

export async function withAdmin<T>(options: CommonOptions, work: (admin: AdminConnection) => Promise<T>): Promise<T> {
  const timeoutMs = parseWhole('--timeout-ms', options.timeoutMs, 1);
  const admin = await connectAny(bootstrapOf(options), timeoutMs);
  try {
    return await work(admin);
  } finally {
    admin.close();
  }
}

type TopicOutcome = { readonly name: string | null; readonly errorCode: number; readonly errorMessage?: string | null };

/** Throws one line with every topic that was refused. */
export function refuseFailed(doing: string, outcomes: readonly TopicOutcome[]): void {
  const failed = outcomes.filter(({ errorCode }) => errorCode !== ErrorCode.NONE);
  if (failed.length === 0) return;
  const told = failed.map(({ name, errorCode, errorMessage }) => {
    const why = errorMessage === undefined || errorMessage === null || errorMessage === '' ? '' : `: ${errorMessage}`;
    return `cannot ${doing} topic '${name ?? ''}': ${errorName(errorCode)}${why}`;
  });
  throw new CommandError(told.join('; '));
}

export type TopicConfig = { readonly name: string; readonly value: string | null };

/** `key=value` options as the configuration of a topic. */
export function configEntries(config: ReadonlyMap<string, string>): TopicConfig[] {
  return [...config].map(([name, value]) => ({ name, value }));
}
