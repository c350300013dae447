/** From where clients see the brokers, one viewpoint for each way in, kept: which brokers are told to whom is worked out once for each. */
import type { BrokerImage, Endpoint } from '@odradek/metadata';
import type { Viewpoint } from './addresses.ts';
import { groundOf, wayIn, wayKey } from './ways-in.ts';
import type { Ground, WayIn } from './ways-in.ts';

export type Node = {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly fenced: boolean;
};

/** How a client sees the brokers: through which listener, and from where. @property nodes what was worked out: a broker's image never changes */
export type Reach = Viewpoint & {
  readonly listener: string;
  readonly nodeId: number;
  readonly nodes: WeakMap<BrokerImage, Node>;
};

export type ViewpointsOptions = {
  readonly nodeId: number;
  /** Pairs of addresses that are remembered; beyond it they are worked out anew. */
  readonly rememberedMax: number;
  /** A way on which nobody came before, with the first client's address. */
  readonly isNew?: (way: WayIn, listener: string, clientHost: string) => void;
};

export class Viewpoints {
  readonly #options: ViewpointsOptions;
  #ground: Ground = groundOf(undefined, []);
  #own: readonly Endpoint[] = [];
  readonly #byAddresses = new Map<string, Reach>();
  readonly #byWay = new Map<string, Reach>();

  constructor(options: ViewpointsOptions) {
    this.#options = options;
  }

  /** What this broker registers, and where it stands: both change when the machine's addresses do. */
  stand(own: readonly Endpoint[], ground: Ground): void {
    this.#own = own;
    this.#ground = ground;
    this.#byAddresses.clear();
    this.#byWay.clear();
  }

  of(listener: string, clientHost: string, localHost: string): Reach {
    const addresses = `${listener} ${localHost} ${clientHost}`;
    const known = this.#byAddresses.get(addresses);
    if (known !== undefined) return known;
    const reach = this.#onWay(wayIn(this.#ground, clientHost, localHost), listener, clientHost);
    if (this.#byAddresses.size >= this.#options.rememberedMax) this.#byAddresses.clear();
    this.#byAddresses.set(addresses, reach);
    return reach;
  }

  #onWay(way: WayIn, listener: string, clientHost: string): Reach {
    const key = `${listener} ${wayKey(way)}`;
    const known = this.#byWay.get(key);
    if (known !== undefined) return known;
    const own = this.#own.find(({ name }) => name === listener)?.auto ?? null;
    const reach: Reach = { listener, nodeId: this.#options.nodeId, way, own, nodes: new WeakMap() };
    if (this.#byWay.size >= this.#options.rememberedMax) this.#byWay.clear();
    this.#byWay.set(key, reach);
    this.#options.isNew?.(way, listener, clientHost);
    return reach;
  }
}
