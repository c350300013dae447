/**
 * Moves of partitions as kafka-reassign-partitions has them: its files, who holds a partition and who shall, throttles, and proposals that
 * spread partitions over brokers and racks.
 */
import { CommandError } from '../refusal.ts';

export type Partition = { readonly topic: string; readonly partition: number };
export type Placed = Partition & {
  readonly replicas: readonly number[];
  /** The log directory of each replica on its broker, "any" where the broker chooses; left out: everywhere. */
  readonly logDirs?: readonly string[];
};

/** A move that is under way; `replicas` holds those that are added and those that leave. */
export type Ongoing = Placed & { readonly adding: readonly number[]; readonly removing: readonly number[] };

export function showPartition({ topic, partition }: Partition): string {
  return `${topic}-${partition}`;
}

/** By topic and partition, as Kafka lists them. */
export function byPartition(left: Partition, right: Partition): number {
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  return left.partition - right.partition;
}

/** The file of `--reassignment-json-file`. @throws CommandError that says what is wrong and where */
export function parseReassignment(option: string, text: string): Placed[] {
  const partitions = listIn(option, text, 'partitions');
  const rows = partitions.map((row, at) => parseRow(`${option}: partitions[${at}]`, row));
  if (rows.length === 0) throw new CommandError(`${option}: the list of partitions is empty`);
  const seen = new Set<string>();
  for (const row of rows) {
    const name = showPartition(row);
    if (seen.has(name)) throw new CommandError(`${option}: ${name} is there twice`);
    seen.add(name);
    if (row.replicas.length === 0) throw new CommandError(`${option}: ${name} has no replicas`);
    const twice = row.replicas.find((id, at) => row.replicas.indexOf(id) !== at);
    if (twice !== undefined) throw new CommandError(`${option}: ${name} names broker ${twice} twice`);
  }
  return rows;
}

function parseRow(where: string, row: unknown): Placed {
  if (!isObject(row)) throw new CommandError(`${where} is not an object`);
  const { topic, partition, replicas, log_dirs: logDirs } = row;
  if (typeof topic !== 'string' || topic === '') throw new CommandError(`${where}.topic is not a name`);
  if (!isId(partition)) throw new CommandError(`${where}.partition is not a number of a partition`);
  if (!Array.isArray(replicas) || !replicas.every(isId)) throw new CommandError(`${where}.replicas is no list of ids`);
  if (logDirs === undefined) return { topic, partition, replicas };
  if (!Array.isArray(logDirs) || logDirs.length !== replicas.length || !logDirs.every(isPath)) {
    throw new CommandError(`${where}.log_dirs is no list of directories, or "any", that is as long as replicas`);
  }
  return logDirs.every((directory) => directory === 'any')
    ? { topic, partition, replicas }
    : { topic, partition, replicas, logDirs };
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** The file of `--topics-to-move-json-file`. */
export function parseTopics(option: string, text: string): string[] {
  const topics = listIn(option, text, 'topics');
  const names = topics.map((row, at) => {
    const topic = isObject(row) ? row['topic'] : undefined;
    if (typeof topic !== 'string') throw new CommandError(`${option}: topics[${at}].topic is not a name`);
    return topic;
  });
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new CommandError(`${option}: topic ${twice} is there twice`);
  if (names.length === 0) throw new CommandError(`${option}: the list of topics is empty`);
  return names;
}

/** The file of `--path-to-json-file`: partitions without replicas. */
export function parsePartitions(option: string, text: string): Partition[] {
  const partitions = listIn(option, text, 'partitions');
  const rows = partitions.map((row, at): Partition => {
    const { topic, partition } = isObject(row) ? row : {};
    if (typeof topic !== 'string' || !isId(partition)) {
      throw new CommandError(`${option}: partitions[${at}] is not {"topic": NAME, "partition": NUMBER}`);
    }
    return { topic, partition };
  });
  const names = rows.map(showPartition);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new CommandError(`${option}: ${twice} is there twice`);
  if (rows.length === 0) throw new CommandError(`${option}: the list of partitions is empty`);
  return rows;
}

function listIn(option: string, text: string, list: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new CommandError(`${option}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { version = 1, [list]: rows } = isObject(parsed) ? parsed : {};
  if (version !== 1) throw new CommandError(`${option}: version is not 1, the only one there is`);
  if (!Array.isArray(rows)) throw new CommandError(`${option}: no list called "${list}" is in it`);
  return rows;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 2_147_483_647;
}

/** The same as a file, in one line as Kafka writes it. */
export function formatReassignment(placed: readonly Placed[]): string {
  const partitions = placed.toSorted(byPartition).map(({ topic, partition, replicas, logDirs }) => ({
    topic,
    partition,
    replicas,
    log_dirs: logDirs ?? replicas.map(() => 'any'),
  }));
  return JSON.stringify({ version: 1, partitions });
}

export type BrokerPlace = { readonly id: number; readonly rack: string | null };

/**
 * Spreads the partitions of each topic over brokers, replicas of one partition over racks, each partition with as many replicas as it
 * has. Of the spreads that do so, the one that moves the fewest replicas.
 * @throws CommandError when there are fewer brokers than replicas, or racks of only some are known
 */
export function propose(current: readonly Placed[], brokers: readonly BrokerPlace[]): Placed[] {
  const racked = brokers.filter(({ rack }) => rack !== null).length;
  if (racked > 0 && racked < brokers.length) {
    throw new CommandError('only some of the brokers tell their rack: give --disable-rack-aware to leave racks out');
  }
  const order = alternatingRacks(brokers);
  const topics = new Map<string, Placed[]>();
  for (const each of current) topics.set(each.topic, [...(topics.get(each.topic) ?? []), each]);
  return [...topics.values()].flatMap((partitions) => proposeTopic(partitions.toSorted(byPartition), order));
}

/** One broker of each rack after the other, so that neighbours are of different racks as long as there are some. */
function alternatingRacks(brokers: readonly BrokerPlace[]): BrokerPlace[] {
  const racks = new Map<string | null, BrokerPlace[]>();
  for (const broker of brokers.toSorted((left, right) => left.id - right.id)) {
    racks.set(broker.rack, [...(racks.get(broker.rack) ?? []), broker]);
  }
  const rows = [...racks.values()];
  const longest = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: longest }, (_, at) => rows.flatMap((row) => row[at] ?? [])).flat();
}

function proposeTopic(partitions: readonly Placed[], order: readonly BrokerPlace[]): Placed[] {
  let best: { readonly moves: number; readonly placed: Placed[] } | undefined;
  for (let start = 0; start < order.length; start += 1) {
    const placed = partitions.map((each, at) => ({ ...each, replicas: replicasFor(each, { start, at }, order) }));
    const moves = placed.reduce((sum, each, at) => sum + newReplicas(partitions[at]?.replicas ?? [], each.replicas), 0);
    if (best === undefined || moves < best.moves) best = { moves, placed };
  }
  return best?.placed ?? [];
}

function newReplicas(before: readonly number[], after: readonly number[]): number {
  return after.filter((id) => !before.includes(id)).length;
}

/** @param place which partition of the topic it is, and where in `order` the first one begins */
function replicasFor(
  { topic, partition, replicas }: Placed,
  place: { readonly start: number; readonly at: number },
  order: readonly BrokerPlace[],
): number[] {
  const count = replicas.length;
  if (count > order.length) {
    const why = `${topic}-${partition} has ${count} replicas, and ${order.length} brokers cannot hold one each`;
    throw new CommandError(`${why}: name more in --broker-list`);
  }
  const first = (place.start + place.at) % order.length;
  // Followers begin one further each time around, so that no pair of brokers shares all of its partitions.
  const shift = Math.floor(place.at / order.length);
  const others = Array.from({ length: order.length - 1 }, (_, step) => {
    const distance = 1 + ((step + shift) % (order.length - 1));
    return order[(first + distance) % order.length];
  });
  const chosen = [order[first]];
  const racks = new Set([order[first]?.rack]);
  for (const isWanted of [(rack: string | null) => rack === null || !racks.has(rack), () => true]) {
    for (const broker of others) {
      if (chosen.length === count) break;
      if (broker === undefined || chosen.includes(broker) || !isWanted(broker.rack)) continue;
      chosen.push(broker);
      racks.add(broker.rack);
    }
  }
  return chosen.flatMap((broker) => (broker === undefined ? [] : [broker.id]));
}

export type Throttles = {
  /** By topic: the replicas that are read from and written to, as the topic's configuration names them. */
  readonly leaders: ReadonlyMap<string, string>;
  readonly followers: ReadonlyMap<string, string>;
  readonly brokers: readonly number[];
};

/** Which replicas and brokers a move touches, together with those that move already. */
export function throttlesOf(
  proposed: readonly Placed[],
  current: readonly Placed[],
  ongoing: readonly Ongoing[],
): Throttles {
  const moves = new Map<
    string,
    Partition & { readonly sources: readonly number[]; readonly targets: readonly number[] }
  >();
  for (const { topic, partition, replicas, adding } of ongoing) {
    const sources = replicas.filter((id) => !adding.includes(id));
    moves.set(showPartition({ topic, partition }), { topic, partition, sources, targets: adding });
  }
  const before = new Map(current.map((each) => [showPartition(each), each.replicas]));
  for (const each of proposed) {
    const name = showPartition(each);
    const sources = moves.get(name)?.sources ?? before.get(name) ?? [];
    const targets = each.replicas.filter((id) => !sources.includes(id));
    moves.set(name, { topic: each.topic, partition: each.partition, sources, targets });
  }
  const leaders = new Map<string, Set<string>>();
  const followers = new Map<string, Set<string>>();
  const brokers = new Set<number>();
  const note = (of: Map<string, Set<string>>, { topic, partition }: Partition, ids: readonly number[]): void => {
    const names = of.get(topic) ?? new Set<string>();
    for (const id of ids) names.add(`${partition}:${id}`);
    of.set(topic, names);
  };
  for (const move of moves.values()) {
    note(leaders, move, move.sources);
    note(followers, move, move.targets);
    for (const id of [...move.sources, ...move.targets]) brokers.add(id);
  }
  const joined = (of: ReadonlyMap<string, ReadonlySet<string>>): Map<string, string> =>
    new Map([...of].map(([topic, names]) => [topic, [...names].sort(byText).join(',')]));
  return { leaders: joined(leaders), followers: joined(followers), brokers: [...brokers].sort((a, b) => a - b) };
}

function byText(left: string, right: string): number {
  return left < right ? -1 : 1;
}

export type MoveState = Partition & {
  readonly state: 'completed' | 'ongoing' | 'other';
  readonly replicas: readonly number[];
  readonly target: readonly number[];
};

/** How far each wanted move is. */
export function statesOf(
  wanted: readonly Placed[],
  current: readonly Placed[],
  ongoing: readonly Ongoing[],
): MoveState[] {
  const moving = new Map(ongoing.map((each) => [showPartition(each), each.replicas]));
  const placed = new Map(current.map((each) => [showPartition(each), each.replicas]));
  return wanted.toSorted(byPartition).map(({ topic, partition, replicas: target }) => {
    const name = showPartition({ topic, partition });
    const under = moving.get(name);
    if (under !== undefined) return { topic, partition, state: 'ongoing', replicas: under, target };
    const replicas = placed.get(name) ?? [];
    const isThere = replicas.length === target.length && replicas.every((id, at) => id === target[at]);
    return { topic, partition, state: isThere ? 'completed' : 'other', replicas, target };
  });
}

/** A line for a person, in the words of kafka-reassign-partitions. */
export function stateLine({ topic, partition, state, replicas, target }: MoveState): string {
  const name = showPartition({ topic, partition });
  if (state === 'completed') return `Reassignment of partition ${name} is completed.`;
  if (state === 'ongoing') return `Reassignment of partition ${name} is still in progress.`;
  return (
    `There is no active reassignment of partition ${name}, ` +
    `but replica set is ${replicas.join(',')} rather than ${target.join(',')}.`
  );
}

export function ongoingLine({ topic, partition, replicas, adding, removing }: Ongoing): string {
  const added = adding.length === 0 ? '' : ` adding: ${adding.join(',')}.`;
  const removed = removing.length === 0 ? '' : ` removing: ${removing.join(',')}.`;
  return `${showPartition({ topic, partition })}: replicas: ${replicas.join(',')}.${added}${removed}`;
}
