/** What a single value cannot tell: keys that must fit each other, and what this node cannot be yet. */
import { formatListener, parseListeners, parseProtocolMap } from './listeners.ts';
import type { ListenerAddress } from './listeners.ts';
import type { NodeConfig } from './node-config.ts';

type Told = { readonly problems: string[]; readonly warnings: string[] };

/** Appends every problem (the node must not start) and warning to `told`. */
export function checkTogether(config: NodeConfig, told: Told): void {
  checkRoles(config, told.problems);
  checkQuorum(config, told.problems);
  checkListeners(config, told.problems);
  checkSecurity(config, told.problems);
  checkDirectories(config, told.problems);
  checkCleaner(config, told.problems);
  checkTimes(config, told);
  checkGroupProtocols(config, told.problems);
}

function checkRoles(config: NodeConfig, problems: string[]): void {
  const roles = config.get('process.roles');
  const brokerId = config.get('broker.id');
  if (config.isSet('broker.id') && brokerId !== config.nodeId) {
    problems.push(
      `broker.id = ${brokerId} differs from node.id = ${config.nodeId}: leave broker.id out, or make them equal`,
    );
  }
  if (roles.length === 2) return;
  problems.push(
    `process.roles = ${roles.join(',')}: a node of one role needs others, and clusters of several nodes are not built yet: ` +
      'use process.roles=broker,controller',
  );
}

const voterForm = /^(\d{1,10})@(\[[^\]]+\]|[^:@]+):(\d{1,5})$/;

function checkQuorum(config: NodeConfig, problems: string[]): void {
  const voters = config.get('controller.quorum.voters');
  const malformed = voters.filter((voter) => !voterForm.test(voter));
  for (const voter of malformed) problems.push(`controller.quorum.voters: '${voter}' is not of the form id@host:port`);
  if (malformed.length === 0 && voters.length > 0) {
    const ids = voters.map((voter) => Number(voterForm.exec(voter)?.[1]));
    if (!ids.includes(config.nodeId)) {
      problems.push(
        `controller.quorum.voters = ${voters.join(',')} does not contain this node (node.id = ${config.nodeId}), which has the controller role`,
      );
    }
    if (new Set(ids).size < ids.length) problems.push(`controller.quorum.voters = ${voters.join(',')} has an id twice`);
  }
  const servers = config.get('controller.quorum.bootstrap.servers');
  for (const server of servers) {
    if (!/^(\[[^\]]+\]|[^:@/]+):\d{1,5}$/.test(server)) {
      problems.push(`controller.quorum.bootstrap.servers: '${server}' is not of the form host:port`);
    }
  }
  for (const [name, entries] of [
    ['controller.quorum.voters', voters],
    ['controller.quorum.bootstrap.servers', servers],
  ] as const) {
    if (entries.length < 2) continue;
    problems.push(
      `${name} names ${entries.length} controllers, and quorums of more than one node are not built yet: name this node only`,
    );
  }
}

function checkListeners(config: NodeConfig, problems: string[]): void {
  const bound = parseListeners(config.get('listeners'));
  const advertised = parseListeners(config.get('advertised.listeners'));
  const map = parseProtocolMap(config.get('listener.security.protocol.map'));
  if (!bound.ok || !advertised.ok || !map.ok) return; // told with the single values
  const mapGiven = config.isSet('listener.security.protocol.map');
  for (const listener of bound.listeners) {
    const protocol = map.map.get(listener.name);
    if (protocol === undefined && (mapGiven || !config.isControllerListener(listener.name))) {
      problems.push(
        `listeners: ${listener.name} has no security protocol: add ${listener.name}:PLAINTEXT to listener.security.protocol.map`,
      );
    } else if (protocol !== undefined && protocol !== 'PLAINTEXT') {
      problems.push(
        `listeners: ${formatListener(listener)} uses ${protocol}, which is not built yet: use a PLAINTEXT listener on a network that you trust`,
      );
    }
  }
  checkCollisions(config, bound.listeners, problems);
  if (bound.listeners.every(({ name }) => config.isControllerListener(name))) {
    problems.push(
      `listeners = ${config.get('listeners').join(',')}: all of them are controller listeners (controller.listener.names), so clients have none`,
    );
    return;
  }
  checkAdvertised(config, { bound: bound.listeners, advertised: advertised.listeners }, problems);
  checkInterBroker(config, bound.listeners, problems);
}

function checkCollisions(config: NodeConfig, listeners: readonly ListenerAddress[], problems: string[]): void {
  for (const [at, one] of listeners.entries()) {
    const other = listeners
      .slice(at + 1)
      .find((each) => each.port === one.port && each.port !== 0 && overlap(each.host, one.host));
    if (other !== undefined) {
      problems.push(
        `listeners: ${formatListener(one)} and ${formatListener(other)} want the same port: give each its own`,
      );
    }
  }
  const httpPort = config.get('odradek.http.port');
  const taken = listeners.find(({ port }) => port === httpPort && port !== 0);
  if (taken !== undefined)
    problems.push(`odradek.http.port = ${httpPort} is the port of ${formatListener(taken)}: give each its own`);
}

function overlap(one: string, other: string): boolean {
  if (one === other || one === '' || other === '') return true;
  return (one === '0.0.0.0' && !other.includes(':')) || (other === '0.0.0.0' && !one.includes(':'));
}

type Addresses = { readonly bound: readonly ListenerAddress[]; readonly advertised: readonly ListenerAddress[] };

function checkAdvertised(config: NodeConfig, { bound, advertised }: Addresses, problems: string[]): void {
  if (!config.isSet('advertised.listeners')) return;
  const names = bound.map(({ name }) => name);
  for (const listener of advertised) {
    const text = formatListener(listener);
    if (!names.includes(listener.name)) {
      problems.push(`advertised.listeners: ${text} is not among listeners (${names.join(', ')})`);
    }
    if (listener.host === '0.0.0.0') {
      problems.push(
        `advertised.listeners: ${text} is no address that a client can reach: name a host or leave it empty`,
      );
    }
  }
  const between = config.interBrokerListener;
  if (names.includes(between) && !advertised.some(({ name }) => name === between)) {
    problems.push(`advertised.listeners: ${between} is missing, which other brokers use (inter.broker.listener.name)`);
  }
}

function checkInterBroker(config: NodeConfig, bound: readonly ListenerAddress[], problems: string[]): void {
  const named = config.get('inter.broker.listener.name');
  if (named !== null && config.isSet('security.inter.broker.protocol')) {
    problems.push('inter.broker.listener.name and security.inter.broker.protocol are both set: keep one of them');
    return;
  }
  const listener = config.interBrokerListener;
  if (config.isControllerListener(listener)) {
    problems.push(`inter.broker.listener.name = ${listener} is a controller listener: name one of the broker's`);
  } else if (!bound.some(({ name }) => name === listener)) {
    const names = bound.map(({ name }) => name).join(', ');
    problems.push(
      named === null
        ? `none of listeners (${names}) is for other brokers: set inter.broker.listener.name to one of them`
        : `inter.broker.listener.name = ${named} is not among listeners (${names})`,
    );
  }
}

function checkSecurity(config: NodeConfig, problems: string[]): void {
  const authorizer = config.get('authorizer.class.name');
  if (authorizer === '') return;
  problems.push(
    `authorizer.class.name = ${authorizer}: access control is not built yet, and a node that is meant to have it does not start without: ` +
      'leave the key out to let everybody do everything',
  );
}

function checkDirectories(config: NodeConfig, problems: string[]): void {
  const directories = config.logDirs;
  const twice = directories.find((directory, at) => directories.indexOf(directory) !== at);
  if (twice !== undefined) problems.push(`log.dirs names ${twice} twice`);
}

const DEDUPE_BYTES_LEAST = 1024 * 1024;

function checkCleaner(config: NodeConfig, problems: string[]): void {
  const threads = config.get('log.cleaner.threads');
  const bufferBytes = config.get('log.cleaner.dedupe.buffer.size');
  if (threads === 0 || bufferBytes / threads > DEDUPE_BYTES_LEAST) return;
  problems.push(
    `log.cleaner.dedupe.buffer.size = ${bufferBytes} must be more than 1 MiB for each of log.cleaner.threads = ${threads}`,
  );
}

/** Kafka lets them be anything; here they are intervals of timers. */
const positive = [
  'broker.heartbeat.interval.ms',
  'broker.session.timeout.ms',
  'initial.broker.registration.timeout.ms',
  'replica.high.watermark.checkpoint.interval.ms',
] as const;

function checkTimes(config: NodeConfig, told: Told): void {
  const ordered = [
    ['group.min.session.timeout.ms', 'group.max.session.timeout.ms'],
    ['group.consumer.min.session.timeout.ms', 'group.consumer.session.timeout.ms'],
    ['group.consumer.session.timeout.ms', 'group.consumer.max.session.timeout.ms'],
    ['group.consumer.min.heartbeat.interval.ms', 'group.consumer.heartbeat.interval.ms'],
    ['group.consumer.heartbeat.interval.ms', 'group.consumer.max.heartbeat.interval.ms'],
    ['group.consumer.min.assignment.interval.ms', 'group.consumer.assignment.interval.ms'],
    ['group.consumer.assignment.interval.ms', 'group.consumer.max.assignment.interval.ms'],
    ['replica.fetch.wait.max.ms', 'replica.lag.time.max.ms'],
  ] as const;
  for (const [lower, upper] of ordered) {
    if (config.get(lower) <= config.get(upper)) continue;
    told.problems.push(`${lower} = ${config.get(lower)} must not be above ${upper} = ${config.get(upper)}`);
  }
  for (const name of positive) {
    if (config.get(name) < 1) told.problems.push(`${name} = ${config.get(name)}: it must be an integer of at least 1`);
  }
  const heartbeatMs = config.get('broker.heartbeat.interval.ms');
  const sessionMs = config.get('broker.session.timeout.ms');
  if (heartbeatMs * 2 > sessionMs) {
    told.warnings.push(
      `broker.heartbeat.interval.ms = ${heartbeatMs} is more than half of broker.session.timeout.ms = ${sessionMs}: one late beat fences the broker`,
    );
  }
}

/** What is built, by its name and by that of Kafka's class. */
const assignors = [
  'uniform',
  'range',
  'org.apache.kafka.coordinator.group.assignor.UniformAssignor',
  'org.apache.kafka.coordinator.group.assignor.RangeAssignor',
];

function checkGroupProtocols(config: NodeConfig, problems: string[]): void {
  const protocols = config.get('group.coordinator.rebalance.protocols');
  if (!protocols.includes('classic')) {
    problems.push(
      `group.coordinator.rebalance.protocols = ${protocols.join(',')}: the classic protocol cannot be left out, add classic`,
    );
  }
  for (const name of config.get('group.consumer.assignors')) {
    if (assignors.includes(name)) continue;
    problems.push(`group.consumer.assignors: '${name}' is not known: assignors are uniform and range`);
  }
  const heartbeatMs = config.get('group.consumer.heartbeat.interval.ms');
  const sessionMs = config.get('group.consumer.session.timeout.ms');
  if (heartbeatMs >= sessionMs) {
    problems.push(
      `group.consumer.heartbeat.interval.ms = ${heartbeatMs} must be below group.consumer.session.timeout.ms = ${sessionMs}`,
    );
  }
}
