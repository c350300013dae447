/** The filters of `groups list`: states and types, by Kafka's names in any case. */
import { usageError } from '../refusal.ts';

export const groupStates = [
  'PreparingRebalance',
  'CompletingRebalance',
  'Stable',
  'Dead',
  'Empty',
  'Assigning',
  'Reconciling',
] as const;

export const groupTypes = ['Classic', 'Consumer'] as const;

/** @param given true when the option stands without a value: no filter, but the column is shown */
export function parseFilter(option: string, given: string | true, allowed: readonly string[]): string[] {
  if (given === true) return [];
  return given.split(',').map((part) => {
    const found = allowed.find((name) => name.toLowerCase() === part.trim().toLowerCase());
    if (found === undefined) throw usageError(`${option}: '${part.trim()}' is none of ${allowed.join(', ')}`);
    return found;
  });
}

/** `classic` as the protocol has it, `Classic` as Kafka shows it. */
export function showType(type: string): string {
  return type === '' ? '-' : `${type.charAt(0).toUpperCase()}${type.slice(1).toLowerCase()}`;
}

/** @property type as Kafka shows it; undefined: any */
export type GroupFilter =
  | { readonly kind: 'consumers' }
  | { readonly kind: 'exactly'; readonly type: string | undefined; readonly protocol: string | undefined };

/** @param group its type as Kafka shows it */
export function isWantedGroup(
  { type, protocolType }: { readonly type: string; readonly protocolType: string },
  filter: GroupFilter,
): boolean {
  if (filter.kind === 'consumers') {
    return type === 'Consumer' || (type === 'Classic' && (protocolType === '' || protocolType === 'consumer'));
  }
  const { type: wanted, protocol } = filter;
  return (wanted === undefined || type === wanted) && (protocol === undefined || protocolType === protocol);
}
