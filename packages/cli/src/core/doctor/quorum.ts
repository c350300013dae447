/** Whether the controllers can decide, and how many of them may still be lost. */
import type { Check, Seen } from './check.ts';
import { counted, showSpan } from './check.ts';
import type { Facts, QuorumFacts, QuorumReplica } from './facts.ts';

/** Twice what a controller may be silent before the others elect (controller.quorum.fetch.timeout.ms is 2 s by default). */
const SILENT_MS = 5_000;
/** Longer than broker.session.timeout.ms is by default: the cluster has fenced it, if there is somebody to fence it. */
const OUT_OF_TOUCH_MS = 10_000;
/** A replica that has not had everything for so long is not merely a fetch behind. */
const BEHIND_MS = 10_000;
const BROKERS_OF_A_CLUSTER = 3;

function isSilent({ id, fetchedAgoMs }: QuorumReplica, { leaderId }: QuorumFacts): boolean {
  return id !== leaderId && (fetchedAgoMs === undefined || fetchedAgoMs > SILENT_MS);
}

function silentVoters(quorum: QuorumFacts): QuorumReplica[] {
  // A broker that does not tell of times says nothing of silence either.
  const tells = quorum.replicas.some(({ fetchedAgoMs }) => fetchedAgoMs !== undefined);
  return tells ? voters(quorum).filter((replica) => isSilent(replica, quorum)) : [];
}

function voters({ replicas }: QuorumFacts): QuorumReplica[] {
  return replicas.filter(({ isVoter }) => isVoter);
}

function ofQuorum(find: (quorum: QuorumFacts, facts: Facts) => readonly Seen[]): Check['find'] {
  return (facts) => (facts.quorum === undefined || facts.quorum.leaderId < 0 ? [] : find(facts.quorum, facts));
}

function leaderless({ quorum }: Facts): Seen[] {
  if (quorum === undefined || quorum.leaderId >= 0) return [];
  const told = quorum.trouble ?? `epoch ${quorum.epoch} has no leader`;
  const advice =
    'start controllers until more than half of the voters run and reach each other; topics, leaders and configs cannot change until then. ' +
    'If most are lost for good: odradek quorum recover --from-survivor';
  return [{ what: `the controllers have no leader: ${told}`, advice }];
}

function silent(quorum: QuorumFacts): Seen[] {
  return silentVoters(quorum).map(({ id, fetchedAgoMs }) => ({
    what: `controller ${id} has asked the leader for nothing ${fetchedAgoMs === undefined ? 'at all' : `for ${showSpan(fetchedAgoMs)}`}`,
    advice: `start controller ${id}, or look whether it reaches controller ${quorum.leaderId} (controller.quorum.voters or .bootstrap.servers)`,
  }));
}

function behind(isVoter: boolean): Check['find'] {
  return ofQuorum((quorum) =>
    quorum.replicas
      .filter((replica) => replica.isVoter === isVoter && replica.id !== quorum.leaderId && !isSilent(replica, quorum))
      .filter(({ lag, caughtUpAgoMs }) => lag > 0 && caughtUpAgoMs !== undefined && caughtUpAgoMs > BEHIND_MS)
      .map(({ id, lag, caughtUpAgoMs = 0 }) => ({
        what: `${isVoter ? 'controller' : 'broker'} ${id} is ${counted(lag, 'record')} of metadata behind, for ${showSpan(caughtUpAgoMs)}`,
        advice: `look at the disk and the processor of node ${id}: it asks for metadata but does not keep up`,
      })),
  );
}

function atRisk(quorum: QuorumFacts): Seen[] {
  const all = voters(quorum).length;
  const alive = all - silentVoters(quorum).length;
  const needed = Math.floor(all / 2) + 1;
  // All of a small quorum may be needed without any being away; that is told otherwise.
  if (alive > needed || alive === all) return [];
  const what =
    alive < needed
      ? `only ${alive} of ${all} controllers take part, and ${needed} are needed`
      : `${alive} of ${all} controllers take part, just as many as are needed: with one more lost nothing can change`;
  return [{ what, advice: 'bring the missing controllers back before anything else is stopped' }];
}

function even(quorum: QuorumFacts): Seen[] {
  const all = voters(quorum).length;
  if (all === 0 || all % 2 === 1) return [];
  const may = all / 2 - 1;
  return [
    {
      what: `${all} controllers vote: ${may === 0 ? 'none' : may} of them may fail, no more than of ${all - 1}`,
      advice: `add or remove one (odradek quorum add | remove), so that ${all + 1} or ${all - 1} vote`,
    },
  ];
}

function single(quorum: QuorumFacts, { brokers }: Facts): Seen[] {
  if (voters(quorum).length !== 1 || brokers.length < BROKERS_OF_A_CLUSTER) return [];
  return [
    {
      what: `one controller votes for ${brokers.length} brokers: while it is away nothing can change, and its disk is the only copy`,
      advice: 'run three controllers: odradek quorum add',
    },
  ];
}

function outOfTouch({ brokers }: Facts): Seen[] {
  return brokers.flatMap(({ id, controllerSilentMs }): Seen[] =>
    controllerSilentMs === undefined || controllerSilentMs <= OUT_OF_TOUCH_MS
      ? []
      : [
          {
            what: `broker ${id} has had no answer of an active controller for ${showSpan(controllerSilentMs)}: what it tells of the cluster may be old`,
            advice: `look whether the controllers have a leader, and whether broker ${id} reaches them (controller.quorum.voters or .bootstrap.servers)`,
          },
        ],
  );
}

const area = 'quorum';

export const quorumChecks: readonly Check[] = [
  {
    kind: 'quorum-without-leader',
    about: 'No controller leads: nothing about the cluster can change.',
    area,
    severity: 'error',
    find: leaderless,
  },
  {
    kind: 'controller-silent',
    about: 'A voter has asked the leader for nothing for more than 5 s.',
    area,
    severity: 'error',
    find: ofQuorum(silent),
  },
  {
    kind: 'broker-out-of-touch',
    about: 'A broker has had no answer of an active controller for more than 10 s (Odradek only).',
    area,
    severity: 'error',
    find: outOfTouch,
  },
  {
    kind: 'quorum-at-risk',
    about: 'Voters are missing, and no more may.',
    area,
    severity: 'error',
    find: ofQuorum(atRisk),
  },
  {
    kind: 'controller-behind',
    about: 'A voter asks and does not keep up: it has not had everything for more than 10 s.',
    area,
    severity: 'warning',
    find: behind(true),
  },
  {
    kind: 'broker-metadata-behind',
    about: 'The same of a broker: what it tells of the cluster is old.',
    area,
    severity: 'warning',
    find: behind(false),
  },
  {
    kind: 'quorum-even',
    about: 'An even number of voters bears no more losses than one less.',
    area,
    severity: 'warning',
    find: ofQuorum(even),
  },
  {
    kind: 'quorum-of-one',
    about: 'One voter for three brokers or more.',
    area,
    severity: 'warning',
    find: ofQuorum(single),
  },
];
