/** SCRAM credentials by mechanism and user: salted keys only, never a password (KIP-554). */
import { assert } from '@odradek/base';
import type { RemoveUserScramCredentialRecord, UserScramCredentialRecord } from '@odradek/protocol';
import type { MetadataDelta } from './delta.ts';
import { byText, record, type MetadataRecord } from './records.ts';

export class Scram {
  readonly #byMechanism = new Map<number, Map<string, UserScramCredentialRecord>>();

  credential(mechanism: number, user: string): UserScramCredentialRecord | undefined {
    return this.#byMechanism.get(mechanism)?.get(user);
  }

  *all(): Generator<UserScramCredentialRecord> {
    for (const users of this.#byMechanism.values()) yield* users.values();
  }

  set(credential: UserScramCredentialRecord, delta: MetadataDelta): void {
    const users = this.#byMechanism.get(credential.mechanism);
    if (users === undefined) this.#byMechanism.set(credential.mechanism, new Map([[credential.name, credential]]));
    else users.set(credential.name, credential);
    delta.scramChanged = true;
  }

  remove(removed: RemoveUserScramCredentialRecord, delta: MetadataDelta): void {
    const users = this.#byMechanism.get(removed.mechanism);
    assert(users?.delete(removed.name) === true, 'a removed credential exists', removed);
    if (users.size === 0) this.#byMechanism.delete(removed.mechanism);
    delta.scramChanged = true;
  }

  toRecords(out: MetadataRecord[]): void {
    for (const [, users] of [...this.#byMechanism].sort((a, b) => a[0] - b[0])) {
      for (const [, credential] of [...users].sort((a, b) => byText(a[0], b[0])))
        out.push(record('UserScramCredentialRecord', credential));
    }
  }
}
