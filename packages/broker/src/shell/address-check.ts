/**
 * Looks from time to time whether the addresses that clients are told lead back here, and says it when one does not. Nothing depends on it:
 * a node behind a router may be right and unable to see it.
 */
import { parseIp } from '@odradek/base';
import type { Clock, Limits, Logger, Network, NodeConfig, Surroundings, TimerHandle } from '@odradek/base';
import type { Endpoint, MetadataImage } from '@odradek/metadata';
import { addressProblems, isOwnOnly } from '../core/address-check.ts';
import type { AddressProblem, CheckedAddress } from '../core/address-check.ts';
import type { BoundListener } from './listener.ts';

export type AddressCheckOptions = {
  readonly config: NodeConfig;
  readonly network: Network;
  readonly surroundings: Surroundings;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  readonly bound: readonly BoundListener[];
  readonly endpoints: () => readonly Endpoint[];
  readonly image: () => MetadataImage;
};

type Told = Pick<CheckedAddress, 'listener' | 'key' | 'host' | 'port'>;

export class AddressCheck {
  readonly #options: AddressCheckOptions;
  #problems: readonly AddressProblem[] = [];
  #timer: TimerHandle | undefined;
  #isClosed = false;

  constructor(options: AddressCheckOptions) {
    this.#options = options;
    this.#arm(options.limits.addressCheckFirstMs);
  }

  /** What was wrong when it was looked last. */
  get problems(): readonly AddressProblem[] {
    return this.#problems;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #arm(afterMs: number): void {
    const { clock, limits } = this.#options;
    this.#timer = clock.after(afterMs, () => {
      void this.#look().then(() => {
        if (!this.#isClosed) this.#arm(limits.addressCheckMs);
      });
    });
  }

  async #look(): Promise<void> {
    const { config, image, log, endpoints } = this.#options;
    const checked = await Promise.all(
      endpoints()
        .flatMap(toldOf)
        .map((told) => this.#check(told)),
    );
    if (this.#isClosed) return;
    const around = { image: image(), nodeId: config.nodeId, interBroker: config.interBrokerListener };
    const before = this.#problems;
    this.#problems = addressProblems(checked, around);
    for (const { listener, kind, what, advice } of this.#problems) {
      if (!before.some((other) => other.what === what)) log.warn({ listener, kind }, `${what}: ${advice}`);
    }
    if (before.length > 0 && this.#problems.length === 0) log.info({}, 'the advertised addresses lead here again');
  }

  async #check(told: Told): Promise<CheckedAddress> {
    const { surroundings, limits } = this.#options;
    const { host } = told;
    const resolved = parseIp(host) === undefined ? await surroundings.lookup(host, limits.addressCheckMaxMs) : [host];
    const isAnswered = resolved.length === 0 || this.#isListenedOn(told, resolved);
    return { ...told, resolved, unreached: isAnswered ? undefined : await this.#dial(told) };
  }

  /** An address of this machine with the port of the listener need not be dialled. */
  #isListenedOn({ listener, port }: Told, resolved: readonly string[]): boolean {
    const bound = this.#options.bound.find(({ name }) => name === listener);
    if (bound === undefined || bound.port !== port) return false;
    const own = this.#options.surroundings.facts().addresses.map(({ address }) => address);
    return resolved.every((address) => own.includes(address) || isOwnOnly([address]));
  }

  async #dial({ host, port }: Told): Promise<string | undefined> {
    const { network, limits } = this.#options;
    try {
      const socket = await network.connect(host, port, limits.addressCheckMaxMs);
      socket.destroy();
      return undefined;
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause);
    }
  }
}

/** Of a listener that names no host, only the address outside was given by somebody. */
function toldOf({ name: listener, host, port, auto }: Endpoint): Told[] {
  if (auto === null || auto === undefined) return [{ listener, key: 'advertised.listeners', host, port }];
  const { host: outside, port: outsidePort } = auto.outside;
  return outside === null ? [] : [{ listener, key: 'odradek.advertised.outside', host: outside, port: outsidePort }];
}
