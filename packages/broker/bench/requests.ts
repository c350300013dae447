/**
 * What a request costs beside its handler: frame, header, gate, decode, encode, order, write. A socket that takes everything at once
 * stands for the network, and the cheapest handler there is for the work. `node packages/broker/bench/requests.ts [requests]`
 */
import { limits, LoggerLevels, MetricsRegistry, NodeConfig, silent } from '@odradek/base';
import type { Socket } from '@odradek/base';
import { systemClock } from '@odradek/base/system';
import { MetadataImage } from '@odradek/metadata';
import { encodeRequest } from '@odradek/protocol';
import { allowAll } from '../src/core/authorizer.ts';
import { ByteBudget } from '../src/core/byte-budget.ts';
import { Gate } from '../src/gate.ts';
import type { Services } from '../src/handlers/context.ts';
import { advertised, handlers } from '../src/handlers/registry.ts';
import { Connection } from '../src/shell/connection.ts';
import { Requests } from '../src/shell/requests.ts';
import { Turns } from '../src/shell/turns.ts';

class FastSocket implements Socket {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  chunks = 0;
  paused = false;
  take: (bytes: Buffer) => void = () => {};
  write(chunks: readonly Uint8Array[]): boolean {
    this.chunks += chunks.length;
    return true;
  }
  queuedBytes(): number {
    return 0;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {}
  destroy(): void {}
  onData(take: (bytes: Buffer) => void): void {
    this.take = take;
  }
  onDrain(): void {}
  onClose(): void {}
}

/** A connection whose turn is over is not read before its next. */
async function readInto(socket: FastSocket, read: Buffer): Promise<void> {
  while (socket.paused) await new Promise((resolve) => setImmediate(resolve));
  socket.take(read);
}

const total = Number(process.argv[2] ?? 1_000_000);
const image = new MetadataImage();
const config = new NodeConfig(new Map([['node.id', '1']]));
// Handlers of this bench touch no more than these.
const services = {
  nodeId: 1,
  clusterId: 'bench',
  limits: limits.production,
  log: silent,
  image: () => image,
  config: () => config,
  authorizer: allowAll,
  advertised: () => advertised,
} as unknown as Services;
const requests = new Requests({
  gate: new Gate(handlers, allowAll),
  services,
  clock: systemClock,
  log: silent,
  levels: new LoggerLevels(),
  metrics: new MetricsRegistry(),
  bug: (error) => {
    throw error;
  },
});

const kinds = {
  'ListConfigResources 0 (flexible header)': encodeRequest(74, 0, { correlationId: 1, clientId: 'bench' }, {}),
  'Metadata 12, no topic': encodeRequest(3, 12, { correlationId: 1, clientId: 'bench' }, { topics: [] }),
  'ApiVersions 4': encodeRequest(
    18,
    4,
    { correlationId: 1, clientId: 'bench' },
    { clientSoftwareName: 'bench', clientSoftwareVersion: '1' },
  ),
};

for (const [name, parts] of Object.entries(kinds)) {
  for (const perRead of [1, 20]) {
    const socket = new FastSocket();
    const connection = new Connection(1, 'PLAINTEXT', socket, {
      clock: systemClock,
      limits: limits.production,
      frameBytesMax: 100 * 1024 * 1024,
      budget: new ByteBudget(limits.production.brokerQueuedBytesMax),
      turns: new Turns(systemClock, limits.production),
      start: (frame, at, slot) => requests.start(frame, at, slot),
      misused: (_connection, misuse, why) => console.log(misuse, why),
      refused: (_connection, why) => console.log(why),
      closed: () => {},
      paused: () => {},
    });
    const read = Buffer.concat(Array.from({ length: perRead }, () => Buffer.concat(parts)));
    for (let warm = 0; warm < 20_000 / perRead; warm += 1) await readInto(socket, read);
    const from = process.cpuUsage();
    for (let done = 0; done < total; done += perRead)
      if (socket.paused) await readInto(socket, read);
      else socket.take(read);
    const used = process.cpuUsage(from);
    const microseconds = (used.user + used.system) / total;
    console.log(
      `${name}, ${perRead} a read: ${microseconds.toFixed(2)} µs of CPU each (${connection.inFlightCount} waiting)`,
    );
  }
}
