/** Whether clients get where they are sent: the names they begin with, and the addresses that brokers advertise. */
import { showAddress } from '../options.ts';
import type { Check, Seen } from './check.ts';
import type { BrokerFacts, Dialled, Facts, Met, Place } from './facts.ts';

/** Everywhere that a client may be sent from here, with how to speak of it. */
type Told = { readonly place: Place; readonly name: string; readonly broker: BrokerFacts | undefined };

function everyPlace({ bootstrap, brokers }: Facts): Told[] {
  return [
    ...bootstrap.map((place) => ({ place, name: `the bootstrap address ${showAddress(place)}`, broker: undefined })),
    ...brokers.map((broker) => ({ place: broker.place, name: advertised(broker), broker })),
  ];
}

function advertised({ id, place }: BrokerFacts): string {
  return `broker ${id}, advertised as ${showAddress(place)},`;
}

const isKafka = ({ met }: Dialled): boolean => met.kind === 'kafka';
/** Someone is there, but nobody whom a client without TLS and SASL can speak with. */
const isWrong = ({ met }: Dialled): boolean => met.kind !== 'kafka' && met.kind !== 'unreached';
const isUnreached = ({ met }: Dialled): boolean => met.kind === 'unreached';

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.') || host.endsWith('.localhost');
}

function causeOf({ met }: Dialled): string {
  return met.kind === 'unreached' ? met.cause : met.kind;
}

const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ETIMEDOUT: 'nothing answers: a firewall drops it, or the address is of another network',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
};

function why(cause: string): string {
  return `${cause}${causes[cause] === undefined ? '' : `: ${causes[cause]}`}`;
}

const BOOTSTRAP_ADVICE =
  'check that the broker runs, its port, and that its listener is bound to more than its own loopback';

const listenersAdvice = (id: number): string =>
  `set advertised.listeners of broker ${id} to an address that clients here reach (containers: one listener for the ` +
  'inside and one for the host, or PLAINTEXT://auto where the broker is Odradek), and look whether its port is published';

function unknownNames(isAdvertised: boolean, advice: string): Check['find'] {
  return (facts) =>
    everyPlace(facts).flatMap(({ place, name, broker }) =>
      place.unresolved !== undefined && (broker !== undefined) === isAdvertised
        ? [{ what: `${name} has a name that this machine cannot look up (${place.unresolved})`, advice }]
        : [],
    );
}

/** What a broker finds itself, also of listeners that this command does not come by. An address at which it was met here leads somewhere. */
function doubted({ brokers }: Facts): Seen[] {
  return brokers.flatMap(({ id, place, addressProblems }) => {
    const isMet = place.dialled.some(({ met }) => met.kind === 'kafka' && met.brokerId === id);
    const doubts = (addressProblems ?? []).filter(({ what }) => !(isMet && what.includes(`://${showAddress(place)}:`)));
    return doubts.map(({ what, advice }) => ({ what: `broker ${id} says of its ${what}`, advice }));
  });
}

/** A fenced broker is told of for itself. */
function unreached(isAdvertised: boolean): Check['find'] {
  return (facts) =>
    everyPlace(facts)
      .filter(({ broker }) => (broker !== undefined) === isAdvertised && broker?.isFenced !== true)
      .flatMap(({ place: { dialled }, name, broker }): Seen[] => {
        if (dialled.length === 0 || !dialled.every(isUnreached)) return [];
        const ips = dialled.map((each) => `${each.ip} (${why(causeOf(each))})`).join(', ');
        const advice = broker === undefined ? BOOTSTRAP_ADVICE : listenersAdvice(broker.id);
        return [{ what: `${name} cannot be reached from here: ${ips}`, advice }];
      });
}

function oneFamily(facts: Facts): Seen[] {
  return everyPlace(facts).flatMap(({ place, name }): Seen[] => {
    const good = place.dialled.filter(isKafka);
    const bad = place.dialled.filter((each) => !isKafka(each));
    if (good.length === 0 || bad.length === 0) return [];
    const advice =
      `let the broker listen at every address of that name, or use ${good.map(({ ip }) => ip).join(' or ')} in its place: ` +
      'clients that take the first address and no other fail, the rest connect later';
    const told = bad.map((each) => `${each.ip} does not (${why(causeOf(each))})`).join(', ');
    return [{ what: `${name} answers at ${good.map(({ ip }) => ip).join(', ')}, but ${told}`, advice }];
  });
}

/** A finding for everywhere that someone of another kind was met. */
function wrong<K extends Met['kind']>(
  kind: K,
  tell: (met: Extract<Met, { kind: K }>) => Omit<Seen, 'of'>,
): Check['find'] {
  return (facts) =>
    everyPlace(facts).flatMap(({ place, name }): Seen[] => {
      const found = place.dialled.find((each) => isWrong(each) && each.met.kind === kind);
      if (found === undefined) return [];
      const { what, advice } = tell(found.met as Extract<Met, { kind: K }>);
      return [{ what: `${name} ${what}`, advice }];
    });
}

function otherCluster(isAdvertised: boolean): Check['find'] {
  return (facts) =>
    everyPlace(facts)
      .filter(({ broker }) => (broker !== undefined) === isAdvertised)
      .flatMap(({ place, name }): Seen[] => {
        const strangers = place.dialled.flatMap(({ met }) => (met.kind === 'kafka' ? [met.clusterId] : []));
        const stranger = strangers.find((id) => id !== undefined && id !== facts.clusterId);
        if (stranger === undefined || facts.clusterId === undefined) return [];
        const what = `${name} leads to cluster ${stranger}, and the others are of cluster ${facts.clusterId}`;
        const advice = isAdvertised
          ? 'give each cluster addresses and ports of its own: records would go to the wrong one'
          : 'name brokers of one cluster only in the bootstrap list';
        return [{ what, advice }];
      });
}

function otherBroker(facts: Facts): Seen[] {
  return facts.brokers.flatMap((broker): Seen[] => {
    const found = broker.place.dialled.flatMap(({ met }) => (met.kind === 'kafka' ? [met.brokerId] : []));
    const other = found.find((id) => id !== undefined && id !== broker.id);
    if (other === undefined) return [];
    return [{ what: `${advertised(broker)} is where broker ${other} answers`, advice: listenersAdvice(broker.id) }];
  });
}

function shared({ brokers }: Facts): Seen[] {
  const byAddress = new Map<string, number[]>();
  for (const { id, place } of brokers) {
    byAddress.set(showAddress(place), [...(byAddress.get(showAddress(place)) ?? []), id]);
  }
  return [...byAddress]
    .filter(([, ids]) => ids.length > 1)
    .map(([address, ids]) => ({
      what: `brokers ${ids.join(', ')} are all advertised as ${address}: clients cannot tell them apart`,
      advice: 'give each broker an address or a port of its own in advertised.listeners',
    }));
}

function loopback({ bootstrap, brokers }: Facts): Seen[] {
  const cameFromAfar = bootstrap.some((place) => place.dialled.some((each) => isKafka(each) && !isLoopback(each.ip)));
  if (!cameFromAfar) return [];
  return brokers
    .filter(({ place }) => isLoopback(place.host))
    .map((broker) => ({
      what: `${advertised(broker)} sends every client to the client's own machine`,
      advice: listenersAdvice(broker.id),
    }));
}

function wildcard({ brokers }: Facts): Seen[] {
  return brokers
    .filter(({ place }) => place.host === '0.0.0.0' || place.host === '::')
    .map((broker) => ({
      what: `${advertised(broker)} names no machine: that address means "everywhere" to who listens and nothing to who connects`,
      advice: listenersAdvice(broker.id),
    }));
}

function fenced({ brokers }: Facts): Seen[] {
  return brokers
    .filter(({ isFenced }) => isFenced)
    .map(({ id }) => ({
      what: `broker ${id} is registered but fenced: it serves nobody`,
      advice:
        `look whether broker ${id} runs and reaches the active controller (its log says why it is fenced); if it is gone for good, ` +
        `move its replicas (odradek reassign) and then: odradek cluster unregister --id ${id}`,
    }));
}

const area = 'addresses';

export const addressChecks: readonly Check[] = [
  {
    kind: 'bootstrap-name-unknown',
    about: 'A name of the bootstrap list has no address on this machine.',
    area,
    severity: 'error',
    find: unknownNames(false, 'check the spelling, /etc/hosts and the DNS of this machine'),
  },
  {
    kind: 'bootstrap-unreached',
    about: 'Nobody takes a connection at any address of a bootstrap name.',
    area,
    severity: 'error',
    find: unreached(false),
  },
  {
    kind: 'advertised-name-unknown',
    about:
      'A broker advertises a name that has no address on this machine: clients here are sent to it after their first answer.',
    area,
    severity: 'error',
    find: unknownNames(
      true,
      'clients connect to the name that the broker advertises, whatever they were given: set advertised.listeners to a name that is ' +
        'known here, or let this machine know the name',
    ),
  },
  {
    kind: 'advertised-unreached',
    about: 'Nobody takes a connection where a broker says that it is.',
    area,
    severity: 'error',
    find: unreached(true),
  },
  {
    kind: 'one-address-of-several',
    about:
      'A name has several addresses, as ::1 and 127.0.0.1 for localhost, and the broker answers at some of them only.',
    area,
    severity: 'warning',
    find: oneFamily,
  },
  {
    kind: 'tls-there',
    about: 'The listener speaks TLS.',
    area,
    severity: 'error',
    find: wrong('tls', () => ({
      what: 'speaks TLS there, and was spoken to without',
      advice:
        'use a PLAINTEXT listener, or set security.protocol=SSL (or SASL_SSL) in clients that can; this command connects without TLS only',
    })),
  },
  {
    kind: 'http-there',
    about: 'The port is that of an HTTP server.',
    area,
    severity: 'error',
    find: wrong('http', () => ({
      what: 'is an HTTP server, not a Kafka listener',
      advice:
        "take the port of a listener (listeners of the broker's configuration), not that of metrics, a REST proxy, a registry or a console",
    })),
  },
  {
    kind: 'sasl-there',
    about: 'The listener answers only to clients that authenticate; its mechanisms are named.',
    area,
    severity: 'error',
    find: wrong('sasl', ({ mechanisms }) => ({
      what: `answers only to clients that authenticate (${mechanisms.length === 0 ? 'SASL' : `SASL ${mechanisms.join(', ')}`})`,
      advice:
        'use a PLAINTEXT listener for this command, and set security.protocol=SASL_PLAINTEXT and sasl.* in clients',
    })),
  },
  {
    kind: 'controller-there',
    about: "The listener is a controller's.",
    area,
    severity: 'error',
    find: wrong('controller', () => ({
      what: "is a controller's listener: clients are served by brokers only",
      advice: "take the port of a broker's listener, not the one that controller.listener.names names",
    })),
  },
  {
    kind: 'silence-there',
    about: 'The connection is taken, and no question is answered.',
    area,
    severity: 'error',
    find: wrong('silent', () => ({
      what: 'takes connections and does not answer',
      advice:
        'look whether the broker hangs (its log, its processor time), or whether something else has that port: a proxy without a backend?',
    })),
  },
  {
    kind: 'stranger-there',
    about: 'The answer is none of Kafka; its first bytes are shown.',
    area,
    severity: 'error',
    find: wrong('foreign', ({ firstBytes }) => ({
      what: `does not speak Kafka: its answer begins with ${firstBytes}`,
      advice: 'take the port of a listener; something else listens there',
    })),
  },
  {
    kind: 'bootstrap-other-cluster',
    about: 'Bootstrap addresses lead to different clusters.',
    area,
    severity: 'error',
    find: otherCluster(false),
  },
  {
    kind: 'advertised-other-cluster',
    about: 'Where a broker is advertised a broker of another cluster answers.',
    area,
    severity: 'error',
    find: otherCluster(true),
  },
  {
    kind: 'advertised-other-broker',
    about: 'Where a broker is advertised another broker of the cluster answers.',
    area,
    severity: 'error',
    find: otherBroker,
  },
  {
    kind: 'advertised-shared',
    about: 'Two brokers are advertised at one address.',
    area,
    severity: 'error',
    find: shared,
  },
  {
    kind: 'advertised-loopback',
    about:
      'A broker that was reached from elsewhere is advertised as localhost: each client looks for it on its own machine.',
    area,
    severity: 'error',
    find: loopback,
  },
  {
    kind: 'advertised-wildcard',
    about: 'A broker is advertised as 0.0.0.0 or ::.',
    area,
    severity: 'error',
    find: wildcard,
  },
  {
    kind: 'advertised-doubted',
    about: 'A broker itself finds something wrong with an address that it advertises (Odradek only).',
    area,
    severity: 'warning',
    find: doubted,
  },
  {
    kind: 'broker-fenced',
    about: 'A broker is registered and serves nobody: it does not run, or the controller does not hear of it.',
    area,
    severity: 'error',
    find: fenced,
  },
];
