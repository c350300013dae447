/** The id that an empty directory is formatted with, by any of its names. */
import type { Environment } from '@odradek/base';
import { clusterIdNames } from './variables.ts';

/** @returns undefined when nobody says one */
export function clusterId(environment: Environment, problems: string[]): string | undefined {
  const given = clusterIdNames.flatMap((name) => {
    const value = environment[name]?.trim() ?? '';
    return value === '' ? [] : [{ name, value }];
  });
  const other = given.find(({ value }) => value !== given[0]?.value);
  if (other !== undefined) {
    problems.push(`${given[0]?.name} and ${other.name} say two cluster ids: keep the one that the data have`);
  }
  return given[0]?.value;
}
