/** The properties file of a controller that shall vote: who it is, where its metadata lies, where the others reach it. */
import { config } from '@odradek/base';
import { CommandError } from '../refusal.ts';
import type { Endpoint } from './quorum.ts';

export type ControllerFile = {
  readonly nodeId: number;
  readonly metadataDirectory: string;
  readonly endpoints: readonly Endpoint[];
};

/** @throws CommandError that names the key that is missing or wrong */
export function parseControllerFile(path: string, text: string): ControllerFile {
  const { entries } = config.parseProperties(text);
  const properties = new Map(entries.map(({ name, value }) => [name, value.trim()]));
  const wrong = (why: string): CommandError =>
    new CommandError(`--command-config: ${path} is not the file of a controller: ${why}`);
  const id = properties.get('node.id');
  if (id === undefined || !/^\d{1,10}$/.test(id)) throw wrong(`node.id is ${id === undefined ? 'missing' : `'${id}'`}`);
  const roles = listOf(properties.get('process.roles'));
  if (!roles.includes('controller'))
    throw wrong(`process.roles = ${roles.join(',')} does not have the controller role`);
  const metadataDirectory = properties.get('metadata.log.dir') ?? listOf(properties.get('log.dirs'))[0];
  if (metadataDirectory === undefined) throw wrong('neither metadata.log.dir nor log.dirs is there');
  const names = listOf(properties.get('controller.listener.names'));
  if (names.length === 0) throw wrong('controller.listener.names is missing');
  const endpoints = names.map((name) => {
    const found = ['advertised.listeners', 'listeners']
      .map((key) => listenersOf(properties.get(key), (why) => wrong(`${key}: ${why}`)))
      .map((listeners) => listeners.find((each) => each.name === name.toUpperCase()))
      .find((each) => each !== undefined);
    if (found === undefined) throw wrong(`no listener is called ${name}, as controller.listener.names says`);
    return { ...found, host: found.host === '' ? 'localhost' : found.host };
  });
  return { nodeId: Number(id), metadataDirectory, endpoints };
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function listenersOf(text: string | undefined, wrong: (why: string) => CommandError): readonly Endpoint[] {
  const parsed = config.parseListeners(listOf(text));
  if (!parsed.ok) throw wrong(parsed.why);
  return parsed.listeners;
}

/** `NAME://host:port,…` of the command line. */
export function parseEndpoints(option: string, text: string): readonly Endpoint[] {
  const parsed = config.parseListeners(listOf(text));
  if (!parsed.ok) throw new CommandError(`${option}: ${parsed.why}`, 2);
  return parsed.listeners;
}

/** @returns the id of the directory by its meta.properties. @throws CommandError when the file has none */
export function directoryIdOf(path: string, text: string): string {
  const id = config
    .parseProperties(text)
    .entries.find(({ name }) => name === 'directory.id')
    ?.value.trim();
  if (id === undefined || !isDirectoryId(id)) {
    throw new CommandError(`${path} has no directory.id: was the directory formatted, or the node started once?`);
  }
  return id;
}

export function isDirectoryId(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}
