/** What a single value cannot tell: keys that must fit each other, and what this node cannot be yet. */
import { checkListeners } from './listener-checks.ts';
import type { NodeConfig } from './node-config.ts';
import { checkQuorum, checkRoles } from './quorum-checks.ts';

type Told = { readonly problems: string[]; readonly warnings: string[] };

/** Appends every problem (the node must not start) and warning to `told`. */
export function checkTogether(config: NodeConfig, told: Told): void {
  checkRoles(config, told.problems);
  checkQuorum(config, told);
  checkListeners(config, told);
  checkSecurity(config, told.problems);
  checkDirectories(config, told.problems);
  checkCleaner(config, told.problems);
  checkTimes(config, told);
  checkGroupProtocols(config, told.problems);
}

function checkSecurity(config: NodeConfig, problems: string[]): void {
  const authorizer = config.get('authorizer.class.name');
  if (authorizer === '') return;
  problems.push(
    `authorizer.class.name = ${authorizer}: access control is not built yet, and a node that is meant to have it does not start without: ` +
      'leave the key out to let everybody do everything',
  );
}

function checkDirectories(config: NodeConfig, problems: string[]): void {
  const directories = config.logDirs;
  const twice = directories.find((directory, at) => directories.indexOf(directory) !== at);
  if (twice !== undefined) problems.push(`log.dirs names ${twice} twice`);
  const cordoned = cordonProblem(config.get('cordoned.log.dirs'), directories);
  if (cordoned !== undefined) problems.push(cordoned);
}

/** @returns why these entries cannot be cordoned.log.dirs of a node with these directories; undefined: they can */
export function cordonProblem(cordoned: readonly string[], directories: readonly string[]): string | undefined {
  if (cordoned.includes('*'))
    return cordoned.length === 1 ? undefined : 'cordoned.log.dirs: * stands for all directories, and alone';
  const missing = cordoned.filter((entry) => !directories.includes(entry));
  if (missing.length === 0) return undefined;
  return `all entries in cordoned.log.dirs must be present in log.dirs: ${missing.join(', ')} is not`;
}

const DEDUPE_BYTES_LEAST = 1024 * 1024;

function checkCleaner(config: NodeConfig, problems: string[]): void {
  const threads = config.get('log.cleaner.threads');
  const bufferBytes = config.get('log.cleaner.dedupe.buffer.size');
  if (threads === 0 || bufferBytes / threads > DEDUPE_BYTES_LEAST) return;
  problems.push(
    `log.cleaner.dedupe.buffer.size = ${bufferBytes} must be more than 1 MiB for each of log.cleaner.threads = ${threads}`,
  );
}

/** Kafka lets them be anything; here they are intervals of timers. */
const positive = [
  'broker.heartbeat.interval.ms',
  'broker.session.timeout.ms',
  'initial.broker.registration.timeout.ms',
  'replica.high.watermark.checkpoint.interval.ms',
] as const;

function checkTimes(config: NodeConfig, told: Told): void {
  const ordered = [
    ['group.min.session.timeout.ms', 'group.max.session.timeout.ms'],
    ['group.consumer.min.session.timeout.ms', 'group.consumer.session.timeout.ms'],
    ['group.consumer.session.timeout.ms', 'group.consumer.max.session.timeout.ms'],
    ['group.consumer.min.heartbeat.interval.ms', 'group.consumer.heartbeat.interval.ms'],
    ['group.consumer.heartbeat.interval.ms', 'group.consumer.max.heartbeat.interval.ms'],
    ['group.consumer.min.assignment.interval.ms', 'group.consumer.assignment.interval.ms'],
    ['group.consumer.assignment.interval.ms', 'group.consumer.max.assignment.interval.ms'],
    ['replica.fetch.wait.max.ms', 'replica.lag.time.max.ms'],
  ] as const;
  for (const [lower, upper] of ordered) {
    if (config.get(lower) <= config.get(upper)) continue;
    told.problems.push(`${lower} = ${config.get(lower)} must not be above ${upper} = ${config.get(upper)}`);
  }
  for (const name of positive) {
    if (config.get(name) < 1) told.problems.push(`${name} = ${config.get(name)}: it must be an integer of at least 1`);
  }
  const heartbeatMs = config.get('broker.heartbeat.interval.ms');
  const sessionMs = config.get('broker.session.timeout.ms');
  if (heartbeatMs * 2 > sessionMs) {
    told.warnings.push(
      `broker.heartbeat.interval.ms = ${heartbeatMs} is more than half of broker.session.timeout.ms = ${sessionMs}: one late beat fences the broker`,
    );
  }
}

/** What is built, by its name and by that of Kafka's class. */
const assignors = [
  'uniform',
  'range',
  'org.apache.kafka.coordinator.group.assignor.UniformAssignor',
  'org.apache.kafka.coordinator.group.assignor.RangeAssignor',
];

function checkGroupProtocols(config: NodeConfig, problems: string[]): void {
  const protocols = config.get('group.coordinator.rebalance.protocols');
  if (!protocols.includes('classic')) {
    problems.push(
      `group.coordinator.rebalance.protocols = ${protocols.join(',')}: the classic protocol cannot be left out, add classic`,
    );
  }
  for (const name of config.get('group.consumer.assignors')) {
    if (assignors.includes(name)) continue;
    problems.push(`group.consumer.assignors: '${name}' is not known: assignors are uniform and range`);
  }
  const heartbeatMs = config.get('group.consumer.heartbeat.interval.ms');
  const sessionMs = config.get('group.consumer.session.timeout.ms');
  if (heartbeatMs >= sessionMs) {
    problems.push(
      `group.consumer.heartbeat.interval.ms = ${heartbeatMs} must be below group.consumer.session.timeout.ms = ${sessionMs}`,
    );
  }
}
