/** The proof of the proof: a bug that is planted in production's source is found by the simulator within 200 seeds. Each is one edit. */
import { afterAll, expect, test } from 'vitest';
import { Planted } from '../shell/planted.ts';
import type { Bug } from '../shell/planted.ts';
import { runControllers } from './cluster.ts';
import { compositionOf, modules } from './composition.ts';
import type { Composition, Modules } from './composition.ts';

const SEEDS = 200;
/** Of a busy machine, too. */
const timeout = 300_000;

/** By which claims it may show first. */
type Told = Bug & { readonly claims: readonly string[] };

const LOST = ['what is told is committed', 'what is acknowledged is done', 'producer ids', 'read your own writes'];
const TWICE = ['nothing is applied twice'];
/** Of a machine that notices by itself that its image and its log are two. */
const TORN = [
  'what is told is committed',
  'a controller runs',
  'a process goes on',
  'a node goes on',
  'equal images',
  'state machine safety',
  'a broker runs',
];

const ofController: readonly Told[] = [
  {
    bug: 'a change is acknowledged before it is committed',
    file: 'shell/active.ts',
    from: 'this.#inFlight = { offset: at.offset, endOffset: at.offset + records.length, decided };',
    to: `this.#inFlight = { offset: at.offset, endOffset: at.offset + records.length, decided };
    this.#answer(decided, at.offset + records.length);`,
    claims: [...LOST, ...TWICE],
  },
  {
    bug: 'the image keeps what was decided and not committed when the lead is lost',
    file: 'shell/runtime.ts',
    from: 'return isAhead ? this.#rebuild() : undefined;',
    to: 'return undefined;',
    claims: TORN,
  },
  {
    bug: 'a snapshot for a broker holds what is not committed',
    file: 'shell/runtime.ts',
    from: 'capture: () => (this.#isCommitted ? this.#image.capture() : undefined)',
    to: 'capture: () => this.#image.capture()',
    claims: TORN,
  },
  {
    bug: 'what was under way when the lead was lost is refused as if nothing could come of it',
    file: 'shell/active.ts',
    from: 'answer(refuse(ErrorCode.REQUEST_TIMED_OUT, told));',
    to: 'answer(refuse(ErrorCode.NOT_CONTROLLER, told));',
    claims: TWICE,
  },
  {
    bug: 'a broker that beats under an epoch that counts no more is taken for what it was',
    file: 'core/brokers.ts',
    from: 'if (broker.epoch === brokerEpoch) return undefined;',
    to: 'if (broker.epoch >= brokerEpoch) return undefined;',
    claims: ['a stale broker epoch is refused'],
  },
  {
    bug: 'a broker whose stream breaks is fenced at once, although it comes back within the grace',
    file: 'core/brokers.ts',
    from: 'session.lostAtMs + settings.reconnectGraceMs)',
    to: 'session.lostAtMs)',
    claims: ['a broken stream is forgiven'],
  },
  {
    bug: 'a stream that breaks says nothing of the broker: only its silence does',
    file: 'core/brokers.ts',
    from: 'session.lostAtMs ??= nowMs;',
    to: '',
    claims: ['a death is seen by the stream'],
  },
];

const ofBroker: readonly Told[] = [
  {
    bug: 'a request whose stream broke before the answer is sent again',
    file: 'session/shell/link.ts',
    from: "(replied.kind === 'gone' && READS.has(request.kind))",
    to: "replied.kind === 'gone'",
    claims: TWICE,
  },
];

const controllers = new Planted('controller');
const brokers = new Planted('broker');
afterAll(() => {
  controllers.remove();
  brokers.remove();
});

/** @returns the claim that the first seed which finds it says is broken; undefined: none of them has */
async function foundBy(composition: Composition): Promise<string | undefined> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violation } = await runControllers(seed, composition);
    if (violation !== undefined) return violation.claim;
  }
  return undefined;
}

test.for(ofController)('simulator: finds it when $bug', { timeout }, async (bug) => {
  const copy = controllers.plant(bug);
  const { createController } = await copy<Pick<Modules, 'createController'>>('controller', 'index.ts');
  expect(bug.claims).toContain(await foundBy(compositionOf({ ...modules, createController })));
});

test.for(ofBroker)('simulator: finds it when $bug', { timeout }, async (bug) => {
  const copy = brokers.plant(bug);
  const found = await copy<Pick<Modules, 'createControllerLink' | 'ControllerSession'>>('broker', 'session/index.ts');
  expect(bug.claims).toContain(await foundBy(compositionOf({ ...modules, ...found })));
});
