/** Typed reading of configuration, for those who act by it. */
import { assert } from '../assert.ts';
import type { BrokerKey, BrokerValue } from './broker.ts';
import type { Value, ValueOf } from './declare.ts';
import type { groupKeys } from './group.ts';
import { groupTable, noOverrides, resolveBroker, resolveOverride, topicTable } from './layers.ts';
import type { Layers, Overrides } from './layers.ts';
import { AUTO_HOST, formatListener, parseListeners, parseOutside, parseProtocolMap } from './listeners.ts';
import type { ListenerAddress, OutsideAddress, SecurityProtocol } from './listeners.ts';
import { parseServer, parseVoter } from './quorum.ts';
import type { QuorumView } from './quorum.ts';
import type { topicKeys } from './topic.ts';

export type TopicKey = keyof typeof topicKeys;
export type GroupKey = keyof typeof groupKeys;
export type TopicValue<K extends TopicKey> = ValueOf<(typeof topicKeys)[K]>;
export type GroupValue<K extends GroupKey> = ValueOf<(typeof groupKeys)[K]>;

export type Listener = ListenerAddress & { readonly securityProtocol: SecurityProtocol };

/**
 * What a node goes by: its properties under the dynamic values of the cluster. Immutable; `withDynamic` makes the next one. Only values
 * that passed their checks get in (`loadNodeConfig`, `validateBrokerConfig`), so reading never fails.
 */
export class NodeConfig {
  readonly layers: Layers;
  readonly #read = new Map<string, Value>();

  constructor(properties: Overrides, dynamic?: { readonly broker: Overrides; readonly default: Overrides }) {
    this.layers = {
      staticBroker: properties,
      dynamicBroker: dynamic?.broker ?? noOverrides,
      dynamicDefault: dynamic?.default ?? noOverrides,
    };
  }

  /** A number, string, boolean or list; null only for keys whose default is null. "No limit" of a long is `LONG_MAX`. */
  get<K extends BrokerKey>(name: K): BrokerValue<K> {
    let value = this.#read.get(name);
    if (value === undefined) {
      value = resolveBroker(name, this.layers);
      this.#read.set(name, value);
    }
    return value as BrokerValue<K>;
  }

  /** Whether somebody set it, here or for all brokers. */
  isSet(name: BrokerKey): boolean {
    return Object.values(this.layers).some((layer) => layer.has(name));
  }

  withDynamic(broker: Overrides, forAll: Overrides): NodeConfig {
    return new NodeConfig(this.layers.staticBroker, { broker, default: forAll });
  }

  /** The same node, with the ports that were bound where its listeners leave them open (port 0). */
  withPorts(bound: readonly { readonly name: string; readonly port: number }[]): NodeConfig {
    const properties = new Map(this.layers.staticBroker);
    for (const key of ['listeners', 'advertised.listeners'] as const) {
      if (!properties.has(key) && key !== 'listeners') continue;
      const listeners = this.#addresses(this.get(key)).map((listener) => {
        const port = listener.port === 0 ? bound.find(({ name }) => name === listener.name)?.port : undefined;
        return formatListener(port === undefined ? listener : { ...listener, port });
      });
      properties.set(key, listeners.join(','));
    }
    const { dynamicBroker, dynamicDefault } = this.layers;
    return new NodeConfig(properties, { broker: dynamicBroker, default: dynamicDefault });
  }

  /** A topic's values under its own overrides. */
  topic(overrides: Overrides): TopicConfig {
    return new TopicConfig(overrides, this.layers);
  }

  group(overrides: Overrides): GroupConfig {
    return new GroupConfig(overrides, this.layers);
  }

  get nodeId(): number {
    return this.get('node.id');
  }

  hasRole(role: 'broker' | 'controller'): boolean {
    return this.get('process.roles').includes(role);
  }

  /** The data directories, in the order in which they were given. */
  get logDirs(): readonly string[] {
    return this.get('log.dirs');
  }

  /** Where the metadata log lives: `metadata.log.dir`, else the first of `log.dirs`. */
  get metadataLogDir(): string {
    const directory = this.get('metadata.log.dir') ?? this.logDirs[0];
    assert(directory !== undefined, 'a node has a directory');
    return directory;
  }

  /** Listeners of the broker role, to bind. */
  get brokerListeners(): readonly Listener[] {
    return this.#listeners(this.get('listeners')).filter(({ name }) => !this.isControllerListener(name));
  }

  /** Listeners of the controller role, to bind when the node has that role. */
  get controllerListeners(): readonly Listener[] {
    return this.#listeners(this.get('listeners')).filter(({ name }) => this.isControllerListener(name));
  }

  /** What clients are told, by listener name; an empty host (`auto`, or none) means that it depends on the way by which one came. */
  get advertisedListeners(): readonly Listener[] {
    return this.#advertised().filter(({ name }) => !this.isControllerListener(name));
  }

  /** Where this node is reached from outside by a listener that is advertised as `auto`; undefined: nobody has said it. */
  outsideOf(listener: string): OutsideAddress | undefined {
    const told = this.get('odradek.advertised.outside').map((text) => {
      const address = parseOutside(text);
      assert(address !== undefined, 'outside addresses were checked before', { text });
      return address;
    });
    return told.find((each) => each.listener === listener) ?? told.find((each) => each.listener === null);
  }

  /**
   * Where other nodes reach this controller, by listener name: `advertised.listeners` where they name controller listeners, else
   * `listeners` (an empty host: this machine's name).
   */
  get advertisedControllerListeners(): readonly Listener[] {
    const told = this.#advertised();
    return this.controllerListeners.map((bound) => told.find(({ name }) => name === bound.name) ?? bound);
  }

  /** Who keeps the metadata. Voters by name count more than servers to ask, as in Kafka. */
  get quorum(): QuorumView {
    const voters = this.get('controller.quorum.voters').map((text) => {
      const voter = parseVoter(text);
      assert(voter !== undefined, 'voters were checked before', { text });
      return voter;
    });
    if (voters.length > 0) return { kind: 'static', voters: voters.toSorted((a, b) => a.id - b.id) };
    const servers = this.get('controller.quorum.bootstrap.servers').map((text) => {
      const server = parseServer(text);
      assert(server !== undefined, 'bootstrap servers were checked before', { text });
      return server;
    });
    return servers.length > 0 ? { kind: 'bootstrap', servers } : { kind: 'standalone' };
  }

  isControllerListener(name: string): boolean {
    return this.get('controller.listener.names').some((each) => each.toUpperCase() === name);
  }

  /** The listener that brokers use among themselves. */
  get interBrokerListener(): string {
    const named = this.get('inter.broker.listener.name');
    if (named !== null) return named.toUpperCase();
    const protocol = this.get('security.inter.broker.protocol');
    return this.brokerListeners.find(({ securityProtocol }) => securityProtocol === protocol)?.name ?? protocol;
  }

  /** Hosts that name no machine are empty. What is of a role that this node does not have is left out, and may have no protocol. */
  #advertised(): Listener[] {
    const bound = new Set(this.#addresses(this.get('listeners')).map(({ name }) => name));
    const told = this.#addresses(this.get('advertised.listeners')).filter(({ name }) => bound.has(name));
    return this.#secured(told).map((listener) =>
      listener.host === AUTO_HOST || listener.host === '0.0.0.0' ? { ...listener, host: '' } : listener,
    );
  }

  #listeners(entries: readonly string[]): Listener[] {
    return this.#secured(this.#addresses(entries));
  }

  #addresses(entries: readonly string[]): readonly ListenerAddress[] {
    const parsed = parseListeners(entries);
    assert(parsed.ok, 'listeners were checked before', { entries });
    return parsed.listeners;
  }

  #secured(listeners: readonly ListenerAddress[]): Listener[] {
    const map = parseProtocolMap(this.get('listener.security.protocol.map'));
    assert(map.ok, 'listeners were checked before', { listeners });
    return listeners.map((listener) => ({
      ...listener,
      securityProtocol:
        map.map.get(listener.name) ?? (this.isControllerListener(listener.name) ? 'PLAINTEXT' : unmapped(listener)),
    }));
  }
}

function unmapped(listener: ListenerAddress): never {
  assert(false, 'every listener has a protocol', { listener });
}

export class TopicConfig {
  readonly overrides: Overrides;
  readonly #layers: Layers;

  constructor(overrides: Overrides, layers: Layers) {
    this.overrides = overrides;
    this.#layers = layers;
  }

  get<K extends TopicKey>(name: K): TopicValue<K> {
    return resolveOverride(topicTable, name, this.overrides, this.#layers) as TopicValue<K>;
  }
}

export class GroupConfig {
  readonly overrides: Overrides;
  readonly #layers: Layers;

  constructor(overrides: Overrides, layers: Layers) {
    this.overrides = overrides;
    this.#layers = layers;
  }

  get<K extends GroupKey>(name: K): GroupValue<K> {
    return resolveOverride(groupTable, name, this.overrides, this.#layers) as GroupValue<K>;
  }
}
