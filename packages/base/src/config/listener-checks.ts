/** Listeners: which of them belong to which role, what is told of them, and whether they can be bound side by side. */
import { AUTO_HOST, formatListener, parseListeners, parseOutside, parseProtocolMap } from './listeners.ts';
import type { ListenerAddress, SecurityProtocol } from './listeners.ts';
import type { NodeConfig } from './node-config.ts';

type Told = { readonly problems: string[]; readonly warnings: string[] };
type Given = {
  readonly bound: readonly ListenerAddress[];
  readonly advertised: readonly ListenerAddress[];
  readonly map: ReadonlyMap<string, SecurityProtocol>;
};

export function checkListeners(config: NodeConfig, told: Told): void {
  const bound = parseListeners(config.get('listeners'));
  const advertised = parseListeners(config.get('advertised.listeners'));
  const map = parseProtocolMap(config.get('listener.security.protocol.map'));
  if (!bound.ok || !advertised.ok || !map.ok) return; // told with the single values
  const given: Given = { bound: bound.listeners, advertised: advertised.listeners, map: map.map };
  const { problems } = told;
  for (const listener of bound.listeners.filter(({ host }) => host === AUTO_HOST)) {
    problems.push(
      `listeners: ${listener.name}://${AUTO_HOST} is no address to listen on: auto belongs to advertised.listeners, here leave the host empty`,
    );
  }
  checkProtocols(config, given, problems);
  checkCollisions(config, given.bound, problems);
  if (config.hasRole('controller')) checkControllerListeners(config, given, problems);
  else checkListenersOfControllers(config, given, told);
  if (config.hasRole('broker') && given.bound.every(({ name }) => config.isControllerListener(name))) {
    problems.push(
      `listeners = ${config.get('listeners').join(',')}: all of them are controller listeners (controller.listener.names), so clients have none`,
    );
    return;
  }
  checkAdvertised(config, given, told);
  checkOutside(config, given, told);
  if (config.hasRole('broker')) checkInterBroker(config, given.bound, problems);
}

function checkProtocols(config: NodeConfig, { bound, map }: Given, problems: string[]): void {
  const mapGiven = config.isSet('listener.security.protocol.map');
  for (const listener of bound) {
    const protocol = map.get(listener.name);
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
}

/** A node with the controller role: others must find its listeners, and a controller alone serves nobody else. */
function checkControllerListeners(config: NodeConfig, { bound }: Given, problems: string[]): void {
  const text = config.get('listeners').join(',');
  const names = config.get('controller.listener.names');
  const own = bound.filter(({ name }) => config.isControllerListener(name));
  const hasOthers = config.get('controller.quorum.voters').length > 1 || !config.hasRole('broker');
  if (own.length === 0 && (hasOthers || config.get('controller.quorum.bootstrap.servers').length > 0)) {
    problems.push(
      `controller.listener.names = ${names.join(',')}: none of them is in listeners = ${text}, so that no other node reaches this controller`,
    );
  } else if (config.isSet('controller.listener.names')) {
    const missing = names.find((name) => own.every((listener) => listener.name !== name.toUpperCase()));
    if (missing !== undefined) {
      problems.push(
        `controller.listener.names: ${missing} is not among listeners = ${text}, as it must be on a node with the controller role`,
      );
    }
  }
  if (!config.hasRole('broker') && own.length < bound.length) {
    const others = bound.filter(({ name }) => !config.isControllerListener(name)).map(formatListener);
    problems.push(
      `listeners: ${others.join(', ')} is no controller listener, and process.roles = controller has no others: ` +
        'leave it out, or name it in controller.listener.names',
    );
  }
}

/** A broker alone: the names are those of listeners elsewhere, which it dials. */
function checkListenersOfControllers(config: NodeConfig, { bound, map }: Given, told: Told): void {
  const names = config.get('controller.listener.names').map((name) => name.toUpperCase());
  const own = bound.find(({ name }) => config.isControllerListener(name));
  if (own !== undefined) {
    told.problems.push(
      `listeners: ${formatListener(own)} is a controller listener (controller.listener.names), and process.roles = broker has none: leave it out`,
    );
  }
  for (const name of names) {
    const protocol = map.get(name);
    if (protocol === undefined && config.isSet('listener.security.protocol.map')) {
      told.problems.push(
        `controller.listener.names: ${name} has no security protocol: add ${name}:PLAINTEXT to listener.security.protocol.map`,
      );
    } else if (protocol !== undefined && protocol !== 'PLAINTEXT') {
      told.problems.push(
        `controller.listener.names: ${name} uses ${protocol}, which is not built yet: use PLAINTEXT on a network that you trust`,
      );
    }
  }
  if (names.length > 1) {
    told.warnings.push(
      `controller.listener.names = ${names.join(',')}: a broker dials the controllers by the first of them only`,
    );
  }
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

function checkAdvertised(config: NodeConfig, { bound, advertised }: Given, { problems, warnings }: Told): void {
  if (!config.isSet('advertised.listeners')) return;
  const names = bound.map(({ name }) => name);
  for (const listener of advertised) {
    const text = formatListener(listener);
    const role = config.isControllerListener(listener.name) ? 'controller' : 'broker';
    if (!names.includes(listener.name) && !config.hasRole(role)) {
      warnings.push(
        `advertised.listeners: ${text} is of the ${role} role, which this node does not have; it is ignored`,
      );
    } else if (!names.includes(listener.name)) {
      problems.push(`advertised.listeners: ${text} is not among listeners (${names.join(', ')})`);
    }
    if (listener.host === '0.0.0.0') {
      problems.push(
        `advertised.listeners: ${text} is no address that a client can reach: name a host or leave it empty`,
      );
    }
  }
  const between = config.interBrokerListener;
  const isMissing = names.includes(between) && !advertised.some(({ name }) => name === between);
  if (config.hasRole('broker') && isMissing) {
    problems.push(`advertised.listeners: ${between} is missing, which other brokers use (inter.broker.listener.name)`);
  }
}

/** Outside addresses count for listeners that are advertised as `auto` (or without a host). */
function checkOutside(config: NodeConfig, { bound }: Given, { problems, warnings }: Told): void {
  const texts = config.get('odradek.advertised.outside');
  if (texts.length === 0 || !config.hasRole('broker')) return;
  const open = config.advertisedListeners.filter(({ host }) => host === '').map(({ name }) => name);
  const addresses = texts.flatMap((text) => parseOutside(text) ?? []);
  for (const { listener } of addresses) {
    if (listener !== null && !bound.some(({ name }) => name === listener)) {
      problems.push(`odradek.advertised.outside: ${listener} is not among listeners`);
    } else if (listener === null ? open.length === 0 : !open.includes(listener)) {
      warnings.push(
        `odradek.advertised.outside = ${texts.join(',')}: it counts for listeners that are advertised as auto, and ` +
          `${listener === null ? 'none is' : `${listener} is not`}`,
      );
    }
  }
  const listeners = addresses.map(({ listener }) => listener);
  const twice = listeners.find((name, at) => listeners.indexOf(name) !== at);
  if (twice !== undefined)
    problems.push(`odradek.advertised.outside names ${twice ?? 'an address for all listeners'} twice: keep one`);
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
