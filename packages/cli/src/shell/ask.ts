/**
 * Asking those who know: a group's coordinator, a partition's leader. Who it is may change while we ask, and it may still be loading; then
 * it is looked up and asked again, until `--timeout` has passed without any answer.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, refuse, type Outcome, type Refusal } from '@odradek/base';
import { ApiKey, ErrorCode, errorName, findCoordinatorRequestConstants } from '@odradek/protocol';
import { showAddress } from '../core/options.ts';
import type { Broker } from '../core/groups/kinds.ts';
import { CommandError, exitCode } from '../core/refusal.ts';
import type { AdminConnection } from './admin-connection.ts';
import type { Cluster } from './cluster.ts';
import { note } from './terminal.ts';

const BACKOFF_MS = { first: 50, max: 1_000 };
const COORDINATOR_KEYS_PER_REQUEST = 1_000;
const GROUP_KEY_TYPE = 0;

/** What a broker answers that will answer better later, or whose place another broker has taken. */
const again: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NETWORK_EXCEPTION,
]);

export type Asked<T> = { readonly broker: Broker | undefined; readonly outcome: Outcome<T> };

/** How to ask: `find` says who knows each key, `ask` sends one request for some keys of one broker. */
export type Question<T> = {
  /** For errors: `group`, `partition`. */
  readonly noun: string;
  readonly find: (keys: readonly string[]) => Promise<Map<string, Outcome<Broker>>>;
  readonly ask: (connection: AdminConnection, keys: readonly string[]) => Promise<Map<string, Outcome<T>>>;
  readonly keysPerRequest: number;
  readonly answered?: (count: number) => void;
};

/** @returns what became of every key; a refusal among them is final */
export async function askUntilAnswered<T>(
  cluster: Cluster,
  keys: readonly string[],
  question: Question<T>,
): Promise<Map<string, Asked<T>>> {
  const settled = new Map<string, Asked<T>>();
  let pending = [...new Set(keys)];
  let backoffMs = BACKOFF_MS.first;
  let lastAnswerMs = performance.now();
  let told = false;
  while (pending.length > 0) {
    const round = await askOnce(cluster, pending, question);
    for (const [key, asked] of round.settled) settled.set(key, asked);
    pending = pending.filter((key) => !settled.has(key));
    if (pending.length === 0) break;
    if (round.settled.size > 0) {
      lastAnswerMs = performance.now();
      backoffMs = BACKOFF_MS.first;
    } else if (performance.now() - lastAnswerMs + backoffMs > cluster.timeoutMs) {
      throw gaveUp(cluster, question.noun, pending, round.why);
    }
    if (round.unreachable !== undefined && !told) {
      note(`${round.unreachable}; trying again for up to ${cluster.timeoutMs} ms`);
      told = true;
    }
    await sleep(backoffMs);
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MS.max);
  }
  return settled;
}

function gaveUp(cluster: Cluster, noun: string, pending: readonly string[], why: string): CommandError {
  const named = pending
    .slice(0, 3)
    .map((key) => `'${key}'`)
    .join(', ');
  const more = pending.length > 3 ? ` and ${pending.length - 3} more` : '';
  const what = `no answer about ${noun} ${named}${more} within ${cluster.timeoutMs} ms: ${why}`;
  return new CommandError(`${what}; try again, or give it more time with --timeout`, exitCode.timedOut);
}

type Round<T> = {
  readonly settled: Map<string, Asked<T>>;
  /** Why some are not, of one of them. */
  readonly why: string;
  readonly unreachable: string | undefined;
};

async function askOnce<T>(cluster: Cluster, keys: readonly string[], question: Question<T>): Promise<Round<T>> {
  const settled = new Map<string, Asked<T>>();
  let why = 'the broker left it out of its answer';
  let unreachable: string | undefined;
  const take = (key: string, broker: Broker | undefined, outcome: Outcome<T>): void => {
    if (outcome.ok || !again.has(outcome.code)) settled.set(key, { broker, outcome });
    else why = reasonOf(outcome, broker);
  };
  const lost = (error: unknown): void => {
    if (!(error instanceof CommandError) || error.exitCode !== exitCode.unreachable) throw error;
    why = error.message;
    unreachable = error.message;
  };
  const byBroker = new Map<string, { broker: Broker; keys: string[] }>();
  const found = await question.find(keys).catch(lost);
  for (const [key, outcome] of found ?? []) {
    if (!outcome.ok) {
      take(key, undefined, outcome);
      continue;
    }
    const address = showAddress(outcome.value);
    const known = byBroker.get(address);
    if (known === undefined) byBroker.set(address, { broker: outcome.value, keys: [key] });
    else known.keys.push(key);
  }
  await Promise.all(
    [...byBroker.values()].map(async ({ broker, keys: theirs }) => {
      try {
        const connection = await cluster.at(broker);
        for (let from = 0; from < theirs.length; from += question.keysPerRequest) {
          const before = settled.size;
          const outcomes = await question.ask(connection, theirs.slice(from, from + question.keysPerRequest));
          for (const [key, outcome] of outcomes) take(key, broker, outcome);
          question.answered?.(settled.size - before);
        }
      } catch (error) {
        lost(error);
      }
    }),
  );
  return { settled, why, unreachable };
}

function reasonOf({ code, why }: Refusal, broker: Broker | undefined): string {
  const hints: Record<number, string> = {
    [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]: 'the coordinator is still reading its groups',
    [ErrorCode.COORDINATOR_NOT_AVAILABLE]: 'there is no coordinator yet: are the brokers up?',
    [ErrorCode.NOT_COORDINATOR]: 'the coordinator is moving',
    [ErrorCode.LEADER_NOT_AVAILABLE]: 'the partition has no leader: are its brokers up?',
  };
  const at = broker === undefined ? '' : ` from broker ${broker.nodeId} at ${showAddress(broker)}`;
  const hint = hints[code] ?? why;
  return `${errorName(code)}${at}${hint === '' ? '' : ` (${hint})`}`;
}

/** How a request goes to the coordinators of groups. */
export function coordinatorQuestion<T>(cluster: Cluster, question: Omit<Question<T>, 'noun' | 'find'>): Question<T> {
  return { ...question, noun: 'group', find: (groups) => findCoordinators(cluster, groups) };
}

async function findCoordinators(cluster: Cluster, groups: readonly string[]): Promise<Map<string, Outcome<Broker>>> {
  const connection = await cluster.any();
  const batched = connection.versionOf(ApiKey.FindCoordinator) >= findCoordinatorRequestConstants.MIN_BATCHED_VERSION;
  const found = new Map<string, Outcome<Broker>>();
  const step = batched ? COORDINATOR_KEYS_PER_REQUEST : 1;
  for (let from = 0; from < groups.length; from += step) {
    const keys = groups.slice(from, from + step);
    const request = batched ? { keyType: GROUP_KEY_TYPE, coordinatorKeys: keys } : { key: keys[0] ?? '' };
    const response = await connection.call(ApiKey.FindCoordinator, request);
    const answers = batched ? response.coordinators : [{ ...response, key: keys[0] ?? '' }];
    for (const { key, errorCode, errorMessage, nodeId, host, port } of answers) {
      const good = errorCode === ErrorCode.NONE;
      found.set(key, good ? ok({ nodeId, host, port }) : refuse(errorCode, errorMessage ?? ''));
    }
  }
  return found;
}
