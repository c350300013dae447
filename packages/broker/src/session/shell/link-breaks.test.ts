/** Random lives of controllers and streams: what a broker hears is one log, and what it asks is decided at most once. */
import { Prng, limits as allLimits } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { record } from '@odradek/metadata';
import { idOf } from '@odradek/controller/testing';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { BROKER, beatOf, createTopics, following, outcomeOf, rigOf } from '../testing/rig.ts';
import type { Heard, Rig } from '../testing/rig.ts';
import type { SimNode } from '@odradek/rpc/testing';

const RUNS = 60;
const STEPS = 120;

type Asked = { readonly name: string; readonly seen: { value: Outcome<unknown> | undefined } };

/** A cluster that anything may happen to. */
class Life {
  readonly rig: Rig;
  readonly asked: Asked[] = [];
  readonly #random: Prng;
  readonly #dead = new Set<number>();
  readonly #held = new Set<SimNode>();
  #names = 0;

  constructor(rig: Rig, random: Prng) {
    this.rig = rig;
    this.#random = random;
  }

  async step(ask: (name: string) => Asked): Promise<void> {
    const { rig } = this;
    const random = this.#random;
    const id = 1 + random.below(3);
    switch (random.below(13)) {
      case 0:
        this.#elect();
        break;
      case 1:
        rig.streams.reset(BROKER, id);
        break;
      case 2:
        this.#kill(id);
        break;
      case 3:
        rig.streams.cut(id, BROKER);
        if (random.below(2) === 0) rig.streams.cut(BROKER, id);
        break;
      case 4:
        rig.streams.healAll();
        break;
      case 5:
        rig.cluster.logStart = random.below(rig.cluster.endOffset + 1);
        break;
      case 6:
        this.#restart();
        break;
      case 7:
        rig.cluster.commitBytes([], 1);
        break;
      case 8:
        this.#stand(id);
        break;
      case 9:
      case 10:
        this.asked.push(ask(`a${(this.#names += 1)}`));
        break;
      default:
        this.#commit();
    }
    await rig.pass(random.below(40));
  }

  /** Nothing breaks any more. */
  async heal(): Promise<void> {
    const { rig } = this;
    rig.streams.healAll();
    for (const node of this.#held) rig.streams.release(node);
    while (this.#dead.size > 0) this.#restart();
    rig.cluster.elect(1);
    await rig.pass(20_000);
  }

  #elect(): void {
    const alive = [1, 2, 3].filter((id) => !this.#dead.has(id));
    const winner = alive[this.#random.below(alive.length + 1)] ?? null;
    // Somebody may hear of it late: of two that take themselves for active only one decides.
    this.rig.cluster.elect(winner, [...this.#dead]);
  }

  #kill(id: number): void {
    if (this.#dead.size === 2 || this.#dead.has(id)) return;
    this.#dead.add(id);
    this.rig.nodes.get(id)?.kill();
    const { controllers } = this.rig;
    controllers[id - 1]?.hear({ nodeId: null, epoch: this.rig.cluster.epoch, endpoint: undefined });
  }

  /** A process stands still, or all that do go on. */
  #stand(id: number): void {
    const { nodes, streams } = this.rig;
    const node = nodes.get(id);
    if (this.#held.size > 0) for (const each of this.#held) streams.release(each);
    else if (node !== undefined) streams.hold(node);
    if (this.#held.size > 0) this.#held.clear();
    else if (node !== undefined) this.#held.add(node);
  }

  #restart(): void {
    const [id] = this.#dead;
    const controller = id === undefined ? undefined : this.rig.controllers[id - 1];
    if (id === undefined || controller === undefined) return;
    this.#dead.delete(id);
    this.rig.start(controller);
  }

  #commit(): void {
    const count = 1 + this.#random.below(3);
    const names = Array.from({ length: count }, () => `c${(this.#names += 1)}`);
    this.rig.cluster.commit(...names.map((name) => record('TopicRecord', { name, topicId: idOf(name) })));
  }
}

function committedNames({ cluster }: Rig): string[] {
  const heard: string[] = [];
  for (const { records } of cluster.entries) heard.push(...records.map((bytes) => nameOf(bytes)));
  return heard;
}

/** Of a TopicRecord: frame version, type, version, then a compact string. */
function nameOf(bytes: Buffer): string {
  const length = bytes.readUInt8(3) - 1;
  return bytes.toString('utf8', 4, 4 + length);
}

function judge(rig: Rig, heard: Heard, asked: readonly Asked[]): void {
  const names = committedNames(rig);
  expect(heard.breaches).toEqual([]);
  expect(heard.names).toEqual(names);
  expect(heard.endOffset).toBe(rig.cluster.endOffset);
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const { name, seen } of asked) {
    const count = counts.get(name) ?? 0;
    const { value } = seen;
    if (value === undefined) throw new Error(`${name} was never answered`);
    if (value.ok) expect(count, `${name} was acknowledged`).toBe(1);
    else {
      expect(value.code, value.why).toBe(ErrorCode.REQUEST_TIMED_OUT);
      expect(count, name).toBeLessThanOrEqual(1);
    }
  }
  expect(rig.bugs).toEqual([]);
}

async function live(
  seed: number,
): Promise<{ readonly rig: Rig; readonly heard: Heard; readonly asked: readonly Asked[] }> {
  const random = new Prng(seed + 1);
  const rig = rigOf({ seed, limits: allLimits.tiny, delayMs: 1 + random.below(10) });
  const life = new Life(rig, random);
  rig.cluster.elect(1);
  const { link, heard } = await following(rig);
  const ask = (name: string): Asked => ({ name, seen: outcomeOf(link.submit(createTopics(name), 'User:a')) });
  for (let nth = 0; nth < STEPS; nth += 1) {
    void link.heartbeat(beatOf(0));
    await life.step(ask);
  }
  await life.heal();
  link.close();
  return { rig, heard, asked: life.asked };
}

test.for(Array.from({ length: RUNS }, (_, nth) => nth))(
  'link: whatever breaks, the metadata comes once and in order, and no request is decided twice: life %i',
  async (seed) => {
    const { rig, heard, asked } = await live(seed);
    judge(rig, heard, asked);
  },
);

test('link: these lives are full of breaks, and most of what is asked is answered', async () => {
  let [acknowledged, refused, sessions, snapshots] = [0, 0, 0, 0];
  for (let seed = 0; seed < 20; seed += 1) {
    const { heard, asked } = await live(seed);
    const isAcknowledged = ({ seen }: Asked): boolean => seen.value?.ok === true;
    acknowledged += asked.filter(isAcknowledged).length;
    refused += asked.filter((each) => !isAcknowledged(each)).length;
    sessions += heard.opens;
    snapshots += heard.snapshots;
  }
  expect(acknowledged).toBeGreaterThan(5 * refused);
  expect(refused, 'some were under way when a stream broke').toBeGreaterThan(10);
  expect(sessions).toBeGreaterThan(100);
  expect(snapshots).toBeGreaterThan(30);
});
