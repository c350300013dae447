/**
 * `node packages/controller/src/testing/kafka/record.ts START`: plays the scenarios against controllers of Apache Kafka 4.3.1 and writes
 * what they decided to `test-data/`. `START plain` and `START elr` start a fresh controller, the second with ELR enabled, and print the
 * address of its CONTROLLER listener and the path of its log file. It runs with process.roles=controller, node.id=3000, num.partitions=3,
 * default.replication.factor=1, auto.leader.rebalance.enable=false, a broker.session.timeout.ms of an hour, and the cluster id of `names.ts`.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { AlterConfigOp, ConfigResourceType } from '@odradek/protocol';
import { randomScenarios } from './random.ts';
import { play, type Recorded, type Scenario, type Step, type Told } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { configure, remove, unregister } from './steps.ts';
import { KafkaController, hasStumbled } from './theirs.ts';

const { BROKER, CLIENT_METRICS, GROUP, TOPIC } = ConfigResourceType;
const configTypes = [BROKER, CLIENT_METRICS, GROUP];

const [start = ''] = process.argv.slice(2);
const started = new Map<boolean, KafkaController>();

async function fresh(elr: boolean): Promise<KafkaController> {
  started.get(elr)?.close();
  const words = execFileSync(start, [elr ? 'elr' : 'plain'], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
  const [address = '', logFile = ''] = words.slice(-2);
  const kafka = await KafkaController.open(address, logFile);
  started.set(elr, kafka);
  return kafka;
}

/** A controller that knows nothing of what came before. Kafka 4.3.1 may stumble for good over what ELR left behind: then a fresh one. */
async function cleaned(elr: boolean): Promise<KafkaController> {
  const kafka = started.get(elr);
  if (kafka === undefined) return fresh(elr);
  await play(kafka, cleaning(kafka));
  const { cluster, topics } = kafka.image;
  return topics.size > 0 || [...cluster.brokers()].length > 0 ? fresh(elr) : kafka;
}

async function record(list: readonly Scenario[], file: string): Promise<void> {
  const recorded: Recorded[] = [];
  for (const { name, elr: hasElr, steps } of list) {
    const told = await play(await cleaned(hasElr), steps);
    if (told.some(({ reply }) => hasStumbled(reply))) console.error(`left out: Kafka stumbles over ${name}`);
    else recorded.push({ name, elr: hasElr, steps: steps.map((step, at) => [step, told[at] ?? NOTHING]) });
  }
  const path = fileURLToPath(new URL(`../../../test-data/${file}`, import.meta.url));
  const text = textOf(recorded);
  writeFileSync(path, file.endsWith('.gz') ? gzipSync(text, { level: 9 }) : text);
  console.log(`${file}: ${recorded.length} scenarios, ${readFileSync(path).length} bytes`);
}

const NOTHING: Told = { reply: null, records: [] };

/** Takes away what the scenario before has left. */
function cleaning({ image }: KafkaController): Step[] {
  const topics = Array.from(image.topics.all(), ({ name }) => name);
  const brokers = Array.from(image.cluster.brokers(), ({ id }) => unregister(id));
  const configs = configTypes.flatMap((type) =>
    image.configs.names(type).map((name) => {
      const keys = [...image.configs.of(type, name).keys()];
      return configure([[type, name, ...keys.map((key) => [key, AlterConfigOp.DELETE, null] as const)]]);
    }),
  );
  // Kafka 4.3.1 stumbles over the eligible replicas of topics that are gone; this key makes it forget them before.
  const forgetting = topics.map((name) => configure([[TOPIC, name, ['min.insync.replicas', AlterConfigOp.SET, '1']]]));
  return [...forgetting, ...(topics.length > 0 ? [remove(...topics)] : []), ...configs, ...brokers];
}

/** A step a line, so that a change shows as the lines that changed. */
function textOf(recorded: readonly Recorded[]): string {
  const text = recorded.map(({ name, elr: hasElr, steps }) => {
    const lines = steps.map((step) => `      ${JSON.stringify(step)}`);
    return `  {\n    "name": ${JSON.stringify(name)},\n    "elr": ${hasElr},\n    "steps": [\n${lines.join(',\n')}\n    ]\n  }`;
  });
  return `[\n${text.join(',\n')}\n]\n`;
}

await record(scenarios, 'kafka-4.3.1-decisions.json');
await record(randomScenarios(), 'kafka-4.3.1-random-decisions.json.gz');
for (const kafka of started.values()) kafka.close();
