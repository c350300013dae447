/** A link that a test drives by hand, and a broker's session on it: what is committed is shown when the test says so. */
import { limits, MetricsRegistry, ok, UUID_ZERO } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { SimClock, drain } from '@odradek/base/testing';
import { record } from '@odradek/metadata';
import type {
  BrokerHeartbeat,
  BrokerRegistration,
  ControllerLink,
  MetadataRecord,
  SessionObserver,
  Subscription,
} from '@odradek/metadata';
import { collectingLog } from '../../testing/listening.ts';
import { ControllerSession } from '../../shell/controller-link.ts';
import type { MetadataFollower } from '../../shell/controller-link.ts';

export const registration: BrokerRegistration = {
  brokerId: 1,
  clusterId: 'c',
  incarnationId: UUID_ZERO,
  endpoints: [],
  rack: null,
  features: [],
  logDirs: [],
};

export const registered = record('RegisterBrokerRecord', {
  brokerId: 1,
  isMigratingZkBroker: false,
  incarnationId: UUID_ZERO,
  brokerEpoch: 0,
  endPoints: [],
  features: [],
  rack: null,
  fenced: true,
  inControlledShutdown: false,
  logDirs: [],
  cordonedLogDirs: null,
});
export const topic = (name: string, nth: number) =>
  record('TopicRecord', { name, topicId: Buffer.alloc(16, nth + 10).toString('base64url') });

export class HandLink implements ControllerLink {
  observer: SessionObserver | undefined;
  endOffset = 0;
  epoch = 1;
  registers = (): Outcome<{ readonly brokerEpoch: number }> => ok({ brokerEpoch: 0 });
  readonly registrations: BrokerRegistration[] = [];
  readonly beats: BrokerHeartbeat[] = [];
  beatReply = (_beat: BrokerHeartbeat): Outcome<{ readonly fenced: boolean; readonly shouldShutDown: boolean }> =>
    ok({ fenced: false, shouldShutDown: true });
  committedOffset = 0;
  /** How often there was room again. */
  mores = 0;
  silent: number | undefined;

  silentNode(): number | undefined {
    return this.silent;
  }

  register(asked: BrokerRegistration): Promise<Outcome<{ readonly brokerEpoch: number }>> {
    this.registrations.push(asked);
    return Promise.resolve(this.registers());
  }

  heartbeat(beat: BrokerHeartbeat): ReturnType<ControllerLink['heartbeat']> {
    this.beats.push(beat);
    return Promise.resolve(this.beatReply(beat));
  }

  subscribe(observer: SessionObserver): Subscription {
    this.observer = observer;
    return { more: () => (this.mores += 1), close: () => (this.observer = undefined) };
  }

  submit(): Promise<Outcome<never>> {
    const reply = { throttleTimeMs: 0, topics: [] } as never;
    return Promise.resolve(ok({ reply, committedOffset: this.committedOffset } as never));
  }

  /** @param endOffset when more has happened than the records of the state tell */
  snapshot(records: readonly MetadataRecord[], endOffset = records.length): void {
    this.endOffset = endOffset;
    this.observer?.snapshot({ records, endOffset, epoch: this.epoch });
  }

  commit(...records: readonly MetadataRecord[]): void {
    this.endOffset += records.length;
    this.observer?.committed({ records, endOffset: this.endOffset, epoch: this.epoch });
  }
}

export function session(followers: MetadataFollower[] = []) {
  const clock = new SimClock();
  const controller = new HandLink();
  const { log, lines } = collectingLog();
  const bugs: unknown[] = [];
  const offline: string[] = [];
  const faults: Error[] = [];
  const epochs: number[] = [];
  const metrics = new MetricsRegistry();
  const at: ControllerSession = new ControllerSession({
    link: controller,
    clock,
    limits: limits.tiny,
    log,
    metrics,
    followers,
    heartbeatMs: 500,
    registerMs: 5_000,
    offlineLogDirs: () => offline,
    cordonedLogDirs: () => [],
    offlineTellMs: 30_000,
    registeredAgain: () => void epochs.push(at.brokerEpoch),
    bug: (error) => void bugs.push(error),
    fault: (fault) => void faults.push(fault),
  });
  return { at, clock, controller, lines, bugs, metrics, offline, faults, epochs };
}

/** A session that has joined, of a broker that serves. */
export async function serving(followers: MetadataFollower[] = [], asked = registration) {
  const made = session(followers);
  const { at, controller } = made;
  const joining = at.join(asked);
  await drain();
  controller.snapshot([registered]);
  await joining;
  controller.beatReply = () => ok({ fenced: false, shouldShutDown: false });
  const unfenced = at.unfence(5_000);
  controller.commit(record('UnfenceBrokerRecord', { id: 1, epoch: 0 }));
  await unfenced;
  await drain();
  return made;
}
