/** One key's value: from text, to text, and what is allowed, in words. */
import type { Spec, Value } from './declare.ts';
import { INT_MAX, LONG_MAX, LONG_MAX_TEXT, RACK_AWARE_REPLICA_SELECTOR } from './declare.ts';
import { parseNetwork } from '../ip.ts';
import { parseListeners, parseOutside, parseProtocolMap } from './listeners.ts';

export type Parsed = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly allowed: string };

const SHORT_MAX = 0x7fff;
const CODEC_NUMBER_MAX = 4;
const INT64_MAX = 9_223_372_036_854_775_807n;

/** @returns the value, or what would have been allowed (a phrase that ends "… must be") */
export function parseValue(spec: Spec, text: string): Parsed {
  const trimmed = text.trim();
  const value = plainValue(spec, spec.type === 'password' ? text : trimmed);
  if (value === undefined || !withinBounds(spec, value) || !wellFormed(spec, value)) {
    return { ok: false, allowed: allowedText(spec) };
  }
  return { ok: true, value };
}

function plainValue(spec: Spec, text: string): Value | undefined {
  switch (spec.type) {
    case 'boolean':
      return booleanOf(text);
    case 'short':
      return integerOf(text, SHORT_MAX);
    case 'int':
      return integerOf(text, INT_MAX);
    case 'long':
      return longOf(text);
    case 'double':
      return doubleOf(text);
    case 'list':
      return text === '' ? [] : text.split(/\s*,\s*/);
    case 'string':
    case 'class':
    case 'password':
      return text;
  }
}

function booleanOf(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

function integerOf(text: string, largest: number): number | undefined {
  if (!/^[+-]?\d{1,20}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= largest && value >= -largest - 1 ? value : undefined;
}

function longOf(text: string): number | undefined {
  if (!/^[+-]?\d{1,20}$/.test(text)) return undefined;
  const exact = BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (exact > INT64_MAX || exact < -INT64_MAX - 1n) return undefined;
  return Math.max(Math.min(Number(exact), LONG_MAX), -LONG_MAX);
}

function doubleOf(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/.test(text)) return undefined;
  return Number(text.replace(/[dDfF]$/, ''));
}

function withinBounds(spec: Spec, value: Value): boolean {
  if (typeof value === 'number') {
    return value === spec.also || (value >= (spec.min ?? -Infinity) && value <= (spec.max ?? Infinity));
  }
  if (spec.nonEmpty === true && (value === '' || (Array.isArray(value) && value.length === 0))) return false;
  if (spec.oneOf === undefined) return true;
  if (typeof value === 'string') return oneOf(spec, value);
  return Array.isArray(value) && new Set(value).size === value.length && value.every((entry) => oneOf(spec, entry));
}

function oneOf(spec: Spec, text: string): boolean {
  const known = spec.oneOf ?? [];
  return spec.anyCase === true ? known.some((name) => name.toLowerCase() === text.toLowerCase()) : known.includes(text);
}

const durationForm = /^P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?)?$/i;

function wellFormed({ form }: Spec, value: Value): boolean {
  if (form === undefined) return true;
  switch (form) {
    case 'throttledReplicas':
      return isList(value) && (value.join() === '*' || value.every((entry) => /^\d{1,9}:\d{1,9}$/.test(entry)));
    case 'resetPolicy': {
      const text = String(value);
      if (text === 'latest' || text === 'earliest') return true;
      return text.startsWith('by_duration:') && durationForm.test(text.slice('by_duration:'.length));
    }
    case 'listeners':
      return isList(value) && parseListeners(value).ok;
    case 'outsideAddresses':
      return isList(value) && value.every((entry) => parseOutside(entry) !== undefined);
    case 'networks':
      return isList(value) && value.every((entry) => parseNetwork(entry) !== undefined);
    case 'protocolMap':
      return parseProtocolMap(String(value)).ok;
    case 'ipLimits':
      return (
        value === '' ||
        String(value)
          .split(',')
          .every((entry) => /^\s*\S+:\d{1,10}\s*$/.test(entry))
      );
    case 'codecNumber':
      return typeof value === 'number' && value >= 0 && value <= CODEC_NUMBER_MAX;
    case 'replicaSelector':
      return value === RACK_AWARE_REPLICA_SELECTOR;
    case 'unlimitedOrPositive':
      return typeof value === 'number' && value !== 0;
  }
}

function isList(value: Value): value is readonly string[] {
  return Array.isArray(value);
}

/** What a key takes, as a phrase for people: `an integer of at least 1`. */
export function allowedText(spec: Spec): string {
  if (spec.form !== undefined) return formTexts[spec.form];
  if (spec.oneOf !== undefined) {
    const names = spec.oneOf.join(', ');
    if (spec.type !== 'list') return `one of ${names}`;
    return `a comma-separated list of ${names}${spec.nonEmpty === true ? '' : ' (or empty)'}, each at most once`;
  }
  switch (spec.type) {
    case 'boolean':
      return 'true or false';
    case 'short':
    case 'int':
    case 'long':
      return `an integer${rangeText(spec)}`;
    case 'double':
      return `a number${rangeText(spec)}`;
    case 'list':
      return spec.nonEmpty === true ? 'a comma-separated list with at least one entry' : 'a comma-separated list';
    case 'class':
      return 'the name of a class';
    case 'string':
    case 'password':
      return spec.nonEmpty === true ? 'a text that is not empty' : 'a text';
  }
}

const formTexts: Readonly<Record<NonNullable<Spec['form']>, string>> = {
  throttledReplicas: '* or a list of partition:broker pairs, such as 0:1,1:2',
  resetPolicy: 'latest, earliest or by_duration:PnDTnHnMn.nS',
  listeners: 'a list of NAME://host:port with distinct names, ports from 0 to 65535',
  outsideAddresses: 'a list of host, host:port, NAME://host or NAME://host:port',
  networks: 'a list of networks such as 10.0.0.0/8 or fd00::/8',
  protocolMap: 'a list of NAME:PROTOCOL, protocols being PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL',
  ipLimits: 'a list of address:count',
  codecNumber: '0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd)',
  replicaSelector: `${RACK_AWARE_REPLICA_SELECTOR}, or left out`,
  unlimitedOrPositive: '-1 (no limit) or an integer of at least 1',
};

function rangeText(spec: Spec): string {
  const widest = spec.type === 'short' ? SHORT_MAX : spec.type === 'int' ? INT_MAX : undefined;
  const max = spec.max ?? widest;
  const also = spec.also === undefined ? '' : `, or ${spec.also}`;
  if (spec.min !== undefined && max !== undefined) return ` from ${spec.min} to ${max}${also}`;
  if (spec.min !== undefined) return ` of at least ${spec.min}${also}`;
  return max === undefined ? '' : ` of at most ${max}`;
}

/** A value as Kafka's admin API prints it; null stays null. */
export function formatValue(spec: Spec, value: Value): string | null {
  if (value === null) return null;
  if (isList(value)) return value.join(',');
  if (typeof value !== 'number') return String(value);
  if (spec.type === 'double') return doubleText(value);
  return value === LONG_MAX ? LONG_MAX_TEXT : String(value);
}

/** A double in Java's notation: 0.5, 1.0, 2.147483647E9. */
export function doubleText(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  if (size >= 1e-3 && size < 1e7) return Number.isInteger(value) ? `${value}.0` : String(value);
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`;
}
