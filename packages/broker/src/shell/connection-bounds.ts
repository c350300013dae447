/** Connection limits as the configuration says them. */
import type { NodeConfig } from '@odradek/base';
import type { ConnectionBounds } from '../core/connection-counts.ts';

/** @returns what is asked at each connection; the configuration is read anew only when it has changed */
export function connectionBoundsOf(config: () => NodeConfig): () => ConnectionBounds {
  let readFrom = config();
  let bounds = boundsOf(readFrom);
  return () => {
    const current = config();
    if (current !== readFrom) {
      readFrom = current;
      bounds = boundsOf(current);
    }
    return bounds;
  };
}

function boundsOf(config: NodeConfig): ConnectionBounds {
  const perIpOverrides = new Map<string, number>();
  for (const entry of config.get('max.connections.per.ip.overrides').split(',')) {
    const colon = entry.lastIndexOf(':');
    if (colon > 0)
      perIpOverrides.set(
        entry
          .slice(0, colon)
          .trim()
          .replace(/^\[|\]$/g, ''),
        Number(entry.slice(colon + 1)),
      );
  }
  const maxPerListener = new Map<string, number>();
  for (const { name } of [...config.brokerListeners, ...config.controllerListeners]) {
    const own = config.layers.staticBroker.get(`listener.name.${name.toLowerCase()}.max.connections`);
    if (own !== undefined && /^\d{1,10}$/.test(own.trim())) maxPerListener.set(name, Number(own));
  }
  return {
    max: config.get('max.connections'),
    maxPerIp: config.get('max.connections.per.ip'),
    perIpOverrides,
    maxPerListener,
  };
}
