/** What follows from what is said: ids and roles of a StatefulSet's pods, listeners of a role, old names of the same. */
import type { Environment } from '@odradek/base';
import { byDefault, said } from './gathered.ts';
import type { Gathered } from './gathered.ts';
import { isServiceLink } from './variables.ts';

export function settle(environment: Environment, hostName: string, gathered: Gathered): void {
  readOwn(environment, hostName, gathered);
  settleId(gathered);
  const initial = environment['KAFKA_INITIAL_CONTROLLERS'] ?? '';
  if (initial !== '') takeInitialControllers(initial, gathered);
  settleRole(environment, gathered);
  settleListeners(gathered);
}

/** `ODRADEK_NODE_ID=ordinal[+N]`; any other `ODRADEK_X_Y` is the property `odradek.x.y`. */
function readOwn(environment: Environment, hostName: string, gathered: Gathered): void {
  const { properties, problems } = gathered;
  for (const [variable, value = ''] of Object.entries(environment)) {
    if (!variable.startsWith('ODRADEK_') || own.has(variable) || value === '') continue;
    if (isServiceLink(variable, value)) continue;
    const name = variable.toLowerCase().replaceAll('_', '.');
    if (!properties.has(name)) properties.set(name, { value, from: variable });
  }
  const wanted = environment['ODRADEK_NODE_ID'] ?? '';
  if (wanted === '') return;
  const form = /^(?:ordinal(?:\+(\d{1,9}))?|(\d{1,10}))$/.exec(wanted.trim());
  if (form === null) {
    problems.push(`ODRADEK_NODE_ID=${wanted}: it must be ordinal, ordinal+NUMBER or a number`);
    return;
  }
  const [, offset = '0', number] = form;
  const ordinal = /-(\d{1,9})$/.exec(hostName)?.[1];
  if (number === undefined && ordinal === undefined) {
    problems.push(
      `ODRADEK_NODE_ID=${wanted}: the host name ${hostName} does not end in -NUMBER, as those of a StatefulSet's pods do: give a number`,
    );
    return;
  }
  const value = number ?? String(Number(ordinal) + Number(offset));
  const before = properties.get('node.id');
  if (before !== undefined && before.value !== value) {
    problems.push(
      `${before.from}=${before.value} and ODRADEK_NODE_ID=${wanted}, which is ${value} here: keep one of them`,
    );
    return;
  }
  properties.set('node.id', { value, from: 'ODRADEK_NODE_ID' });
}

/** Those that are no property: of this file, and of the compose files, which an `env_file` brings into the container too. */
const own = new Set([
  'ODRADEK_NODE_ID',
  'ODRADEK_CONTROLLERS',
  'ODRADEK_DEBUG',
  'ODRADEK_IMAGE',
  'ODRADEK_PUBLISH',
  'ODRADEK_OUTSIDE',
]);

/** Files and variables of the time before KRaft say `broker.id`. */
function settleId(gathered: Gathered): void {
  const broker = said(gathered, 'broker.id')?.trim() ?? '';
  if (/^\d+$/.test(broker)) byDefault(gathered, 'node.id', broker);
}

/** bitnami's `ID@HOST:PORT:DIRECTORY-ID,…`: the voters; directory ids are the directories' own here. */
function takeInitialControllers(text: string, gathered: Gathered): void {
  const { properties, problems, notes } = gathered;
  const voters = text.split(',').map((entry) => /^\s*(\d+@.+:\d+)(?::[A-Za-z0-9_-]{22})?\s*$/.exec(entry)?.[1]);
  if (voters.includes(undefined)) {
    problems.push('KAFKA_INITIAL_CONTROLLERS: it must be a list of ID@HOST:PORT:DIRECTORY-ID');
    return;
  }
  const value = voters.join(',');
  const before = said(gathered, 'controller.quorum.voters') ?? '';
  if (before !== '' && before !== value) {
    problems.push('KAFKA_INITIAL_CONTROLLERS and controller.quorum.voters do not say the same: keep one of them');
    return;
  }
  properties.set('controller.quorum.voters', { value, from: 'KAFKA_INITIAL_CONTROLLERS' });
  properties.delete('controller.quorum.bootstrap.servers');
  notes.push(`KAFKA_INITIAL_CONTROLLERS is taken as controller.quorum.voters=${value}, without the directory ids`);
}

/** `ODRADEK_CONTROLLERS=N`: nodes 0 to N-1 are controllers too, the others brokers only. */
function settleRole(environment: Environment, gathered: Gathered): void {
  const { properties, problems } = gathered;
  const text = environment['ODRADEK_CONTROLLERS'] ?? '';
  if (text === '') return;
  const id = Number(said(gathered, 'node.id') ?? 'none');
  if (!/^[1-9]\d{0,2}$/.test(text)) {
    problems.push(`ODRADEK_CONTROLLERS=${text}: it must be a number of controllers, 1 to 999`);
  } else if (!Number.isInteger(id)) {
    problems.push(`ODRADEK_CONTROLLERS=${text} needs the id of this node: ODRADEK_NODE_ID=ordinal, or KAFKA_NODE_ID`);
  } else if (said(gathered, 'process.roles') === undefined) {
    const value = id < Number(text) ? 'broker,controller' : 'broker';
    properties.set('process.roles', { value, from: 'ODRADEK_CONTROLLERS' });
  } else {
    problems.push('KAFKA_PROCESS_ROLES and ODRADEK_CONTROLLERS both say the roles of this node: keep one of them');
  }
  // One list of listeners goes to all pods: a broker alone leaves those of controllers out.
  if (said(gathered, 'process.roles') === 'broker') withoutControllerListeners(gathered);
}

function withoutControllerListeners({ properties, inFile }: Gathered): void {
  const names = (
    properties.get('controller.listener.names')?.value ??
    inFile.get('controller.listener.names') ??
    'CONTROLLER'
  )
    .split(',')
    .map((name) => name.trim().toUpperCase());
  for (const key of ['listeners', 'advertised.listeners']) {
    const given = properties.get(key);
    if (given === undefined) continue;
    const kept = given.value.split(',').filter((entry) => !names.includes(nameOf(entry)));
    properties.set(key, { ...given, value: kept.join(',') });
  }
}

function nameOf(listener: string): string {
  return listener.split('://')[0]?.trim().toUpperCase() ?? '';
}

/** Nobody in a container means "from this container only": every address is listened on. */
function settleListeners(gathered: Gathered): void {
  const roles = (said(gathered, 'process.roles') ?? 'broker,controller').split(',').map((role) => role.trim());
  const isBroker = roles.includes('broker');
  if ((said(gathered, 'listeners') ?? '') !== '') return;
  if (isBroker && (said(gathered, 'advertised.listeners') ?? '') !== '') return;
  const quorum = ['controller.quorum.voters', 'controller.quorum.bootstrap.servers'];
  const isReached = !isBroker || quorum.some((name) => (said(gathered, name) ?? '') !== '');
  const isController = roles.includes('controller') && isReached;
  const entries = [...(isBroker ? ['PLAINTEXT://:9092'] : []), ...(isController ? ['CONTROLLER://:9093'] : [])];
  gathered.properties.delete('listeners');
  byDefault(gathered, 'listeners', entries.join(','));
  if (isController) byDefault(gathered, 'controller.listener.names', 'CONTROLLER');
}
