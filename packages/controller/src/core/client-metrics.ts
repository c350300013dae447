/** Client metrics subscriptions (KIP-714): what they may hold. */
import { ok, refuse, type Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';

const INTERVAL_MS_MIN = 100;
const INTERVAL_MS_MAX = 3_600_000;
const MATCH_KEYS: ReadonlySet<string> = new Set([
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
]);

export function validateClientMetrics(entries: ReadonlyMap<string, string>): Outcome<ReadonlyMap<string, string>> {
  for (const [name, value] of entries) {
    const problem = entryProblem(name, value);
    if (problem !== undefined) return problem;
  }
  return ok(entries);
}

function entryProblem(name: string, value: string): Outcome<never> | undefined {
  switch (name) {
    case 'metrics':
      return undefined;
    case 'interval.ms':
      return intervalProblem(value);
    case 'match':
      for (const pattern of value.split(',')) {
        if (pattern.trim() === '' || matches(pattern.trim())) continue;
        return refuse(ErrorCode.INVALID_CONFIG, `Illegal client matching pattern: ${pattern.trim()}`);
      }
      return undefined;
    default:
      return refuse(ErrorCode.INVALID_REQUEST, `Unknown client metrics configuration: ${name}`);
  }
}

function intervalProblem(value: string): Outcome<never> | undefined {
  const bounds = `interval must be between ${INTERVAL_MS_MIN} and ${INTERVAL_MS_MAX} (1 hour)`;
  if (!/^[+-]?\d{1,10}$/.test(value)) {
    const why = `Invalid value ${value} for interval.ms: an integer is wanted, ${bounds}`;
    return refuse(ErrorCode.INVALID_CONFIG, why);
  }
  const intervalMs = Number(value);
  if (intervalMs >= INTERVAL_MS_MIN && intervalMs <= INTERVAL_MS_MAX) return undefined;
  return refuse(ErrorCode.INVALID_REQUEST, `Invalid value ${value} for interval.ms, ${bounds}`);
}

/** `key=regular expression`, the key being something that a client tells of itself. */
function matches(pattern: string): boolean {
  const equals = pattern.indexOf('=');
  if (equals < 0 || !MATCH_KEYS.has(pattern.slice(0, equals).trim())) return false;
  try {
    return new RegExp(pattern.slice(equals + 1).trim()) instanceof RegExp;
  } catch {
    return false;
  }
}
