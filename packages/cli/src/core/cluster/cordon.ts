/** What keeps new replicas from a broker (`cordoned.log.dirs`, KIP-1066): as a drain sets it and takes it back, and as others are told of it. */
import { ConfigSource, ErrorCode } from '@odradek/protocol';
import type { ConfigEntry } from '../configs/lines.ts';

export const CORDON = 'cordoned.log.dirs';
/** All directories, as a drain says it. */
export const ALL_DIRS = '*';

/** @property own what is set for the very broker; null: nothing @property under what holds without it, '' for no directory */
export type Cordon = { readonly own: string | null; readonly under: string };

/** @param entries of one broker with their synonyms; a broker that does not know of cordons has none */
export function cordonOf(entries: readonly Pick<ConfigEntry, 'name' | 'synonyms'>[]): Cordon {
  const synonyms = entries.find(({ name }) => name === CORDON)?.synonyms ?? [];
  const isOwn = ({ source }: { readonly source: number }): boolean => source === ConfigSource.DYNAMIC_BROKER_CONFIG;
  const under = synonyms.find((each) => !isOwn(each))?.value ?? '';
  return { own: synonyms.find(isOwn)?.value ?? null, under };
}

/** How a value that a drain replaces is set again; undefined: there was none. */
export function replacedCordon(broker: number, { own }: Cordon): string | undefined {
  if (own === null || own === '' || own === ALL_DIRS) return undefined;
  const again = `odradek configs alter --broker ${broker} --add-config '${CORDON}=[${own}]'`;
  return `broker ${broker} had ${CORDON}=${own}, which is * from now on; after --undo it is set again by: ${again}`;
}

/** Why there is no drain to take back; undefined: there is. */
export function notDrained(broker: number, { own, under }: Cordon): string | undefined {
  if (own === ALL_DIRS) return undefined;
  if (own !== null) {
    const how = `if it is to go: odradek configs alter --broker ${broker} --delete-config ${CORDON}`;
    return `broker ${broker} has ${CORDON}=${own}, and a drain sets *: nothing is taken back; ${how}`;
  }
  const where = under === '' ? '' : `; what it has, ${under}, is in its file or set for all brokers`;
  return `broker ${broker} has no ${CORDON} of its own, so there is no drain to take back${where}`;
}

/** Whether a broker with these directories gets replicas: one that is in order is not cordoned. */
export function takesReplicas(dirs: readonly { readonly errorCode: number; readonly isCordoned: boolean }[]): boolean {
  return dirs.some(({ errorCode, isCordoned }) => errorCode === ErrorCode.NONE && !isCordoned);
}
