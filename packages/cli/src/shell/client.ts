/** What `produce` and `consume` share: connecting through @platformatic/kafka, and its errors as one line for a person. */
import { createConnection } from 'node:net';
import type { BaseOptions } from '@platformatic/kafka';
import { cannotConnect, CommandError } from '../core/refusal.ts';
import { parseBootstrap, showAddress, type Address } from '../core/options.ts';

const CONNECT_TIMEOUT_MS = 5_000;

export type Connection = Pick<BaseOptions, 'clientId' | 'bootstrapBrokers' | 'connectTimeout' | 'timeout'>;

/** Options for the client library, after one of the bootstrap addresses has taken a connection: what is wrong is told at once, by address. */
export async function connectionOptions(bootstrap: string, timeoutMs: number): Promise<Connection> {
  const addresses = parseBootstrap(bootstrap);
  await reachable(addresses);
  return {
    clientId: 'odradek-cli',
    bootstrapBrokers: addresses.map(({ host, port }) => ({ host, port })),
    connectTimeout: CONNECT_TIMEOUT_MS,
    timeout: timeoutMs,
  };
}

/** Resolves when any of the addresses accepts; refuses with the first one's reason when none does. */
async function reachable(addresses: readonly Address[]): Promise<void> {
  const reasons: CommandError[] = [];
  for (const address of addresses) {
    const cause = await probe(address);
    if (cause === undefined) return;
    reasons.push(cannotConnect(showAddress(address), cause));
  }
  const [first] = reasons;
  if (first !== undefined) throw first;
}

function probe(address: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ ...address, timeout: CONNECT_TIMEOUT_MS });
    const end = (cause: string | undefined): void => {
      socket.destroy();
      resolve(cause);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end('ETIMEDOUT'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(systemCode(error)));
  });
}

/** `localhost` has two addresses: the error of both tries is an aggregate. */
export function systemCode(error: unknown): string {
  if (error instanceof AggregateError) {
    for (const inner of error.errors) {
      const code = systemCode(inner);
      if (code !== '') return code;
    }
  }
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return error instanceof Error ? error.message : String(error);
}

/** The innermost reason of the client library's nested errors: the broker's error code with its message, or the network's. */
export function explain(doing: string, error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const found = innermost(error);
  return new CommandError(`${doing}: ${found}`);
}

function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('apiId' in error && typeof error.apiId === 'string') {
    const told =
      'serverErrorMessage' in error && typeof error.serverErrorMessage === 'string' ? error.serverErrorMessage : '';
    return `${error.apiId}: ${told === '' ? error.message : told}`;
  }
  const inner: unknown = error instanceof AggregateError ? error.errors.at(-1) : error.cause;
  return inner instanceof Error ? innermost(inner) : error.message;
}
