/** Reads the parts of snapshots that peers are sent. A snapshot stays pinned while one peer receives it, whatever replaces it meanwhile. */
import type { Message } from '../core/messages.ts';
import type { RaftState } from '../core/state.ts';
import type { PinnedSnapshot } from '../ports.ts';

type SnapshotMessage = Message & { readonly kind: 'snapshot' };

export type SnapshotSenderOptions = {
  readonly pinSnapshot: () => PinnedSnapshot;
  readonly send: (to: number, message: SnapshotMessage) => void;
  /** What the peer was to be sent is there no longer. */
  readonly onGone: (to: number) => void;
  readonly onFault: (cause: unknown) => void;
};

export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #pinned = new Map<number, PinnedSnapshot>();
  /** Resolves when nothing is being read. */
  idle: Promise<void> = Promise.resolve();

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** Puts the bytes into a part that the core wants sent, and sends it. */
  send(to: number, message: SnapshotMessage): void {
    const pinned = this.#pinnedFor(to, message);
    if (pinned === undefined) this.#options.onGone(to);
    else {
      const reading = this.#read(to, message, pinned);
      this.idle = Promise.all([this.idle, reading]).then(() => undefined);
    }
  }

  async #read(to: number, message: SnapshotMessage, pinned: PinnedSnapshot): Promise<void> {
    try {
      const part = await pinned.part(message.position);
      if (this.#pinned.get(to) !== pinned) return;
      if (part === undefined) this.#options.onGone(to);
      else this.#options.send(to, { ...message, ...part });
    } catch (cause) {
      this.#options.onFault(cause);
    }
  }

  #pinnedFor(to: number, { end }: SnapshotMessage): PinnedSnapshot | undefined {
    const known = this.#pinned.get(to);
    if (known?.mark.offset === end.offset && known.mark.epoch === end.epoch) return known;
    this.#release(to);
    const inForce = this.#options.pinSnapshot();
    if (inForce.mark.offset === end.offset && inForce.mark.epoch === end.epoch) {
      this.#pinned.set(to, inForce);
      return inForce;
    }
    inForce.release();
    return undefined;
  }

  /** Lets go of what nobody receives any more. */
  releaseUnused({ role }: RaftState): void {
    for (const [to, { mark }] of this.#pinned) {
      const flow = role.kind === 'leader' ? role.progress.get(to)?.flow : undefined;
      if (flow?.kind !== 'snapshot' || flow.mark.offset !== mark.offset) this.#release(to);
    }
  }

  close(): void {
    for (const to of this.#pinned.keys()) this.#release(to);
  }

  #release(to: number): void {
    this.#pinned.get(to)?.release();
    this.#pinned.delete(to);
  }
}
