/**
 * A network of hosts on this machine, each a network namespace of its own, joined by a bridge: what real processes say to each other can be
 * cut, one way or both, without either side being told (packets vanish, nothing is refused). Only root can make one.
 */
import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { found, missing, must, type Found } from './run.ts';

const HOSTS_MAX = 200;
const SUBNETS = 250;
const FIRST_HOST = 10;
const COMMAND_WITHIN_MS = 10_000;
/** A station that is nobody's: frames to it are carried and thrown away. */
const NOBODY = '02:00:00:de:ad:01';

let created = 0;

const succeeds = (...[file = '', ...args]: string[]): boolean => spawnSync(file, args).status === 0;

/** Whether this user may make namespaces and join them, tried out. */
export function networkNamespaces(): Found<() => Promise<PrivateNetwork>> {
  const name = `odt${process.pid}`;
  const may = succeeds('ip', 'netns', 'add', name) && succeeds('ip', 'netns', 'del', name);
  return may ? found(() => PrivateNetwork.create()) : missing('this user may not make network namespaces (ip netns)');
}

export class PrivateNetwork implements AsyncDisposable {
  readonly #tag: string;
  readonly #prefix: string;
  /** iptables where it is; elsewhere a neighbour entry that leads nowhere does the same for one direction. */
  readonly #hasIptables: boolean;
  #hosts = 0;
  readonly #cuts = new Set<string>();

  private constructor(tag: string, prefix: string) {
    this.#tag = tag;
    this.#prefix = prefix;
    this.#hasIptables = succeeds('iptables', '-w', '-L', '-n');
  }

  static async create(): Promise<PrivateNetwork> {
    created += 1;
    const network = new PrivateNetwork(`${process.pid.toString(36)}${created}`, freePrefix());
    const bridge = network.#bridge;
    await shell(
      `ip link add ${bridge} type bridge`,
      `ip addr add ${network.gateway}/24 dev ${bridge}`,
      `ip link set ${bridge} up`,
      ...(network.#hasIptables ? [network.#passage('-I')] : []),
    );
    return network;
  }

  /** A new host. @returns its number, from 1 on */
  async addHost(): Promise<number> {
    const host = (this.#hosts += 1);
    if (host > HOSTS_MAX) throw new Error(`a private network has at most ${HOSTS_MAX} hosts`);
    const [namespace, cable] = [this.#namespace(host), `odv${this.#tag}.${host}`];
    await shell(
      `ip netns add ${namespace}`,
      `ip link add ${cable} type veth peer name eth0 netns ${namespace}`,
      `ip link set ${cable} master ${this.#bridge}`,
      `ip link set ${cable} up`,
      `ip -n ${namespace} addr add ${this.address(host)}/24 dev eth0`,
      `ip -n ${namespace} link set eth0 up`,
      `ip -n ${namespace} link set lo up`,
    );
    return host;
  }

  /** From now on what is for elsewhere leaves that host through this machine: to it, this machine is the gateway. */
  async leadOut(...hosts: readonly number[]): Promise<void> {
    await shell(...hosts.map((host) => `ip -n ${this.#namespace(host)} route add default via ${this.gateway}`));
  }

  /** The address of this machine on the network. */
  get gateway(): string {
    return `${this.#prefix}.1`;
  }

  /** The host has another address from now on, which nobody had; what was connected to the old one hears nothing more. @returns it */
  async readdress(host: number): Promise<string> {
    const next = `${this.#prefix}.${FIRST_HOST + HOSTS_MAX + host}`;
    const namespace = this.#namespace(host);
    await shell(
      `ip -n ${namespace} addr flush dev eth0 scope global`,
      `ip -n ${namespace} addr add ${next}/24 dev eth0`,
      `ip -n ${namespace} route replace default via ${this.gateway}`,
    );
    return next;
  }

  address(host: number): string {
    return `${this.#prefix}.${FIRST_HOST + host}`;
  }

  /** What a command begins with to run on that host; the process that is started becomes the command itself. */
  launcher(host: number): string[] {
    return ['ip', 'netns', 'exec', this.#namespace(host)];
  }

  /** From now on nothing that `from` sends reaches `to`; neither is told. Connections stay open, and go on when it is healed in time. */
  async cut(...pairs: readonly (readonly [from: number, to: number])[]): Promise<void> {
    const fresh = pairs.filter(([from, to]) => !this.#cuts.has(`${from} ${to}`));
    for (const [from, to] of fresh) this.#cuts.add(`${from} ${to}`);
    await shell(...fresh.map(([from, to]) => this.#rule('cut', from, to)));
  }

  /** Nothing is cut any more. */
  async heal(): Promise<void> {
    const pairs = [...this.#cuts].map((cut) => cut.split(' ').map(Number));
    this.#cuts.clear();
    await shell(...pairs.map(([from = 0, to = 0]) => this.#rule('heal', from, to)));
  }

  /** The processes on the hosts must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const hosts = Array.from({ length: this.#hosts }, (_, index) => this.#namespace(index + 1));
    const passage = this.#hasIptables ? [this.#passage('-D')] : [];
    await shell(...hosts.map((namespace) => `ip netns del ${namespace}`), ...passage, `ip link del ${this.#bridge}`);
  }

  /** Docker has bridged packets go through a chain that drops what is not its own. */
  #passage(verb: '-I' | '-D'): string {
    return `iptables -w ${verb} FORWARD -i ${this.#bridge} -o ${this.#bridge} -j ACCEPT`;
  }

  get #bridge(): string {
    return `odb${this.#tag}`;
  }

  #namespace(host: number): string {
    return `odradek-${this.#tag}-${host}`;
  }

  #rule(what: 'cut' | 'heal', from: number, to: number): string {
    if (this.#hasIptables) {
      const verb = what === 'cut' ? '-A' : '-D';
      return `ip netns exec ${this.#namespace(to)} iptables -w ${verb} INPUT -s ${this.address(from)} -j DROP`;
    }
    const neighbour = `${this.address(to)} dev eth0`;
    const verb = what === 'cut' ? `replace ${neighbour} lladdr ${NOBODY} nud permanent` : `del ${neighbour}`;
    return `ip -n ${this.#namespace(from)} neigh ${verb}`;
  }
}

/** A private range that no interface of this machine has, apart for each process that asks at the same time. */
function freePrefix(): string {
  const taken = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address));
  for (let at = 0; at < SUBNETS; at += 1) {
    const prefix = `10.231.${1 + ((process.pid + at) % SUBNETS)}`;
    if (!taken.some((address) => address?.startsWith(`${prefix}.`) ?? false)) return prefix;
  }
  throw new Error('no private range is free for a network of namespaces');
}

/** All in one shell: between the first and the last there is no turn of this process. */
async function shell(...commands: readonly string[]): Promise<void> {
  if (commands.length > 0) await must(['sh', '-ec', commands.join('\n')], { withinMs: COMMAND_WITHIN_MS });
}
