/** Whether the disks are well, and have room for what may come. */
import type { Check, Seen } from './check.ts';
import { counted, showBytes, some } from './check.ts';
import type { BrokerFacts, Facts, LogDir } from './facts.ts';

/** Of a disk. */
const FULL_PART = 0.05;
const LOW_PART = 0.15;

type Of = { readonly broker: BrokerFacts; readonly dir: LogDir };

function every({ brokers }: Facts): Of[] {
  return brokers.flatMap((broker) => (broker.logDirs ?? []).map((dir) => ({ broker, dir })));
}

function told({ broker, dir }: Of): string {
  return `${dir.path} of broker ${broker.id}`;
}

function freePart({ totalBytes, usableBytes }: LogDir): number | undefined {
  if (totalBytes === undefined || usableBytes === undefined || totalBytes === 0) return undefined;
  return usableBytes / totalBytes;
}

function tight(from: number, to: number, advice: string): Check['find'] {
  return (facts) =>
    every(facts).flatMap((of): Seen[] => {
      const part = freePart(of.dir);
      if (part === undefined || part < from || part >= to) return [];
      const { usableBytes = 0, totalBytes = 0, replicaBytes } = of.dir;
      const percent = Math.floor(part * 100);
      const what =
        `${told(of)} has ${showBytes(usableBytes)} of ${showBytes(totalBytes)} left (${percent} %); ` +
        `${showBytes(replicaBytes)} of it are records`;
      return [{ what, advice }];
    });
}

/** Directories on one disk tell of the same free bytes: what may be kept in all of them has to fit once. */
function retentionBeyondDisk(facts: Facts): Seen[] {
  return facts.brokers.flatMap((broker): Seen[] => {
    const sizes = (broker.logDirs ?? []).map(({ totalBytes }) => totalBytes).filter((size) => size !== undefined);
    const total = [...new Set(sizes)].reduce((sum, size) => sum + size, 0);
    if (total === 0) return [];
    const wanted = mayKeep(broker.id, facts);
    const sum = wanted.reduce((all, { bytes }) => all + bytes, 0);
    if (sum <= total) return [];
    const largest = wanted.toSorted((left, right) => right.bytes - left.bytes);
    const what =
      `broker ${broker.id} may keep up to ${showBytes(sum)} by retention.bytes, and its disks have ${showBytes(total)}; ` +
      `most for ${some(largest.map(({ name, bytes }) => `${name} (${showBytes(bytes)})`))}`;
    return [
      { what, advice: 'lower retention.bytes of these topics, spread them over more brokers, or enlarge the disks' },
    ];
  });
}

function mayKeep(brokerId: number, { topics }: Facts): { name: string; bytes: number }[] {
  return topics.flatMap(({ name, configs, partitions }) => {
    const retention = Number(configs?.get('retention.bytes') ?? -1);
    const here = partitions.filter(({ replicas }) => replicas.includes(brokerId)).length;
    if (retention < 0 || here === 0 || !deletes(configs)) return [];
    // A log is cut by whole segments: it holds up to one more than it may keep.
    const segment = Number(configs?.get('segment.bytes') ?? 0);
    return [{ name, bytes: (retention + segment) * here }];
  });
}

function deletes(configs: ReadonlyMap<string, string> | undefined): boolean {
  return (configs?.get('cleanup.policy') ?? 'delete').split(',').some((policy) => policy.trim() === 'delete');
}

function future(facts: Facts): Seen[] {
  return every(facts)
    .filter(({ dir }) => dir.future.length > 0)
    .map((of) => {
      const moving = of.dir.future.map(({ name, lag }) => `${name} (${counted(lag, 'record')} to go)`);
      return {
        what: `${counted(moving.length, 'replica')} are being moved into ${told(of)}: ${some(moving)}`,
        advice:
          'nothing, while it goes on; a number that does not shrink is a move that is throttled or stuck: odradek reassign verify',
        of: of.dir.future.map(({ name }) => name),
      };
    });
}

const area = 'disks';
const ROOM =
  'delete topics or lower retention.ms and retention.bytes, move replicas to other brokers (odradek reassign), or enlarge the disk';

export const diskChecks: readonly Check[] = [
  {
    kind: 'log-dir-offline',
    about: 'A log directory has failed.',
    area,
    severity: 'error',
    find: (facts) =>
      every(facts)
        .filter(({ dir }) => dir.wrong !== undefined)
        .map((of) => ({
          what: `${told(of)} is offline (${of.dir.wrong}): its replicas are not served`,
          advice: `mend or replace that disk (the log of broker ${of.broker.id} says what failed) and start the broker again; it copies what is missing from the others`,
        })),
  },
  {
    kind: 'disk-full',
    about: 'Less than 5 % of a disk are free.',
    area,
    severity: 'error',
    find: tight(0, FULL_PART, `make room now, before writes stop: ${ROOM}`),
  },
  {
    kind: 'disk-low',
    about: 'Less than 15 % of a disk are free.',
    area,
    severity: 'warning',
    find: tight(FULL_PART, LOW_PART, `make room in time: ${ROOM}`),
  },
  {
    kind: 'retention-beyond-disk',
    about: 'What retention.bytes lets topics keep on a broker is more than its disks have.',
    area,
    severity: 'warning',
    find: retentionBeyondDisk,
  },
  {
    kind: 'log-dir-cordoned',
    about: 'A log directory takes no new replicas.',
    area,
    severity: 'note',
    find: (facts) =>
      every(facts)
        .filter(({ dir }) => dir.isCordoned)
        .map((of) => ({
          what: `${told(of)} is cordoned: no new replica is placed there`,
          advice: 'take it out of cordoned.log.dirs when it may be used again',
        })),
  },
  {
    kind: 'replica-moving',
    about: 'Replicas are being moved between directories of a broker.',
    area,
    severity: 'note',
    find: future,
  },
];
