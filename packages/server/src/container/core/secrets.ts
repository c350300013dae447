/** `NAME_FILE=/run/secrets/name`: the value of NAME lies in that file. */
import type { Environment } from '@odradek/base';
import { pathVariables } from './variables.ts';

export type Secrets = {
  readonly environment: Environment;
  /** For messages, which name the file and not what is in it. */
  readonly origins: ReadonlyMap<string, string>;
};

/** Files that variables name, by variable. */
export function secretFiles(environment: Environment): Map<string, string> {
  const found = new Map<string, string>();
  for (const [variable, path] of Object.entries(environment)) {
    if (path === undefined || !path.startsWith('/') || pathVariables.has(variable)) continue;
    if (/^(KAFKA_.+|ODRADEK_.+|CLUSTER_ID)_FILE$/.test(variable)) found.set(variable, path);
  }
  return found;
}

export function readSecrets(given: Environment, files: ReadonlyMap<string, string>, problems: string[]): Secrets {
  const environment: Record<string, string | undefined> = { ...given };
  const origins = new Map<string, string>();
  for (const [variable, path] of secretFiles(given)) {
    const name = variable.slice(0, -'_FILE'.length);
    const text = files.get(path);
    delete environment[variable];
    if (text === undefined) {
      problems.push(`${variable}: ${path} is not there or cannot be read by this user`);
    } else if ((given[name] ?? '') !== '') {
      problems.push(`${name} and ${variable} are both given: keep one of them`);
    } else {
      environment[name] = text.replace(/[\r\n]+$/, '');
      origins.set(name, `${variable} (${path})`);
    }
  }
  return { environment, origins };
}
