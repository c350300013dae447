/** The image: its size, how soon a container of it serves, and the memory of three idle nodes of a compose file. */
import { readFileSync } from 'node:fs';
import { setTimeout as passed } from 'node:timers/promises';
import { ApiKey } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { compose, Project } from '../../test/support/compose.ts';
import { build, Container, containers, IMAGE } from '../../test/support/container-image.ts';
import { must } from '../../test/support/run.ts';
import { eventually } from '../../test/support/target.ts';
import { rssMb } from './apache-kafka.ts';
import { median } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

type ImageBench = { readonly runs: number; readonly seconds: number; readonly write: boolean };

const SERVES_WITHIN_MS = 60_000;

export async function benchImage({ runs, seconds, write }: ImageBench): Promise<void> {
  const engine = containers();
  if (engine.use === undefined) throw new Error(engine.missing);
  await build();
  const starts: Start[] = [];
  for (let run = 0; run < runs; run += 1) starts.push(await measureStart());
  const bytes = Number(await must(['docker', 'image', 'inspect', '--format', '{{.Size}}', IMAGE]));
  const idle = await measureIdle(seconds);
  const of = (values: readonly number[]): string =>
    `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)})`;
  const ready = starts.map((start) => start.readyS);
  const check = starts.map((start) => start.checkCpuS);
  const met = (holds: boolean): string => (holds ? 'met' : '**missed**');
  const list = (values: readonly number[]): string => values.map((mb) => mb.toFixed(0)).join(', ');
  const rows = [
    ['size of the image, MB', (bytes / 1e6).toFixed(0), '', ''],
    ['`docker run` to the first answer to a client, s', of(starts.map((start) => start.answerS)), '', ''],
    ['process in the container to ready, s', of(ready), '< 1', met(median(ready) < 1)],
    ['the same, s of CPU', of(starts.map((start) => start.cpuS)), '', ''],
    ['health check, s of CPU', of(check), '< 0.1', met(median(check) < 0.1)],
    [
      'memory at rest of each of three nodes, MB',
      list(idle.map(({ wholeMb }) => wholeMb)),
      '< 100',
      met(idle.every(({ wholeMb }) => wholeMb < 100)),
    ],
    ['of it not shared with other containers of the image, MB', list(idle.map(({ ownMb }) => ownMb)), '', ''],
  ];
  const text = `${circumstances()} ${runs} starts; three nodes by deploy/compose/three.yml, ${seconds} s without a client.\n\n${markdownTable(['', 'Odradek', 'goal', ''], rows)}`;
  process.stdout.write(`${text}\n`);
  if (write) writeSection('image', text);
}

type Start = {
  readonly answerS: number;
  readonly readyS: number;
  readonly cpuS: number;
  readonly checkCpuS: number;
};

async function measureStart(): Promise<Start> {
  const fromMs = performance.now();
  await using container = await Container.start(['--no-healthcheck', IMAGE]);
  const address = await container.inspect<string>('.NetworkSettings.IPAddress');
  await eventually('a client is answered', () => answers(`${address}:9092`), SERVES_WITHIN_MS);
  const answerS = (performance.now() - fromMs) / 1_000;
  const isReady = async (): Promise<boolean> => (await container.logs()).includes('"readyMs"');
  await eventually('it says that it is ready', isReady, SERVES_WITHIN_MS);
  const readyMs = /"readyMs":(\d+)/.exec(await container.logs())?.[1];
  const cpuS = cpuSeconds(await container.inspect<number>('.State.Pid'));
  const times = await container.exec('bash', '-c', '{ TIMEFORMAT="%U %S"; time healthcheck; } 2>&1');
  return { answerS, readyS: Number(readyMs) / 1_000, cpuS, checkCpuS: cpuOf(times) };
}

/** The last line: seconds in the process and in the kernel for it. */
function cpuOf(text: string): number {
  const [user, system] = text.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  return (user ?? Number.NaN) + (system ?? Number.NaN);
}

async function answers(address: string): Promise<boolean> {
  try {
    using wire = await Wire.open(address);
    const { brokers } = await wire.call(ApiKey.Metadata, { topics: [], allowAutoTopicCreation: false });
    return brokers.length > 0;
  } catch {
    return false;
  }
}

type Idle = { readonly wholeMb: number; readonly ownMb: number };

/** Resident memory of each node's process; the program itself, mapped from the image, is one for all containers. */
async function measureIdle(seconds: number): Promise<Idle[]> {
  const command = compose();
  if (command.use === undefined) throw new Error(command.missing);
  const environment = { ODRADEK_IMAGE: IMAGE };
  await using project = new Project({
    command: command.use,
    name: 'odradek-bench-image',
    files: ['three.yml'],
    environment,
  });
  const nodes = ['kafka-1', 'kafka-2', 'kafka-3'];
  await project.up(...nodes);
  await passed(seconds * 1_000);
  const processes = await Promise.all(nodes.map(async (node) => (await project.inspect(node)).State.Pid));
  return processes.map((pid) => ({ wholeMb: rssMb(pid), ownMb: ownMb(pid) }));
}

function ownMb(pid: number): number {
  const line = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? Number.NaN) / 1024;
}

/** Clock ticks are hundredths of a second on Linux. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
