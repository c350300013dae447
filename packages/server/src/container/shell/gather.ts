/** Reads what a container is told: variables, the files that they name, mounted properties, volumes. */
import { StorageFault } from '@odradek/base';
import type { Environment, Files } from '@odradek/base';
import { readText } from '../../shell/read-text.ts';
import { containerConfig } from '../core/container-config.ts';
import type { ContainerConfig } from '../core/container-config.ts';
import { propertiesFiles } from '../core/mounted-file.ts';
import { secretFiles } from '../core/secrets.ts';

export type Container = {
  readonly environment: Environment;
  readonly hostName: string;
  readonly givenFile: string | undefined;
};

export function gather({ environment, hostName, givenFile }: Container, files: Files): ContainerConfig {
  const texts = new Map<string, string>();
  for (const path of [...secretFiles(environment).values(), ...propertiesFiles(environment, givenFile)]) {
    const text = textOf(files, path);
    if (text !== undefined) texts.set(path, text);
  }
  if (givenFile !== undefined && !texts.has(givenFile)) {
    return { ok: false, problems: [`${givenFile}: this properties file is not there or cannot be read`] };
  }
  const mounts = mountPoints(textOf(files, '/proc/self/mountinfo') ?? '');
  return containerConfig(environment, { hostName, files: texts, mounts, givenFile });
}

/** Who may not be read is not there: whether that matters is decided by what needs it. */
function textOf(files: Files, path: string): string | undefined {
  if (files.stat(path)?.kind !== 'file') return undefined;
  try {
    return readText(files, path);
  } catch (fault) {
    if (fault instanceof StorageFault) return undefined;
    throw fault;
  }
}

/** The fifth field of each line; spaces and backslashes are written in octal. */
export function mountPoints(mountInfo: string): string[] {
  return mountInfo.split('\n').flatMap((line) => {
    const point = line.split(' ')[4];
    return point === undefined
      ? []
      : [point.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)))];
  });
}
