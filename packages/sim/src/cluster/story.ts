/** What a node says to people, as lines of a run's story. */
import type { Logger } from '@odradek/base';

export function storyLog(who: string, trace: (line: string) => void): Logger {
  const say = (level: string) => (fields: object, message: string) => {
    trace(`${who} says (${level}): ${message}${detailOf(fields)}`);
  };
  const log: Logger = {
    debug: () => undefined,
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: () => log,
  };
  return log;
}

function detailOf(fields: object): string {
  const told = Object.entries(fields).map(([key, value]) => `${key}=${value instanceof Error ? value.message : value}`);
  return told.length === 0 ? '' : ` [${told.join(' ')}]`;
}
