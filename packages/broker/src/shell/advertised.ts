/** What clients are told of this broker's own addresses. */
import type { NodeConfig } from '@odradek/base';
import type { Endpoint } from '@odradek/metadata';
import { SecurityProtocol } from '@odradek/protocol';
import type { BoundListener } from './listener.ts';

/** Hosts that name no machine: every address is listened on. */
const EVERYWHERE: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

/**
 * `advertised.listeners`, completed by what was bound where they leave the port open, and by the machine's name where they leave the host
 * open: that name is for other brokers, since clients of such a listener are told the address that they came in by.
 */
export function advertisedEndpoints(bound: readonly BoundListener[], config: NodeConfig, hostName: string): Endpoint[] {
  return bound.map(({ name, port }) => {
    const told = config.advertisedListeners.find((each) => each.name === name);
    return {
      name,
      host: told === undefined || EVERYWHERE.has(told.host) ? hostName : told.host,
      port: told === undefined || told.port === 0 ? port : told.port,
      securityProtocol: SecurityProtocol[told?.securityProtocol ?? 'PLAINTEXT'],
    };
  });
}

/** The listeners that name no host to be advertised. */
export function openListeners(config: NodeConfig): ReadonlySet<string> {
  const told = config.advertisedListeners;
  const open = config.brokerListeners.filter(({ name }) => {
    const row = told.find((each) => each.name === name);
    return row === undefined || EVERYWHERE.has(row.host);
  });
  return new Set(open.map(({ name }) => name));
}

/** What a client is told that came in by an address of this machine. Some clients cannot read `::1:9092`, and both families are listened on. */
export function hostFor(localAddress: string): string {
  return localAddress === '::1' ? 'localhost' : localAddress;
}
