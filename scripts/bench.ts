/** `pnpm bench [what]`: measures, and writes what it found into docs/performance.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE = `usage: pnpm bench [WHAT] [options]
  broker      (default) one node under load, beside Apache Kafka where Java is; writes a table into docs/performance.md
                --runs N (3)  --records N (300000)  --seconds S (10)  --kafka-bootstrap HOST:PORT [--kafka-pid PID]
  groups      commits beside Apache Kafka, many groups, large rebalances, loading of offsets
                --runs N (3)  --seconds S (10)  --groups N (10000)  --kafka-bootstrap HOST:PORT
  scale       many connections and partitions within few file handles
                --connections N (5000)  --topics N (1000)  --partitions N (10)  --file-handles N (20000)
  compaction  what the compaction of a large topic costs those who write beside it
                --megabytes N (1024)  --keys N (1000000)  --runs N (3)  --seconds S (60)  --rate N (2000)
  replicated  three nodes under load, three replicas and acks=all, beside Apache Kafka
                --runs N (3)  --records N (200000)  --seconds S (10)  --alone: ours only  --load FILE: another load generator
  failover    three nodes under 600 idempotent writes/s, one of which is killed, stopped and restarted, beside Apache Kafka
                --rounds N (20)  --kafka-rounds N (3; 0: not measured)
  rolling-restart  the last of it alone   --kafka-rounds N (3; 0: not measured)
  catch-up    a node of three is off while much is written: how fast it catches up, and what others notice, beside Apache Kafka
                --megabytes N (5120)  --rate N (2000)  --alone
  idle-partitions  many partitions on three nodes: what they cost at rest, and the failover of all, beside Apache Kafka
                --partitions N (3000)  --seconds S (30)  --rounds N (3)  --alone
  failover-controllers  the active controller of three nodes is killed, stopped and cut off
                --rounds N (30)
  metadata    many partitions on three nodes: time, memory, snapshots, a new broker's way in; one topic after another, beside Apache Kafka
                --topics N (1000)  --partitions N (100)  --runs N (300)
  real-input  a large text of this machine through produce and consume, with checksums   --megabytes N (300)
  image       the container image: size, start until ready, memory of three idle nodes   --runs N (7)  --seconds S (60)
  codec, log  the benches of packages/protocol and packages/log
  profile     where the broker's time goes under the produce load   --records N
  --no-write  print only`;

const root = new URL('..', import.meta.url).pathname;

// What was started ends with the bench, however that ends.
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    records: { type: 'string' },
    seconds: { type: 'string' },
    'kafka-bootstrap': { type: 'string' },
    'kafka-pid': { type: 'string' },
    groups: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '5000' },
    topics: { type: 'string', default: '1000' },
    partitions: { type: 'string' },
    'file-handles': { type: 'string', default: '20000' },
    megabytes: { type: 'string' },
    rounds: { type: 'string' },
    'kafka-rounds': { type: 'string' },
    keys: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '2000' },
    alone: { type: 'boolean', default: false },
    load: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

type NumberOption = Exclude<keyof typeof values, 'no-write' | 'help' | 'alone' | 'load'>;

function number(name: NumberOption, byDefault?: number): number {
  const value = Number(values[name] ?? byDefault);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name}: '${values[name]}' is not a whole number above 0`);
  return value;
}

/** As {@link number}, or 0: none of it. */
function count(name: NumberOption, byDefault: number): number {
  return values[name] === '0' ? 0 : number(name, byDefault);
}

/** Benches that live beside the code they measure. */
function packageBench(name: string): void {
  const directory = `${root}packages/${name}/bench`;
  const files = existsSync(directory) ? readdirSync(directory).filter((file) => file.endsWith('.ts')) : [];
  if (files.length === 0) throw new Error(`packages/${name} has no bench`);
  for (const file of files.toSorted()) {
    const { status } = spawnSync(process.execPath, [`${directory}/${file}`], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`packages/${name}/bench/${file} failed`);
  }
}

async function bench(what: string): Promise<void> {
  const write = !values['no-write'];
  switch (what) {
    case 'broker': {
      const { benchBroker } = await import('./bench/broker.ts');
      const kafkaPid = values['kafka-pid'] === undefined ? undefined : number('kafka-pid');
      const sizes = { runs: number('runs', 3), records: number('records', 300_000), seconds: number('seconds', 10) };
      return benchBroker({ ...sizes, kafkaBootstrap: values['kafka-bootstrap'], kafkaPid, write });
    }
    case 'groups': {
      const { benchGroups } = await import('./bench/groups.ts');
      const sizes = { runs: number('runs', 3), seconds: number('seconds'), groups: number('groups') };
      return benchGroups({ ...sizes, kafkaBootstrap: values['kafka-bootstrap'], write });
    }
    case 'scale': {
      const { benchScale } = await import('./bench/scale.ts');
      const sizes = {
        connections: number('connections'),
        topics: number('topics'),
        partitions: number('partitions', 10),
      };
      return benchScale({ ...sizes, fileHandles: number('file-handles'), write });
    }
    case 'compaction': {
      const { benchCompaction } = await import('./bench/compaction.ts');
      const sizes = { megabytes: number('megabytes', 1_024), keys: number('keys'), runs: number('runs', 3) };
      return benchCompaction({ ...sizes, seconds: number('seconds', 60), rate: number('rate'), write });
    }
    case 'replicated': {
      const { benchReplicated } = await import('./bench/replicated.ts');
      const sizes = { runs: number('runs', 3), records: number('records', 200_000), seconds: number('seconds', 10) };
      return benchReplicated({ ...sizes, isCompared: !values.alone, generator: values.load, write });
    }
    case 'failover': {
      const { benchFailover } = await import('./bench/failover.ts');
      const rounds = { rounds: count('rounds', 20), kafkaRounds: count('kafka-rounds', 3) };
      return benchFailover({ ...rounds, faults: ['kill', 'pause', 'restart'], write });
    }
    case 'rolling-restart': {
      const { benchFailover } = await import('./bench/failover.ts');
      return benchFailover({ rounds: 1, kafkaRounds: count('kafka-rounds', 1), faults: ['restart'], write });
    }
    case 'catch-up': {
      const { benchCatchUp } = await import('./bench/catch-up.ts');
      const sizes = { megabytes: number('megabytes', 5_120), rate: number('rate') };
      return benchCatchUp({ ...sizes, isCompared: !values.alone, write });
    }
    case 'idle-partitions': {
      const { benchIdlePartitions } = await import('./bench/idle-partitions.ts');
      const sizes = {
        partitions: number('partitions', 3_000),
        seconds: number('seconds', 30),
        rounds: count('rounds', 3),
      };
      return benchIdlePartitions({ ...sizes, isCompared: !values.alone, write });
    }
    case 'failover-controllers': {
      const { benchFailoverControllers } = await import('./bench/failover-controllers.ts');
      return benchFailoverControllers({ rounds: number('rounds', 30), write });
    }
    case 'metadata': {
      const { benchMetadata } = await import('./bench/metadata.ts');
      const sizes = { topics: number('topics'), partitions: number('partitions', 100), runs: number('runs', 300) };
      return benchMetadata({ ...sizes, replicationFactors: [1, 3], write });
    }
    case 'real-input': {
      const { benchRealInput } = await import('./bench/real-input.ts');
      return benchRealInput({ megabytes: number('megabytes', 300), write });
    }
    case 'image': {
      const { benchImage } = await import('./bench/image.ts');
      return benchImage({ runs: number('runs', 7), seconds: number('seconds', 60), write });
    }
    case 'profile': {
      const { benchProfile } = await import('./bench/profile.ts');
      return benchProfile({ records: number('records', 300_000), write });
    }
    case 'codec':
      return packageBench('protocol');
    case 'log':
      return packageBench('log');
    default:
      throw new Error(`'${what}' is no bench\n${USAGE}`);
  }
}

if (values.help) {
  process.stdout.write(`${USAGE}\n`);
} else {
  try {
    await bench(positionals[0] ?? 'broker');
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
