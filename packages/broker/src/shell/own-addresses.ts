/**
 * Where this broker is reached: what it registers for its listeners, and from where each client sees the brokers. The machine is asked
 * again and again, since its addresses may change while it runs: then the broker registers anew, so that others find it.
 */
import { config as configuration } from '@odradek/base';
import type { Limits, Logger, NetworkFacts, NodeConfig, Ports, TimerHandle } from '@odradek/base';
import type { Endpoint, MetadataImage } from '@odradek/metadata';
import type { AddressProblem } from '../core/address-check.ts';
import { isOpen, ownEndpoint } from '../core/addresses.ts';
import type { OwnListener } from '../core/addresses.ts';
import { Viewpoints } from '../core/viewpoints.ts';
import type { Reach } from '../core/viewpoints.ts';
import { groundOf } from '../core/ways-in.ts';
import type { WayIn } from '../core/ways-in.ts';
import { AddressCheck } from './address-check.ts';
import type { BoundListener } from './listener.ts';

export type OwnAddressesOptions = {
  readonly config: NodeConfig;
  /** What the machine calls itself. */
  readonly hostName: string;
  /** Without surroundings nothing is known of the networks around, and nothing changes. */
  readonly ports: Pick<Ports, 'clock' | 'network' | 'surroundings'>;
  readonly limits: Limits;
  readonly log: Logger;
};

/** What this broker knows of its cluster, and how it tells it. */
export type Standing = {
  readonly image: MetadataImage;
  /** @returns whether the cluster knows it now; if not it is told again */
  moved(endpoints: readonly Endpoint[]): Promise<boolean>;
};

/** Looks at the machine after the start at which name servers are asked for a name that they did not know; and each so many-th later. */
const EAGER_LOOKS = 12;

export class OwnAddresses {
  readonly #options: OwnAddressesOptions;
  readonly #viewpoints: Viewpoints;
  #listeners: readonly OwnListener[] = [];
  #facts: NetworkFacts | undefined;
  #endpoints: readonly Endpoint[] = [];
  #isNameKnown = false;
  /** What the viewpoints go by, as text. */
  #standing = '';
  /** What the cluster knows, as text. */
  #registered = '';
  /** Of which listener, and which way, it was said what somebody may have to set. */
  readonly #said = new Set<string>();
  /** Since the start. */
  #looks = 0;
  #timer: TimerHandle | undefined;
  #check: AddressCheck | undefined;
  #isClosed = false;

  constructor(options: OwnAddressesOptions) {
    this.#options = options;
    this.#viewpoints = new Viewpoints({
      nodeId: options.config.nodeId,
      rememberedMax: options.limits.waysInRememberedMax,
      isNew: (way, listener, clientHost) => this.#tellWay(way, listener, clientHost),
    });
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** What is wrong with what clients are told, as far as this machine can see. */
  get problems(): readonly AddressProblem[] {
    return this.#check?.problems ?? [];
  }

  /** What is to be registered for the listeners that were bound. Takes as long as name servers may take for one answer, at most. */
  async find(bound: readonly BoundListener[]): Promise<readonly Endpoint[]> {
    const { config } = this.#options;
    this.#listeners = bound.map((listener) => ({
      bound: listener,
      told: config.advertisedListeners.find(({ name }) => name === listener.name),
      outside: config.outsideOf(listener.name),
    }));
    this.#facts = this.#look();
    await this.#reckon();
    this.#registered = JSON.stringify(this.#endpoints);
    return this.#endpoints;
  }

  /** How a client sees the brokers. */
  reach(listener: string, clientHost: string, localHost: string): Reach {
    return this.#viewpoints.of(listener, clientHost, localHost);
  }

  /** From now on changes are told, and what is told is looked at. */
  watch(standing: Standing): void {
    const { ports, limits } = this.#options;
    const { surroundings, clock, network } = ports;
    if (surroundings === undefined) return;
    this.#check = new AddressCheck({
      ...this.#options,
      surroundings,
      clock,
      network,
      bound: this.#listeners.map(({ bound }) => bound),
      endpoints: () => this.#endpoints,
      image: () => standing.image,
    });
    if (!this.#listeners.some(isOpen)) return;
    const arm = (): void => {
      if (this.#isClosed) return;
      this.#timer = clock.after(limits.surroundingsLookMs, () => void this.#lookAgain(standing).then(arm));
    };
    arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#check?.close();
  }

  async #lookAgain(standing: Standing): Promise<void> {
    const facts = this.#look();
    this.#looks += 1;
    if (this.#isNameDue() || JSON.stringify(facts) !== JSON.stringify(this.#facts)) {
      this.#facts = facts;
      await this.#reckon();
    }
    const endpoints = this.#endpoints;
    const text = JSON.stringify(endpoints);
    if (text === this.#registered || this.#isClosed) return;
    if (!(await standing.moved(endpoints))) return;
    this.#registered = text;
    const told = endpoints.map((each) => `${each.name}://${configuration.formatAddress(each)}`).join(',');
    this.#options.log.info({ endpoints: told }, `this broker is reached at ${told} from now on`);
  }

  #look(): NetworkFacts | undefined {
    return this.#listeners.some(isOpen) ? this.#options.ports.surroundings?.facts() : undefined;
  }

  /** A name server may be slow, or hear of a container a little later than it starts; or never, and is asked seldom then. */
  #isNameDue(): boolean {
    return !this.#isNameKnown && (this.#looks <= EAGER_LOOKS || this.#looks % EAGER_LOOKS === 0);
  }

  async #reckon(): Promise<void> {
    const { hostName, config } = this.#options;
    const facts = this.#facts;
    this.#isNameKnown = facts !== undefined && (await this.#doOthersKnow(facts));
    const machine = { hostName, facts, isNameKnown: this.#isNameKnown };
    const endpoints = this.#listeners.map((listener) => ownEndpoint(listener, machine));
    const standing = JSON.stringify([endpoints, facts]);
    // What clients are told was worked out already.
    if (standing === this.#standing) return;
    this.#standing = standing;
    this.#endpoints = endpoints;
    this.#viewpoints.stand(this.#endpoints, groundOf(facts, config.get('odradek.advertised.inside.networks')));
  }

  /** Others know this machine by its name when name servers do: its own hosts file tells the name to nobody else. */
  async #doOthersKnow({ addresses }: NetworkFacts): Promise<boolean> {
    const { ports, hostName, limits } = this.#options;
    const found = (await ports.surroundings?.askNameServers(hostName, limits.nameServerMs)) ?? [];
    return found.length > 0 && found.every((address) => addresses.some((own) => own.address === address));
  }

  /** What somebody may have to set is said when the first client comes that may need it. */
  #tellWay(way: WayIn, listener: string, clientHost: string): void {
    const { log } = this.#options;
    const own = this.#endpoints.find(({ name }) => name === listener);
    const auto = own?.auto ?? null;
    if (own === undefined || auto === null || auto.outside.host !== null || this.#said.has(`${listener} ${way.kind}`))
      return;
    this.#said.add(`${listener} ${way.kind}`);
    const advice = 'set odradek.advertised.outside=HOST or HOST:PORT';
    if (way.kind === 'published') {
      log.info(
        { listener, host: clientHost },
        `clients of ${listener} come through a published port: they are told localhost:${auto.outside.port}; if they come from other machines, ${advice}`,
      );
    } else if (way.kind === 'elsewhere' && this.#facts !== undefined && this.#facts.kind !== 'machine') {
      const told = configuration.formatAddress({ host: way.localHost, port: own.port });
      const where = this.#facts.kind;
      const text = `a client of ${listener} at ${clientHost} is on no network of this ${where} and is told ${told}: if it cannot reach that, ${advice}`;
      if (where === 'container') log.warn({ listener, host: clientHost }, text);
      else log.info({ listener, host: clientHost }, text);
    }
  }
}
