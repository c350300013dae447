/** What `configs alter` is to change: `--add-config k1=v1,k2=[a,b]` as kafka-configs reads it, keys to delete, passwords of users. */
import { CommandError, usageError } from '../refusal.ts';

export type Change = { readonly name: string; readonly value: string | null };

const KEY = /^[a-zA-Z0-9._-]+$/;

/** Pairs with commas between; square brackets hold a value that has commas itself. @throws CommandError of wrong usage */
export function parseAddConfig(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const part of splitOutside(text)) {
    const at = part.indexOf('=');
    if (at < 0) throw usageError(`--add-config: '${part.trim()}' is not key=value; a value with commas stands in [ ]`);
    const name = part.slice(0, at).trim();
    checkKey('--add-config', name);
    pairs.set(name, withoutBrackets(part.slice(at + 1).trim()));
  }
  return pairs;
}

export function checkKey(option: string, name: string): void {
  if (!KEY.test(name))
    throw usageError(`${option}: '${name}' is no name of a configuration (letters, digits and . _ -)`);
}

/** The parts between commas that no bracket holds. */
function splitOutside(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '[') depth += 1;
    else if (char === ']') depth = Math.max(0, depth - 1);
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part.trim() !== '');
}

function withoutBrackets(value: string): string {
  return value.startsWith('[') && value.endsWith(']') ? value.slice(1, -1).trim() : value;
}

/** Keys to set first, then keys to go back to their defaults; a key of both is set. */
export function changesOf(add: ReadonlyMap<string, string>, remove: readonly string[]): Change[] {
  const deleted = [...new Set(remove)].filter((name) => !add.has(name));
  return [
    ...Array.from(add, ([name, value]): Change => ({ name, value })),
    ...deleted.map((name): Change => ({ name, value: null })),
  ];
}

export const scramMechanisms = { 'SCRAM-SHA-256': 1, 'SCRAM-SHA-512': 2 } as const;
export type ScramName = keyof typeof scramMechanisms;
export type ScramChange = { readonly mechanism: ScramName; readonly iterations: number; readonly password: string };

const SCRAM_ITERATIONS = { least: 4_096, most: 16_384 } as const;

export function isScram(name: string): name is ScramName {
  return name in scramMechanisms;
}

/** `iterations=8192,password=secret`, the first of which may be left out. @throws CommandError of wrong usage */
export function parseScram(mechanism: ScramName, text: string): ScramChange {
  const match = /^(?:iterations=(-?\d*),)?password=(.*)$/s.exec(text);
  const password = match?.[2];
  if (password === undefined) {
    throw usageError(`--add-config: ${mechanism} takes [iterations=8192,password=…] or [password=…]`);
  }
  const given = match?.[1];
  const iterations = given === undefined || given === '' || given === '-1' ? SCRAM_ITERATIONS.least : Number(given);
  if (iterations < SCRAM_ITERATIONS.least || iterations > SCRAM_ITERATIONS.most) {
    const range = `${SCRAM_ITERATIONS.least} to ${SCRAM_ITERATIONS.most}`;
    throw usageError(`--add-config: ${iterations} iterations for ${mechanism}; allowed are ${range}`);
  }
  return { mechanism, iterations, password };
}

const quotaKeys = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'request_percentage',
  'controller_mutation_rate',
] as const;
const connectionKeys = ['connection_creation_rate'] as const;

/** @param of whose quotas: those of an address are about connections alone. @throws CommandError of wrong usage */
export function checkQuotaKeys(names: readonly string[], of: 'clients' | 'users' | 'ips'): void {
  const known: readonly string[] = of === 'ips' ? connectionKeys : quotaKeys;
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const more = of === 'users' ? `, ${Object.keys(scramMechanisms).join(', ')}` : '';
    throw usageError(`${unknown.join(', ')}: ${of} have ${known.join(', ')}${more}`);
  }
}

export function parseQuota(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw usageError(`--add-config: ${name}: '${text}' is not a number`);
  return value;
}

/** @throws CommandError when a key that is to be deleted is not set */
export function requireSet(remove: readonly string[], set: ReadonlySet<string>): void {
  const missing = remove.filter((name) => !set.has(name));
  if (missing.length > 0) throw new CommandError(`Invalid config(s): ${missing.join(',')}`);
}
