/**
 * One chaos run: a topic, a workload on it, rounds of a scenario, a look at what is left. Whatever happens, an interruption included, the
 * faults are taken back before it returns.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { lackOf, type Target } from '../../core/chaos/commands.ts';
import { Ledger, length } from '../../core/chaos/ledger.ts';
import { reportOf, round1, type Event, type Report, type Round, type Settings } from '../../core/chaos/report.ts';
import { remedyOf, type Action, type Scenario, type Step } from '../../core/chaos/scenarios.ts';
import { Sightings } from '../../core/chaos/sightings.ts';
import { CommandError, exitCode } from '../../core/refusal.ts';
import { AdminConnection } from '../admin-connection.ts';
import { Cluster } from '../cluster.ts';
import type { Driver } from './driver.ts';
import { readBack } from './read-back.ts';
import { prepareTopic, removeTopic } from './topic.ts';
import { Watch } from './watch.ts';
import { Workload } from './workload.ts';

const LOOK_MS = 20;
/** Peace before the first fault and between rounds, with writes taken everywhere. */
const CALM_MS = 1_000;
const ADMIN_WITHIN_MS = 30_000;
const PROBE_WITHIN_MS = 2_000;
/** What is waited for is told after so long. */
const TOLD_AFTER_MS = 10_000;

export type ChaosOptions = {
  readonly bootstrap: string;
  readonly scenario: Scenario;
  readonly driver: Driver;
  readonly settings: Omit<Settings, 'driver'>;
  readonly gapMaxMs?: number;
  /** How long the cluster may take to be whole again, or a node to answer, before the run calls it broken. */
  readonly recoverWithinMs: number;
  /** The topic is left for whoever wants to look at it; it is whenever something is broken. */
  readonly keepTopic?: boolean;
  /** Nodes that hold no partitions of the topic, as controllers apart: they may be victims too. Known nodes are brokers. */
  readonly say?: (text: string) => void;
  /** Called often: what a line of progress shows. */
  readonly progress?: (state: Progress) => void;
  /** Ends the run early: faults are taken back, nothing is judged. */
  readonly signal?: AbortSignal;
};

export type Progress = {
  readonly atMs: number;
  readonly doing: string;
  readonly acknowledged: number;
  readonly open: number;
};

/** Refuses a scenario that nobody here can play, with the flags that would help. */
export function requireDriver(scenario: Scenario, driver: Driver): void {
  const lack = lackOf(scenario, driver.can);
  if (lack !== undefined) throw new CommandError(lack, exitCode.usage);
}

export async function runChaos(options: ChaosOptions): Promise<Report> {
  requireDriver(options.scenario, options.driver);
  const cluster = await Cluster.open(options.bootstrap, ADMIN_WITHIN_MS);
  try {
    const nodes = await prepareTopic(cluster, options.settings, options.recoverWithinMs);
    const run = new ChaosRun(options, nodes, (await clusterIdOf(cluster)) ?? '');
    const report = await run.play().catch(async (error: unknown) => {
      // Nobody wants to look at what was cut short.
      if (options.signal?.aborted === true && options.keepTopic !== true) {
        await removeTopic(cluster, options.settings.topic).catch(() => undefined);
      }
      throw error;
    });
    if (report.verdict === 'kept' && options.keepTopic !== true) await removeTopic(cluster, options.settings.topic);
    return report;
  } finally {
    cluster.close();
  }
}

async function clusterIdOf(cluster: Cluster): Promise<string | undefined> {
  return (await cluster.metadata([])).clusterId ?? undefined;
}

type OpenFault = { readonly action: Action; readonly node: number; readonly event: { untilMs?: number } };

class ChaosRun {
  private readonly options: ChaosOptions;
  private readonly nodes: readonly Target[];
  private readonly clusterId: string;
  private readonly run = randomBytes(4).toString('hex');
  private readonly startedAt = new Date().toISOString();
  private readonly startMs = performance.now();
  private readonly now = (): number => performance.now() - this.startMs;
  private readonly ledgers: readonly Ledger[];
  private readonly sightings: Sightings;
  private readonly workload: Workload;
  private readonly events: Event[] = [];
  private readonly faults: OpenFault[] = [];
  private readonly rounds: Round[] = [];
  private readonly unmet: string[] = [];
  private doing = 'preparing';

  constructor(options: ChaosOptions, nodes: readonly Target[], clusterId: string) {
    this.options = options;
    this.nodes = nodes;
    this.clusterId = clusterId;
    const { partitions, topic, rate, recordBytes } = options.settings;
    this.ledgers = Array.from({ length: partitions }, (_, partition) => new Ledger(partition));
    this.sightings = new Sightings(partitions);
    this.workload = new Workload(this.ledgers, { nodes, topic, run: this.run, rate, recordBytes, now: this.now });
  }

  async play(): Promise<Report> {
    const { topic } = this.options.settings;
    const of = { topic, sightings: this.sightings, now: this.now };
    const watch = new Watch(this.nodes, of, () => this.workload.learn(this.sightings));
    try {
      await this.workload.prepare();
      await this.must('every replica is in sync', () => this.sightings.isWhole && this.sightings.controller >= 0);
      this.workload.start();
      await this.must('every partition takes writes', () => this.isWritableSince(0));
      await this.pass(CALM_MS);
      await this.playRounds();
      await this.drain();
      await this.judge();
    } finally {
      await this.takeBack();
      this.workload.close();
      await watch.stop();
    }
    return this.report();
  }

  private async playRounds(): Promise<void> {
    const { repetitions, holdMs } = this.options.settings;
    for (let round = 0; round < repetitions && this.unmet.length === 0; round += 1) {
      const scene = {
        nodes: this.nodes.map(({ id }) => id),
        controller: this.sightings.controller,
        leads: this.sightings.leads,
      };
      const steps = this.options.scenario.round(scene, { round, holdMs });
      const fromMs = this.now();
      for (const ledger of this.ledgers) ledger.beginRound(fromMs);
      for (const step of steps) if (this.unmet.length === 0) await this.step(step, round);
      const endedMs = this.now();
      await this.expect(`every partition takes writes after round ${round + 1}`, () => this.isWritableSince(endedMs));
      // A replica that stands still is in sync until somebody notices.
      await this.expect(`every replica is in sync after round ${round + 1}`, () => this.sightings.isWhole);
      this.endRound(round, { fromMs, steps, controller: scene.controller });
      await this.pass(CALM_MS);
    }
  }

  private endRound(
    round: number,
    { fromMs, steps, controller }: { fromMs: number; steps: readonly Step[]; controller: number },
  ): void {
    const toMs = this.now();
    const gaps = this.ledgers.map((ledger) => length(ledger.longestOfRound(toMs)));
    const longest = Math.max(...gaps);
    const victims = [...new Set(steps.flatMap((step) => (isFault(step) ? [step.node] : [])))];
    this.rounds.push({
      round: round + 1,
      fromMs: round1(fromMs),
      toMs: round1(toMs),
      victims,
      controller,
      hitController: victims.includes(controller),
      longestGapMs: round1(longest),
      longestGapPartition: gaps.indexOf(longest),
    });
    const gap = `longest gap ${longest.toFixed(0)} ms on partition ${gaps.indexOf(longest)}`;
    this.say(`round ${round + 1}: ${gap}`);
  }

  private async step(step: Step, round: number): Promise<void> {
    switch (step.kind) {
      case 'act':
        return this.act(step.action, step.node);
      case 'hold':
        return this.pass(step.ms);
      case 'untilAnswers':
        return this.expect(`node ${step.node} answers in round ${round + 1}`, () => this.answers(step.node));
      case 'untilWhole':
        return this.expect(`every replica is in sync in round ${round + 1}`, () => this.sightings.isWhole);
      default:
        throw new Error(`no such step: ${JSON.stringify(step satisfies never)}`);
    }
  }

  private async act(action: Action, node: number): Promise<void> {
    const target = this.nodes.find(({ id }) => id === node);
    if (target === undefined) throw new CommandError(`the cluster has no node ${node}`);
    this.doing = `${action} node ${node}`;
    const atMs = this.now();
    this.say(`${action} node ${node}`);
    const isFault = remedyOf(action) !== undefined;
    if (isFault) {
      const event: Event & { untilMs?: number } = { atMs: round1(atMs), node, what: action };
      this.events.push(event);
      // Before it is done: what fails halfway is taken back as well.
      this.faults.push({ action, node, event });
    }
    await this.options.driver.act(action, target);
    if (isFault) return;
    for (const fault of this.faults.filter((each) => each.node === node && remedyOf(each.action) === action)) {
      fault.event.untilMs = round1(this.now());
      this.faults.splice(this.faults.indexOf(fault), 1);
    }
    this.events.push({ atMs: round1(atMs), node, what: action });
  }

  /** Whatever is still broken is mended, each as well as it goes. */
  private async takeBack(): Promise<void> {
    for (const { action, node } of this.faults.toReversed()) {
      const remedy = remedyOf(action);
      if (remedy === undefined) continue;
      await this.act(remedy, node).catch((error: unknown) => {
        this.say(`could not ${remedy} node ${node}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
  }

  private async drain(): Promise<void> {
    await this.takeBack();
    await this.expect('every replica is in sync in the end', () => this.sightings.isWhole);
    this.workload.stopIssuing();
    const open = (): number => this.ledgers.reduce((total, ledger) => total + ledger.open, 0);
    await this.expect('every write is answered', () => open() === 0);
    for (const ledger of this.ledgers) ledger.close(this.now());
  }

  private async judge(): Promise<void> {
    this.doing = 'reading back';
    let records = 0;
    const progress = (more: number): void => {
      records += more;
      this.tellProgress(`reading back: ${records} records`);
    };
    const { topic } = this.options.settings;
    await readBack(this.ledgers, { nodes: this.nodes, topic, run: this.run, sightings: this.sightings, progress });
  }

  private report(): Report {
    const { options } = this;
    return reportOf({
      scenario: options.scenario.name,
      startedAt: this.startedAt,
      endedMs: this.now(),
      cluster: {
        clusterId: this.clusterId,
        nodes: this.nodes.map(({ id, host, port }) => ({ id, address: `${host}:${port}` })),
      },
      settings: { ...options.settings, driver: options.driver.name },
      gapMaxMs: options.gapMaxMs,
      ledgers: this.ledgers,
      sightings: this.sightings,
      rounds: this.rounds,
      events: this.events,
      visible: this.workload.visible,
      retried: this.workload.retried,
      unmet: this.unmet,
    });
  }

  private isWritableSince(ms: number): boolean {
    return this.ledgers.every((ledger) => ledger.acknowledgedSince(ms));
  }

  private async answers(node: number): Promise<boolean> {
    const target = this.nodes.find(({ id }) => id === node);
    if (target === undefined) return false;
    try {
      const connection = await AdminConnection.open(target, PROBE_WITHIN_MS);
      const { errorCode } = await connection
        .call(ApiKey.Metadata, { topics: [], allowAutoTopicCreation: false })
        .finally(() => connection.close());
      return errorCode === ErrorCode.NONE;
    } catch {
      return false;
    }
  }

  /** As a promise of the cluster: when it does not hold in time, that is a finding. */
  private async expect(claim: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    if (await this.until(claim, holds)) return;
    const seconds = this.options.recoverWithinMs / 1_000;
    this.unmet.push(`not within ${seconds} s: ${claim} (${this.describeSightings()})`);
  }

  /** As a condition of the run: without it there is nothing to find. */
  private async must(claim: string, holds: () => boolean): Promise<void> {
    if (await this.until(claim, holds)) return;
    const seconds = this.options.recoverWithinMs / 1_000;
    const seen = `${this.describeSightings()}; ${this.describeAnswers()}`;
    throw new CommandError(`not within ${seconds} s, before any fault: ${claim} (${seen})`);
  }

  /** What the writers have been told but acknowledgements. */
  private describeAnswers(): string {
    const counts = [...this.workload.retried, ...this.workload.visible];
    if (counts.length === 0) return 'no write was refused';
    return `the writers were told ${counts.map(([what, times]) => `${what} (${times})`).join(', ')}`;
  }

  private async until(claim: string, holds: () => boolean | Promise<boolean>): Promise<boolean> {
    this.doing = `until ${claim}`;
    const fromMs = this.now();
    const untilMs = fromMs + this.options.recoverWithinMs;
    let isTold = false;
    for (;;) {
      if (await holds()) return true;
      if (!isTold && this.now() > fromMs + TOLD_AFTER_MS) {
        isTold = true;
        this.say(`waits until ${claim} (${this.describeSightings()})`);
      }
      if (this.now() >= untilMs) return false;
      await this.look();
    }
  }

  private async pass(ms: number): Promise<void> {
    const untilMs = this.now() + ms;
    while (this.now() < untilMs) await this.look();
  }

  private async look(): Promise<void> {
    this.options.signal?.throwIfAborted();
    this.tellProgress(this.doing);
    await sleep(LOOK_MS);
  }

  private say(what: string): void {
    this.options.say?.(`${(this.now() / 1_000).toFixed(1).padStart(6)} s  ${what}`);
  }

  private tellProgress(doing: string): void {
    const sum = (of: (ledger: Ledger) => number): number => this.ledgers.reduce((total, each) => total + of(each), 0);
    this.options.progress?.({
      atMs: this.now(),
      doing,
      acknowledged: sum(({ acknowledged }) => acknowledged),
      open: sum(({ open }) => open),
    });
  }

  private describeSightings(): string {
    const lacking = this.sightings.partitions.flatMap((seen, partition) => {
      if (seen === undefined) return [`partition ${partition} is unknown`];
      if (seen.leader < 0) return [`partition ${partition} has no leader`];
      if (seen.isr.length === seen.replicas.length) return [];
      return [
        `partition ${partition}: leader ${seen.leader}, in sync ${seen.isr.join(',')} of ${seen.replicas.join(',')}`,
      ];
    });
    return lacking.slice(0, 3).join('; ') || 'all partitions have leaders and whole replica sets';
  }
}

function isFault(step: Step): step is Step & { kind: 'act' } {
  return step.kind === 'act' && remedyOf(step.action) !== undefined;
}
