/**
 * What writers notice when a node of three dies, hangs, or is restarted: idempotent writes at a steady pace to partitions of three replicas,
 * and the longest time in which any partition acknowledged nothing. In the end every record is looked for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { apacheFleet, NODES, ourFleet, type Fleet, type FleetNode } from './fleet.ts';
import { median } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';
import { Writes, type Verdict } from './writes.ts';

export type FailoverOptions = {
  /** Kills of ours; of Apache Kafka fewer, since each takes it a quarter of a minute. */
  readonly rounds: number;
  readonly kafkaRounds: number;
  readonly faults: readonly Fault[];
  readonly write: boolean;
};

const PARTITIONS = 6;
const RATE = 600;
const PEACE_MS = 1_500;
/** How long the others are watched after a fault, at least. */
const WATCH_MS = 2_000;
const AGAIN_WITHIN_MS = 120_000;
const PAUSES = 3;
/** Each node is restarted so often, one after another. */
const ROLLS = 2;
const LOOK_MS = 20;
/** A node that hangs closes nothing: only a client that misses its answer looks elsewhere, by default after a minute. */
const PAUSE_SOCKET_TIMEOUT_MS = 300;
/** Every request that it gives up doubles the time until it dials again, and with acks=all those to nodes that live are given up as well. */
const PAUSE_RECONNECT_WAIT_MAX_MS = 300;
const PAUSE_PATIENCE = {
  socketTimeoutMs: PAUSE_SOCKET_TIMEOUT_MS,
  reconnectWaitMaxMs: PAUSE_RECONNECT_WAIT_MAX_MS,
} as const;
/** `broker.session.timeout.ms` of ours, and what may come on top. */
const PAUSE_GOAL_MS = 3_300;
const MEDIAN_GOAL_MS = 500;
const WORST_GOAL_MS = 1_000;
const ROLLING_GOAL_MS = 200;

export type Fault = 'kill' | 'pause' | 'restart';
type Round = {
  readonly fault: Fault;
  readonly victim: number;
  readonly isActive: boolean;
  /** The longest gap of each partition, in its order. */
  readonly gaps: readonly number[];
  /** The longest on any partition while the victim came back and took its leads again. */
  readonly returnMs: number;
  /** From the end of the fault until all replicas are in sync. */
  readonly backMs: number;
};
type Report = { readonly rounds: readonly Round[]; readonly verdict: Verdict; readonly errors: readonly string[] };

const say = (text: string): void => void process.stdout.write(`${text}\n`);

export async function benchFailover(options: FailoverOptions): Promise<void> {
  const rows: string[][] = [];
  const notes: string[] = [];
  let isBroken = false;
  const measure = async (start: () => Promise<Fleet>, kills: number): Promise<void> => {
    await using fleet = await start();
    const counts: Readonly<Record<Fault, number>> = {
      kill: kills,
      pause: Math.min(PAUSES, kills),
      restart: ROLLS * NODES,
    };
    for (const fault of options.faults) {
      const report = await played(fleet, fault, counts[fault]);
      rows.push(rowOf(fleet, fault, report));
      notes.push(noteOf(fleet, fault, report));
      isBroken ||=
        fleet.name === 'odradek' && report.verdict.lost + report.verdict.duplicated + report.verdict.disordered > 0;
    }
  };
  if (options.rounds > 0) await measure(() => ourFleet(), options.rounds);
  const why = options.kafkaRounds === 0 ? 'not asked for' : await besideKafka(measure, options.kafkaRounds);
  if (why !== undefined) say(`Apache Kafka is not measured: ${why}`);
  const heads = [
    '',
    'rounds',
    'longest gap of any partition, ms',
    'of a partition, median, ms',
    'while it comes back, ms',
    'all in sync again, s',
    'goal',
  ];
  const text = `${circumstances()}\n\n${markdownTable(heads, rows)}\n\n${notes.join('\n')}`;
  say(`\n${text}`);
  if (options.write) writeSection(options.faults.length === 1 ? `failover-${options.faults[0]}` : 'failover', text);
  if (isBroken) throw new Error('promises were broken');
}

async function besideKafka(
  measure: (start: () => Promise<Fleet>, kills: number) => Promise<void>,
  kills: number,
): Promise<string | undefined> {
  const fleet = await apacheFleet();
  if (typeof fleet === 'string') return fleet;
  await measure(() => Promise.resolve(fleet), kills);
  return undefined;
}

async function played(fleet: Fleet, fault: Fault, count: number): Promise<Report> {
  const topic = `failover-${fault}`;
  await fleet.createTopic(topic, { partitions: PARTITIONS });
  const patience = fault === 'pause' ? PAUSE_PATIENCE : {};
  const writes = new Writes({ bootstrap: fleet.bootstrap, topic, partitions: PARTITIONS, rate: RATE, ...patience });
  const rounds: Round[] = [];
  try {
    await untilAcknowledged(writes, Date.now());
    for (let at = 0; at < count; at += 1) {
      await sleep(PEACE_MS);
      const round = await playRound({ fleet, writes, topic, fault, at });
      rounds.push(round);
      say(`${fleet.name} ${fault} ${at + 1}/${count}: ${described(round)}`);
    }
    await sleep(PEACE_MS);
    const verdict = await writes.end();
    say(`${fleet.name} ${fault}: ${JSON.stringify(verdict)}`);
    return { rounds, verdict, errors: writes.errors };
  } finally {
    writes.kill();
  }
}

type Playing = {
  readonly fleet: Fleet;
  readonly writes: Writes;
  readonly topic: string;
  readonly fault: Fault;
  readonly at: number;
};

async function playRound({ fleet, writes, topic, fault, at }: Playing): Promise<Round> {
  const active = await fleet.active();
  // Each node in its turn, and every fourth time whichever has the active controller.
  const victim = fault === 'kill' && at % 4 === 3 ? active : fleet.node((at % NODES) + 1);
  const fromMs = Date.now();
  await inflict(victim, fault);
  if (fault !== 'restart') await untilAcknowledged(writes, fromMs + WATCH_MS);
  const endMs = Date.now();
  if (fault === 'pause') victim.resume();
  else await victim.start();
  await fleet.untilInSync([topic], PARTITIONS);
  const backMs = Date.now() - endMs;
  await fleet.electPreferred([topic], PARTITIONS);
  await untilAcknowledged(writes, Date.now() + PEACE_MS);
  const isRestart = fault === 'restart';
  const gaps = writes.gaps(fromMs, isRestart ? Date.now() : endMs).map(({ ms }) => ms);
  const returnMs = Math.max(...writes.gaps(endMs, Date.now()).map(({ ms }) => ms));
  return { fault, victim: victim.id, isActive: victim === active, gaps, returnMs, backMs };
}

async function inflict(victim: FleetNode, fault: Fault): Promise<void> {
  if (fault === 'pause') return victim.pause();
  await (fault === 'kill' ? victim.kill() : victim.stop());
}

/** Every partition has acknowledged something at or after `sinceMs`. */
async function untilAcknowledged(writes: Writes, sinceMs: number): Promise<void> {
  const deadline = performance.now() + AGAIN_WITHIN_MS;
  while (Math.min(...writes.lastAcks()) < sinceMs) {
    if (performance.now() > deadline) throw new Error('some partition acknowledges nothing any more');
    await sleep(LOOK_MS);
  }
}

function described({ victim, isActive, gaps, returnMs, backMs }: Round): string {
  const longest = Math.max(...gaps).toFixed(0);
  const each = gaps.map((ms) => ms.toFixed(0)).join(' ');
  const who = isActive ? `node ${victim}, active controller` : `node ${victim}`;
  return `${who}: longest gap ${longest} ms (${each}), on its return ${returnMs.toFixed(0)} ms, in sync after ${(backMs / 1000).toFixed(1)} s`;
}

const named: Readonly<Record<Fault, string>> = {
  kill: 'SIGKILL, then started again',
  pause: 'SIGSTOP, then SIGCONT (socket.timeout.ms=300, reconnect.backoff.max.ms=300)',
  restart: 'rolling restart (SIGTERM, start)',
};

function rowOf(fleet: Fleet, fault: Fault, { rounds }: Report): string[] {
  const longest = rounds.map(({ gaps }) => Math.max(...gaps));
  const who = fleet.name === 'odradek' ? 'Odradek' : 'Apache Kafka';
  return [
    `${who}: ${named[fault]}`,
    String(rounds.length),
    spread(longest),
    median(rounds.flatMap(({ gaps }) => gaps)).toFixed(0),
    spread(rounds.map(({ returnMs }) => returnMs)),
    spread(
      rounds.map(({ backMs }) => backMs / 1000),
      1,
    ),
    fleet.name === 'odradek' ? goalOf(fault, longest) : '',
  ];
}

function goalOf(fault: Fault, longest: readonly number[]): string {
  const [middle, worst] = [median(longest), Math.max(...longest)];
  const told = (goal: string, isMet: boolean): string => `${goal}: ${isMet ? 'met' : '**missed**'}`;
  switch (fault) {
    case 'kill':
      return told(
        `median < ${MEDIAN_GOAL_MS}, worst < ${WORST_GOAL_MS}`,
        middle < MEDIAN_GOAL_MS && worst < WORST_GOAL_MS,
      );
    case 'pause':
      return told(`worst < ${PAUSE_GOAL_MS}`, worst < PAUSE_GOAL_MS);
    case 'restart':
      return told(`worst < ${ROLLING_GOAL_MS}`, worst < ROLLING_GOAL_MS);
    default:
      throw new Error(`no such fault: ${JSON.stringify(fault satisfies never)}`);
  }
}

function spread(values: readonly number[], digits = 0): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`;
}

function noteOf(fleet: Fleet, fault: Fault, { rounds, verdict, errors }: Report): string {
  const { acknowledged, lost, duplicated, disordered, failed } = verdict;
  const active = rounds.filter(({ isActive }) => isActive);
  const ofActive =
    active.length === 0
      ? ''
      : ` Of the active controller ${active.length}, longest ${Math.max(...active.flatMap(({ gaps }) => gaps)).toFixed(0)} ms.`;
  const shown = errors.length === 0 ? '' : ` The first error: ${errors[0]}.`;
  const who = fleet.name === 'odradek' ? 'Odradek' : 'Apache Kafka';
  return (
    `- ${who}, ${named[fault]}: ${acknowledged} acknowledged, ${lost} lost, ${duplicated} duplicated, ${disordered} out of order, ` +
    `${failed} errors that the application saw.${shown}${ofActive}`
  );
}
