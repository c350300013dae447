/**
 * `node test/compat/cluster/fuzz.ts KAFKA OURS [SEED [COUNT]]`: random requests about topics, configs, elections, reassignments and features,
 * the same to both, until an answer differs. KAFKA and OURS are `BROKER,CONTROLLER` of one fresh node each, with node.id 1.
 */
import { isDeepStrictEqual } from 'node:util';
import { Prng, UUID_ZERO } from '@odradek/base';
import { ApiKey, ConfigResourceType } from '@odradek/protocol';
import { play, titleOf, type Place, type Step } from './steps.ts';
import { created, elected, grown, levels, made, moved, reassigned, step } from './words.ts';

const [kafka, ours, seedText = '1', countText = '500'] = process.argv.slice(2);
if (kafka === undefined || ours === undefined) throw new Error('usage: fuzz.ts KAFKA OURS [SEED [COUNT]]');

function placeOf(text: string): Place {
  const [broker = '', controller = ''] = text.split(',');
  return { broker, controller };
}

class Luck {
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  pick<T>(...from: readonly T[]): T {
    const picked = from[this.#prng.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  /** None to `max` of them. */
  some<T>(max: number, one: () => T): T[] {
    return Array.from({ length: this.#prng.below(max + 1) }, one);
  }

  chance(oneIn: number): boolean {
    return this.#prng.below(oneIn) === 0;
  }
}

const luck = new Luck(Number(seedText));
const topic = (): string =>
  luck.pick(
    'a',
    'b',
    'c',
    'd.e',
    'd_e',
    'nope',
    luck.pick('', '.', 'x y', 'é', '__cluster_metadata', '__consumer_offsets', 'y'.repeat(250)),
  );
const partition = (): number => luck.pick(0, 0, 1, 2, 3, luck.pick(-1, 99));
const replicas = (): number[] => luck.pick([1], [1], [1], [], [2], [1, 2], [1, 1], [-1]);
const config = (): [string, string] =>
  luck.pick<[string, string]>(
    ['retention.ms', luck.pick('5', '-1', 'soon', '', '-2')],
    ['cleanup.policy', luck.pick('compact', 'compact,delete', 'shrink', '')],
    ['min.insync.replicas', luck.pick('1', '2', '0')],
    ['nope', '1'],
    ['segment.bytes', luck.pick('1048576', '1', '99999999999')],
  );

function creation(): Step {
  const one = () => {
    const manual = luck.chance(5);
    const assignments = luck
      .some(3, () => luck.pick(0, 1, 2))
      .map((partitionIndex) => ({ partitionIndex, brokerIds: replicas() }));
    const counts = manual
      ? { numPartitions: luck.pick(-1, -1, 1), replicationFactor: luck.pick(-1, -1, 1), assignments }
      : { numPartitions: luck.pick(1, 2, 3, -1, 0, -2), replicationFactor: luck.pick(1, 1, -1, 0, 2, -2) };
    const configs = luck.some(2, config).map(([name, value]) => ({ name, value }));
    return made(topic(), { ...counts, configs });
  };
  const version = luck.pick(7, 7, 5, 4);
  const request = { ...created(...luck.some(3, one)), validateOnly: luck.chance(5) };
  return step(luck.pick('broker', 'controller'), [ApiKey.CreateTopics, version], 'drawn', request);
}

function deletion(): Step {
  const topics = luck.some(2, () => ({ name: topic(), topicId: UUID_ZERO }));
  return step(luck.pick('broker', 'controller'), [ApiKey.DeleteTopics, 6], 'drawn', { topics, timeoutMs: 5_000 });
}

function growth(): Step {
  const one = () => ({
    name: topic(),
    count: luck.pick(1, 2, 3, 4, 5, 0, -1),
    assignments: luck.chance(4) ? luck.some(2, () => ({ brokerIds: replicas() })) : null,
  });
  const request = { ...grown(...luck.some(2, one)), validateOnly: luck.chance(5) };
  return step(luck.pick('broker', 'controller'), [ApiKey.CreatePartitions, luck.pick(0, 3)], 'drawn', request);
}

const { TOPIC, BROKER, GROUP, CLIENT_METRICS } = ConfigResourceType;

/**
 * Left out: what Kafka breaks over (an operation that is none), or takes for what nobody means (nothing, appended), and what its controllers
 * take of brokers without a look at it.
 */
function configuration(): Step {
  const [type, name] = luck.pick<readonly [number, string]>(
    [TOPIC, topic()],
    [TOPIC, topic()],
    [BROKER, luck.pick('1', '')],
    [GROUP, luck.pick('g', '')],
    [CLIENT_METRICS, luck.pick('m', '')],
  );
  const [key, value] = keyOf(type);
  const operation = value === '' ? luck.pick(0, 1) : luck.pick(0, 0, 1, 2, 3);
  const configs = [{ name: key, configOperation: operation, value: operation === 1 ? null : value }];
  const of = type === BROKER ? 'broker' : luck.pick('broker', 'controller');
  return step(of, [ApiKey.IncrementalAlterConfigs, luck.pick(0, 1)], 'drawn', {
    resources: [{ resourceType: type, resourceName: name, configs }],
    validateOnly: luck.chance(4),
  });
}

function keyOf(type: number): readonly [name: string, value: string] {
  switch (type) {
    case TOPIC:
      return [luck.pick('retention.ms', 'cleanup.policy', 'min.insync.replicas', 'segment.bytes', 'nope'), valueOf()];
    case BROKER:
      return [luck.pick('log.retention.ms', 'log.cleanup.policy', 'log.segment.bytes'), valueOf()];
    case GROUP:
      return [luck.pick('consumer.session.timeout.ms', 'consumer.heartbeat.interval.ms', 'nope'), valueOf()];
    default:
      return [luck.pick('interval.ms', 'metrics', 'match', 'nope'), valueOf()];
  }
}

function valueOf(): string {
  return luck.pick('5', '1', '50000', '-1', '-2', 'soon', '', 'compact', 'compact,delete', '1048576', '99999999999');
}

function election(): Step {
  const named = luck.some(3, (): [string, number[]] => [topic(), luck.some(3, partition)]);
  const version = luck.pick(0, 1, 2);
  const type = version === 0 ? undefined : luck.pick(0, 1, 2);
  const request = elected(type, ...named);
  return step(luck.pick('broker', 'controller'), [ApiKey.ElectLeaders, version], 'drawn', {
    ...request,
    topicPartitions: luck.chance(4) ? null : request.topicPartitions,
  });
}

function reassignment(): Step {
  const one = () =>
    moved(topic(), ...luck.some(3, (): [number, number[] | null] => [partition(), luck.chance(3) ? null : replicas()]));
  const version = luck.pick(0, 1);
  const more = version === 1 ? { allowReplicationFactorChange: luck.pick(true, false) } : {};
  const request = { ...reassigned(...luck.some(3, one)), ...more };
  return step(luck.pick('broker', 'controller'), [ApiKey.AlterPartitionReassignments, version], 'drawn', request);
}

function listing(): Step {
  const topics = luck.some(2, () => ({ name: topic(), partitionIndexes: luck.some(3, partition) }));
  const request = { timeoutMs: 5_000, topics: luck.chance(3) ? null : topics };
  return step(luck.pick('broker', 'controller'), [ApiKey.ListPartitionReassignments, 0], 'drawn', request);
}

function features(): Step {
  const version = luck.pick(0, 1, 2);
  const one = () => ({
    feature: luck.pick('group.version', 'group.version', 'nope', 'metadata.version', 'kraft.version'),
    maxVersionLevel: luck.pick(0, 1, 1, 2, -1),
    ...(version === 0 ? { allowDowngrade: luck.chance(2) } : { upgradeType: luck.pick(1, 1, 2, 3, 0, 4) }),
  });
  const request = levels(...luck.some(2, one));
  const body = version === 0 ? request : { ...request, validateOnly: luck.chance(3) };
  return step(luck.pick('broker', 'controller'), [ApiKey.UpdateFeatures, version], 'drawn', body);
}

const draws = [creation, creation, deletion, growth, configuration, election, reassignment, listing, features];
const trace: Step[] = [];
for (let count = 1; count <= Number(countText); count += 1) {
  const drawn = luck.pick(...draws)();
  trace.push(drawn);
  const [[theirs], [own]] = await Promise.all([play(placeOf(kafka), [drawn]), play(placeOf(ours), [drawn])]);
  if (isDeepStrictEqual(theirs, own)) continue;
  console.log(`request ${count} of seed ${seedText} is answered otherwise: ${titleOf(drawn)}`);
  console.log(`  asked ${JSON.stringify(drawn.body)}`);
  console.log(`  kafka ${JSON.stringify(theirs?.answer)}`);
  console.log(`  ours  ${JSON.stringify(own?.answer)}`);
  process.exitCode = 1;
  if (process.env['FUZZ_GO_ON'] === undefined) break;
}
console.log(`${trace.length} requests of seed ${seedText}`);
