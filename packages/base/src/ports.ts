/**
 * Every door to the world. Production uses `shell/system.ts`; the simulator and the test kit hand in others.
 * Nothing outside a shell touches a clock, luck, a file or a socket except through these.
 */
import type { Duplex } from 'node:stream';

export type TimerHandle = { cancel(): void };

export interface Clock {
  /** Wall clock, milliseconds since the epoch: for timestamps that people and records see. */
  nowMs(): number;
  /** Monotonic milliseconds with fractions: for durations and deadlines. */
  monotonicMs(): number;
  /**
   * Calls `fire` once after at least `delayMs`; with 0, as soon as others have had their turn. A pending timer does not keep the process
   * alive, unless the delay is 0: a start has nothing else that holds the process yet.
   */
  after(delayMs: number, fire: () => void): TimerHandle;
}

export interface Random {
  /** Uniform integer in [0, bound). `bound` in [1, 2^32]. */
  below(bound: number): number;
  bytes(count: number): Uint8Array;
}

/** An open file. Positions and lengths are bytes. Every method throws `StorageFault` when the world fails. */
export interface FileHandle {
  readonly path: string;
  sizeBytes(): number;
  /** Reads up to `lengthBytes` into `into` at `at`; returns the bytes read, fewer only at the end of the file. */
  readSync(into: Uint8Array, at: number, lengthBytes: number, position: number): number;
  read(into: Uint8Array, at: number, lengthBytes: number, position: number): Promise<number>;
  /** Writes all of the bytes at `position` (gathered), or throws: after a throw the file may hold any prefix of them. */
  writeSync(chunks: readonly Uint8Array[], position: number): void;
  truncateSync(sizeBytes: number): void;
  /** Durable when it returns: data and the metadata needed to read it back (fdatasync). */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

/** - `read`: must exist; `write`: read and write, created when missing; `create`: as write, but must not exist. */
export type OpenMode = 'read' | 'write' | 'create';

export type FileStat = { readonly kind: 'file' | 'directory'; readonly sizeBytes: number; readonly modifiedMs: number };

/** A tree of files. Paths are absolute. Directory changes (create, rename, remove) are durable after `syncDirectory` of the parent. */
export interface Files {
  /** Another thread of this process finds the same files under the same paths. */
  readonly seenByThreads?: boolean;
  open(path: string, mode: OpenMode): FileHandle;
  stat(path: string): FileStat | undefined;
  /** Names of the entries, sorted; empty when the directory is missing. */
  list(directory: string): string[];
  makeDirectory(path: string): void;
  rename(from: string, to: string): void;
  /** Removes a file, or a directory with all below it; fine when it is missing. */
  remove(path: string): void;
  /** As {@link remove}, without holding the caller: giving back the blocks of a large file takes the kernel long. */
  removeLater(path: string): Promise<void>;
  syncDirectory(path: string): void;
  /** The same without holding the caller: durable when it resolves. */
  syncDirectoryLater(path: string): Promise<void>;
  /**
   * Makes everything on the file system of `path` durable, names included: for thousands of files at once.
   * @returns false: the machine has no such call or it failed, and nothing can be said of any file
   */
  syncFileSystem(path: string): Promise<boolean>;
  /** Bytes that may still be written on the file system of `path`. */
  freeBytes(path: string): number;
  /** Size of the file system of `path`. */
  totalBytes(path: string): number;
  /** Takes an exclusive lock on `path` for the life of the process; false when another process holds it. */
  lock(path: string): boolean;
  unlock(path: string): void;
}

/** One byte stream. Reading is pushed, writing has backpressure: `write` returns false when the peer reads too slowly. */
export interface Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Gathered write; the chunks must not be changed afterwards. */
  write(chunks: readonly Uint8Array[]): boolean;
  /** Bytes handed to `write` and not yet taken by the peer's side. */
  queuedBytes(): number;
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
  onData(take: (bytes: Buffer) => void): void;
  onDrain(drained: () => void): void;
  /** Called once, with the reason when it was not an orderly end. */
  onClose(closed: (cause?: Error) => void): void;
  /**
   * Hands the stream to another protocol's server: `unread` is put back before what comes, `onData` and `onDrain` hear no more, `onClose`
   * still does. Only sockets of the real world have it.
   */
  release?(unread: Uint8Array): Duplex;
}

export interface Listening {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface Network {
  /** `host` '' means every address of both families. Port 0 takes a free one. Throws with the system's code when it is in use. */
  listen(host: string, port: number, accept: (socket: Socket) => void): Promise<Listening>;
  connect(host: string, port: number, deadlineMs: number): Promise<Socket>;
}

/** @property prefixLength of the network that the interface is on */
export type InterfaceAddress = {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
};

/** Where a machine stands in its networks. */
export type NetworkFacts = {
  /** Of interfaces that are up, loopback among them, in the system's order. */
  readonly addresses: readonly InterfaceAddress[];
  /** Default gateways. */
  readonly gateways: readonly { readonly interface: string; readonly address: string }[];
  /** `container`: ports that an engine publishes are reached through the gateway. `pod`: Kubernetes, where they are not. */
  readonly kind: 'machine' | 'container' | 'pod';
};

/** What the machine can say of the networks around it. They change while it runs: an answer counts for a moment. */
export interface Surroundings {
  facts(): NetworkFacts;
  /** The addresses that connections to this name would go to, from here: hosts files count. Empty: none, or not within `deadlineMs`. */
  lookup(name: string, deadlineMs: number): Promise<readonly string[]>;
  /** The addresses that the name servers tell, which others hear too: hosts files do not count. Empty as for {@link lookup}. */
  askNameServers(name: string, deadlineMs: number): Promise<readonly string[]>;
}

export type Ports = {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
  /** Left out: nothing is known of the networks around. */
  readonly surroundings?: Surroundings;
};
