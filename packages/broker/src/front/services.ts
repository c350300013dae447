/** What the handlers at a controller's listener may touch, made of the controller beside it. */
import type { Limits, Logger, LoggerLevels, NodeConfig, Outcome } from '@odradek/base';
import type { AdminReply, AdminRequest, ForRequest, MetadataImage } from '@odradek/metadata';
import { ConfigResourceType } from '@odradek/protocol';
import type { Authorizer } from '../core/authorizer.ts';
import type { AdminServices, AdvertisedApi, HandlerOf, TurnsPort } from '../handlers/context.ts';
import type { ApiKey } from '@odradek/protocol';

/**
 * The controller of this node. Who is not the active one refuses with NOT_CONTROLLER: clients look for the active one by themselves
 * (KIP-919), so nothing is handed on from here.
 */
export interface FrontController {
  /** The committed metadata as this controller has applied it. */
  image(): MetadataImage;
  /** Resolves once the result is committed and in `image()`. */
  admin(
    request: AdminRequest,
    principal: string,
    of: ForRequest,
  ): Promise<Outcome<{ readonly reply: AdminReply<AdminRequest>; readonly committedOffset: number }>>;
  /** Who leads the quorum, as far as this controller knows. */
  leader(): {
    readonly nodeId: number | null;
    readonly epoch: number;
    readonly endpoint: { readonly host: string; readonly port: number } | undefined;
  };
  /** Who votes in it, and where each is reached. */
  voters(): readonly {
    readonly id: number;
    readonly endpoints: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  }[];
}

export type FrontServices = AdminServices & Pick<FrontController, 'leader' | 'voters'>;
/** The handler of an API that only controllers have, or that they answer in their own way. */
export type FrontHandlerOf<K extends ApiKey> = HandlerOf<K, FrontServices>;

export type FrontRooms = {
  readonly controller: FrontController;
  readonly clusterId: string;
  readonly config: NodeConfig;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly limits: Limits;
  readonly turns: TurnsPort;
  readonly authorizer: Authorizer;
  readonly logLevels: LoggerLevels;
  readonly advertised: readonly AdvertisedApi[];
};

export function frontServices(rooms: FrontRooms): FrontServices {
  const { controller, config, advertised, ...shared } = rooms;
  const live = new LiveConfig(config, controller);
  return {
    ...shared,
    role: 'controller',
    nodeId: config.nodeId,
    config: () => live.current,
    image: () => controller.image(),
    async admin<R extends AdminRequest>(
      request: R,
      principal: string,
      requestId: string,
    ): Promise<Outcome<AdminReply<R>>> {
      const outcome = await controller.admin(request, principal, { request: requestId });
      // The controller answers a request in its own kind.
      return outcome.ok ? { ok: true, value: outcome.value.reply as AdminReply<R> } : outcome;
    },
    advertised: () => advertised,
    leader: () => controller.leader(),
    voters: () => controller.voters(),
  };
}

/** This node's properties under what the cluster has set for it; read anew when the metadata has moved on. */
class LiveConfig {
  readonly #nodeId: number;
  readonly #controller: FrontController;
  #config: NodeConfig;
  #readAt = -1;

  constructor(config: NodeConfig, controller: FrontController) {
    this.#config = config;
    this.#nodeId = config.nodeId;
    this.#controller = controller;
  }

  get current(): NodeConfig {
    const { configs, endOffset } = this.#controller.image();
    if (endOffset === this.#readAt) return this.#config;
    this.#readAt = endOffset;
    const { BROKER } = ConfigResourceType;
    // Copied: the image changes its maps in place, and a configuration remembers what it has read.
    const own = new Map(configs.of(BROKER, String(this.#nodeId)));
    this.#config = this.#config.withDynamic(own, new Map(configs.of(BROKER, '')));
    return this.#config;
  }
}
