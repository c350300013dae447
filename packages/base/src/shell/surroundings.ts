/** The networks around this machine: interfaces as node tells them, gateways as Linux does, names as resolvers do. */
import { lookup as systemLookup, Resolver } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { InterfaceAddress, NetworkFacts, Surroundings } from '../ports.ts';
import { gatewaysOfV4, gatewaysOfV6 } from './routes.ts';

/** Left by Docker and by Podman. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'];
const POD_MARK = '/var/run/secrets/kubernetes.io';

export function systemSurroundings(environment: NodeJS.ProcessEnv = process.env): Surroundings {
  let kind: NetworkFacts['kind'] | undefined;
  return {
    facts() {
      kind ??= kindOf(environment);
      return { addresses: addresses(), gateways: gateways(), kind };
    },
    lookup: (name, deadlineMs) =>
      within(
        deadlineMs,
        systemLookup(name, { all: true }).then((found) => found.map(({ address }) => address)),
      ),
    async askNameServers(name, deadlineMs) {
      const resolver = new Resolver({ timeout: deadlineMs, tries: 1 });
      const families = [resolver.resolve4(name), resolver.resolve6(name)].map((asked) => within(deadlineMs, asked));
      const found = (await Promise.all(families)).flat();
      resolver.cancel();
      return found;
    },
  };
}

function addresses(): InterfaceAddress[] {
  return Object.entries(interfaces()).flatMap(([name, rows]) =>
    (rows ?? []).map(({ address, cidr, family }) => {
      const whole = family === 'IPv6' ? 128 : 32;
      return { interface: name, address, prefixLength: cidr === null ? whole : Number(cidr.split('/')[1]) };
    }),
  );
}

/** Some sandboxes do not let a process ask. */
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch {
    return {};
  }
}

function gateways(): NetworkFacts['gateways'] {
  return [...gatewaysOfV4(textOf('/proc/net/route')), ...gatewaysOfV6(textOf('/proc/net/ipv6_route'))];
}

function kindOf(environment: NodeJS.ProcessEnv): NetworkFacts['kind'] {
  if (environment['KUBERNETES_SERVICE_HOST'] !== undefined || existsSync(POD_MARK)) return 'pod';
  const isContained = environment['container'] !== undefined || CONTAINER_MARKS.some((path) => existsSync(path));
  return isContained ? 'container' : 'machine';
}

/** Systems without such a file have nothing to say: their default gateway matters in Linux containers only. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** A name that is not known, and a resolver that does not answer, are no address. */
async function within(deadlineMs: number, found: Promise<readonly string[]>): Promise<readonly string[]> {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  const late = setTimeout(() => resolve([]), deadlineMs);
  found.then(resolve, () => resolve([]));
  const addressesFound = await promise;
  clearTimeout(late);
  return addressesFound;
}
