/** Quotas of clients, users and addresses, and passwords of users (SCRAM): asked of the cluster, which keeps them all in one place. */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { requireDone, toldError } from '../core/answers.ts';
import { scramMechanisms, type Change, type ScramChange, type ScramName } from '../core/configs/changes.ts';
import type { Entity, EntityType } from '../core/configs/entities.ts';
import type { Quota } from '../core/configs/lines.ts';
import { CommandError } from '../core/refusal.ts';
import type { ClusterAdmin } from './cluster-admin.ts';

/** What a filter asks for: this name, the default, or any name. */
const match = { exact: 0, default: 1, any: 2 } as const;
const SALT_BYTES = 32;
const hashes = { 'SCRAM-SHA-256': ['sha256', 32], 'SCRAM-SHA-512': ['sha512', 64] } as const;

function quotaType(type: EntityType): string {
  if (type === 'users') return 'user';
  return type === 'clients' ? 'client-id' : 'ip';
}

/** Quotas of exactly these types of entities (KIP-546). */
export async function describeQuotas(admin: ClusterAdmin, entities: readonly Entity[]): Promise<Quota[]> {
  const answer = await admin.ask(ApiKey.DescribeClientQuotas, {
    components: entities.map(({ type, name }) => ({
      entityType: quotaType(type),
      matchType: name === undefined ? match.any : name === '' ? match.default : match.exact,
      match: name === undefined || name === '' ? null : name,
    })),
    strict: true,
  });
  requireDone('describe quotas', answer);
  return (answer.entries ?? []).map(({ entity, values }) => ({
    entity: entity.map(({ entityType, entityName }) => ({ type: entityType, name: entityName })),
    values: values.map(({ key, value }) => ({ key, value })),
  }));
}

/** @param changes values are numbers as texts; null removes a quota */
export async function changeQuotas(
  admin: ClusterAdmin,
  entities: readonly Entity[],
  changes: readonly Change[],
): Promise<void> {
  const { entries } = await admin.decide(ApiKey.AlterClientQuotas, {
    entries: [
      {
        entity: entities.map(({ type, name }) => ({
          entityType: quotaType(type),
          entityName: name === undefined || name === '' ? null : name,
        })),
        ops: changes.map(({ name, value }) => ({ key: name, value: Number(value ?? 0), remove: value === null })),
      },
    ],
    validateOnly: false,
  });
  for (const answer of entries) requireDone('change quotas', answer);
}

export type Credential = { readonly mechanism: string; readonly iterations: number };
export type UserCredentials = {
  readonly user: string;
  readonly credentials: readonly Credential[];
  /** Why they are not told. */
  readonly error: string | undefined;
};

/** @param users all of them when undefined. A user without credentials is left out (KIP-554) */
export async function describeScram(
  admin: ClusterAdmin,
  users: readonly string[] | undefined,
): Promise<UserCredentials[]> {
  const answer = await admin.ask(ApiKey.DescribeUserScramCredentials, {
    users: users === undefined ? null : users.map((name) => ({ name })),
  });
  requireDone('describe SCRAM credentials', answer);
  return answer.results
    .filter(({ errorCode }) => errorCode !== ErrorCode.RESOURCE_NOT_FOUND)
    .map((result) => ({
      user: result.user,
      credentials: result.credentialInfos.map(({ mechanism, iterations }) => ({
        mechanism: mechanismName(mechanism),
        iterations,
      })),
      error: result.errorCode === ErrorCode.NONE ? undefined : toldError(result),
    }));
}

function mechanismName(code: number): string {
  return Object.entries(scramMechanisms).find(([, each]) => each === code)?.[0] ?? 'UNKNOWN';
}

/** The password itself never leaves this machine: the cluster gets what it salts to. */
export async function changeScram(
  admin: ClusterAdmin,
  user: string,
  { set, remove }: { readonly set: readonly ScramChange[]; readonly remove: readonly ScramName[] },
): Promise<void> {
  const { results } = await admin.decide(ApiKey.AlterUserScramCredentials, {
    deletions: remove.map((mechanism) => ({ name: user, mechanism: scramMechanisms[mechanism] })),
    upsertions: set.map(({ mechanism, iterations, password }) => {
      const salt = randomBytes(SALT_BYTES);
      const [hash, bytes] = hashes[mechanism];
      const saltedPassword = pbkdf2Sync(password, salt, iterations, bytes, hash);
      return { name: user, mechanism: scramMechanisms[mechanism], iterations, salt, saltedPassword };
    }),
  });
  const failed = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
  if (failed !== undefined) throw new CommandError(`cannot change the credentials of '${user}': ${toldError(failed)}`);
}
